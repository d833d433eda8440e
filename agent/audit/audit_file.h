#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "audit/chain.h"
#include "audit/entry.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace faultd {

// Where an audit log is kept, and how much of it.
struct AuditPlace {
  std::string directory = "/var/log/faultd";
  uint64_t max_size = 10 << 20;  // of one file
  int keep = 10;                 // older files
  std::string path() const { return directory + "/audit.jsonl"; }
};

// The files of an audit log as their one writer sees them. Goes on with the chain that it finds;
// what is missing or torn there is told in a line of its own. Calls may block on the disk.
class AuditFile {
 public:
  explicit AuditFile(AuditPlace place) : place_(std::move(place)) {}

  // Returns the line. On errors nothing is left of it, and the next call tries everything anew.
  StatusOr<std::string> Append(const AuditEntry& entry);
  Status Sync();
  // The next call opens them again.
  void Close();

 private:
  Status Open();
  Status CutTornLine(std::string& tail);
  void FindEnd(const std::string& tail);
  StatusOr<std::string> Write(const AuditEntry& entry);
  Status Rotate();
  uint64_t OldestSeq() const;
  bool IsSame() const;
  void WriteHead();

  const AuditPlace place_;
  UniqueFd fd_;
  UniqueFd head_fd_;
  uint64_t size_ = 0;
  ChainHead head_;
  std::vector<std::string> notes_;  // what was found when it was opened, to be told in lines
};

}  // namespace faultd
