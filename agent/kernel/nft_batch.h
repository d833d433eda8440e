#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kernel/netlink.h"
#include "kernel/nft_rule.h"
#include "kernel/packet_match.h"
#include "kernel/steering.h"

// Messages of nf_tables (linux/netfilter/nf_tables.h) about the one table that is ours.
namespace faultd::nft {

inline constexpr std::string_view kTableName = "faultd";

// One transaction about the table: all of it happens or nothing. Deleting what others still refer
// to fails, so delete users before what they use.
class Batch {
 public:
  Batch();

  void AddTable();  // owned by the sending socket; no error when it is there and owned already
  void DeleteTable();
  void AddBaseChain(std::string_view name, std::string_view device, Direction direction);
  void AddChain(std::string_view name);
  void DeleteChain(std::string_view name);
  void DeleteRules(std::string_view chain);
  void AddRule(std::string_view chain, const std::function<void(RuleWriter&)>& expressions);
  void AddCounter(std::string_view name, const PacketCounter& start);
  void DeleteCounter(std::string_view name);
  void AddSet(std::string_view name, const AddressSet& addresses);
  void DeleteSet(std::string_view name);

  // Sends it and waits for the outcome. To be called once.
  Status Send(NetlinkSocket& socket, std::string_view attempt);

 private:
  NetlinkMessage& Add(uint8_t type, uint16_t flags, std::string attempt, size_t capacity = 256);
  void AddElements(std::string_view set, const AddressSet& addresses, bool intervals);

  std::vector<NetlinkMessage> messages_;
  std::vector<std::string> attempts_;
  uint32_t next_set_id_ = 1;
};

// What a batch's error says when a rule needs an expression that the kernel does not have, and when
// the kernel does not know owned tables.
bool IsMissingExpression(const Status& error);
bool IsRefusedTable(const Status& error);

// A request for everything of one type (NFT_MSG_GET…) in the netdev family.
NetlinkMessage DumpRequest(uint8_t type);
// A request for one chain of the table.
NetlinkMessage ChainRequest(std::string_view name);

}  // namespace faultd::nft
