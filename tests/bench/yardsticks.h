#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/directory.h"
#include "kernel/netlink.h"
#include "kernel/packet_match.h"

namespace faultd::bench {

// The least that a blackhole takes: the messages to the kernel that make the link and the rules,
// and a small file that is on disk before them.
class BareNetlink {
 public:
  // `directory` has to be on the file system of the daemon's journal.
  BareNetlink(const std::string& directory, const std::vector<std::string>& cidrs);

  void Noop();     // a round trip to the kernel that does nothing
  void GetLink();  // … that looks up one link
  void WriteRecord();
  void Inject();
  void Revert();   // ends the effect
  void CleanUp();  // removes the record and the link

 private:
  std::unique_ptr<Directory> directory_;
  NetlinkSocket route_;
  NetlinkSocket netfilter_;
  AddressSet addresses_;
};

// The same blackhole by commands: ip(8) for the link, and nft(8) for all rules, or tc(8) with four
// commands in all, for one address.
class Commands {
 public:
  // Puts the text for nft into `directory`.
  Commands(const std::string& directory, const std::vector<std::string>& cidrs);

  void InjectWithNft();
  void RevertWithNft();
  void InjectWithTc();
  void RevertWithTc();

 private:
  std::string ruleset_;
  std::string first_cidr_;
};

}  // namespace faultd::bench
