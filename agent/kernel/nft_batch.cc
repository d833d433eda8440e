#include "kernel/nft_batch.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "absl/strings/match.h"
#include "base/ip.h"
#include "kernel/address_bytes.h"

namespace faultd::nft {
namespace {

// After the filters of everybody else (others use -500 to 300): they go on seeing each packet
// before it is diverted, which matters because a diverted packet passes the device's hooks only
// once.
constexpr int kPriority = 1000;

// How messages are named in errors.
constexpr std::string_view kRuleAttempt = "add rule to chain ";
constexpr std::string_view kTableAttempt = "add owned table";

// An attribute holds at most 64 KiB.
constexpr size_t kElementBytes = 60'000;

// nft(8)'s numbers for the types of keys, by which it shows sets.
constexpr uint32_t kTypeIpv4Address = 7;
constexpr uint32_t kTypeIpv6Address = 8;

uint16_t TypeOf(uint8_t message) {
  return static_cast<uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | message);
}

nfgenmsg Header(uint8_t family, uint16_t resource) {
  return {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
}

NetlinkMessage Frame(uint16_t type) {
  NetlinkMessage message(type, 0, 64);
  message.PutHeader(Header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  return message;
}

// Elements of a set in the form of the kernel. There may be many thousands, so they are put
// together without the generality of NetlinkMessage.
class ElementList {
 public:
  explicit ElementList(Family family) : family_(family) {}

  void Add(absl::uint128 address, bool interval_end) {
    const AddressBytes key(family_, address);
    const size_t value = NLA_HDRLEN + key.bytes().size();
    const size_t flags = interval_end ? NLA_HDRLEN + sizeof(uint32_t) : 0;
    PutHeader(2 * size_t{NLA_HDRLEN} + value + flags, NFTA_LIST_ELEM | NLA_F_NESTED);
    PutHeader(NLA_HDRLEN + value, NFTA_SET_ELEM_KEY | NLA_F_NESTED);
    PutHeader(value, NFTA_DATA_VALUE);
    Put(key.bytes());
    if (!interval_end) return;
    PutHeader(flags, NFTA_SET_ELEM_FLAGS);
    const uint32_t end = htonl(NFT_SET_ELEM_INTERVAL_END);
    Put(std::as_bytes(std::span(&end, 1)));
  }

  const std::vector<std::byte>& bytes() const { return bytes_; }
  void clear() { bytes_.clear(); }

 private:
  void PutHeader(size_t length, int type) {
    const nlattr header{.nla_len = static_cast<uint16_t>(length),
                        .nla_type = static_cast<uint16_t>(type)};
    Put(std::as_bytes(std::span(&header, 1)));
  }
  void Put(std::span<const std::byte> data) {
    bytes_.insert(bytes_.end(), data.begin(), data.end());
  }

  Family family_;
  std::vector<std::byte> bytes_;
};

}  // namespace

Batch::Batch() {
  messages_.push_back(Frame(NFNL_MSG_BATCH_BEGIN));
  attempts_.emplace_back();
}

NetlinkMessage& Batch::Add(uint8_t type, uint16_t flags, std::string attempt, size_t capacity) {
  messages_.emplace_back(TypeOf(type), flags, capacity);
  attempts_.push_back(std::move(attempt));
  messages_.back().PutHeader(Header(NFPROTO_NETDEV, 0));
  return messages_.back();
}

void Batch::AddTable() {
  NetlinkMessage& message = Add(NFT_MSG_NEWTABLE, NLM_F_CREATE, std::string(kTableAttempt));
  message.PutString(NFTA_TABLE_NAME, kTableName);
  message.PutBe32(NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
}

void Batch::DeleteTable() {
  Add(NFT_MSG_DELTABLE, 0, "delete table").PutString(NFTA_TABLE_NAME, kTableName);
}

void Batch::AddBaseChain(std::string_view name, std::string_view device, Direction direction) {
  NetlinkMessage& message =
      Add(NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL,
          StrCat("hook chain ", name, " to ",
                 direction == Direction::kEgress ? "egress" : "ingress", " of ", device));
  message.PutString(NFTA_CHAIN_TABLE, kTableName);
  message.PutString(NFTA_CHAIN_NAME, name);
  message.Nest(NFTA_CHAIN_HOOK, [&] {
    message.PutBe32(NFTA_HOOK_HOOKNUM,
                    direction == Direction::kEgress ? NF_NETDEV_EGRESS : NF_NETDEV_INGRESS);
    message.PutBe32(NFTA_HOOK_PRIORITY, kPriority);
    message.PutString(NFTA_HOOK_DEV, device);
  });
  message.PutString(NFTA_CHAIN_TYPE, "filter");
  message.PutBe32(NFTA_CHAIN_POLICY, NF_ACCEPT);
}

void Batch::AddChain(std::string_view name) {
  NetlinkMessage& message =
      Add(NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, StrCat("add chain ", name));
  message.PutString(NFTA_CHAIN_TABLE, kTableName);
  message.PutString(NFTA_CHAIN_NAME, name);
}

void Batch::DeleteChain(std::string_view name) {
  NetlinkMessage& message = Add(NFT_MSG_DELCHAIN, 0, StrCat("delete chain ", name));
  message.PutString(NFTA_CHAIN_TABLE, kTableName);
  message.PutString(NFTA_CHAIN_NAME, name);
}

void Batch::DeleteRules(std::string_view chain) {
  NetlinkMessage& message = Add(NFT_MSG_DELRULE, 0, StrCat("empty chain ", chain));
  message.PutString(NFTA_RULE_TABLE, kTableName);
  message.PutString(NFTA_RULE_CHAIN, chain);
}

void Batch::AddRule(std::string_view chain, const std::function<void(RuleWriter&)>& expressions) {
  NetlinkMessage& message =
      Add(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, StrCat(kRuleAttempt, chain), 1024);
  message.PutString(NFTA_RULE_TABLE, kTableName);
  message.PutString(NFTA_RULE_CHAIN, chain);
  message.Nest(NFTA_RULE_EXPRESSIONS, [&] {
    RuleWriter writer(message);
    expressions(writer);
  });
}

void Batch::AddCounter(std::string_view name, const PacketCounter& start) {
  NetlinkMessage& message =
      Add(NFT_MSG_NEWOBJ, NLM_F_CREATE | NLM_F_EXCL, StrCat("add counter ", name));
  message.PutString(NFTA_OBJ_TABLE, kTableName);
  message.PutString(NFTA_OBJ_NAME, name);
  message.PutBe32(NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
  message.Nest(NFTA_OBJ_DATA, [&] {
    message.PutBe64(NFTA_COUNTER_BYTES, start.bytes);
    message.PutBe64(NFTA_COUNTER_PACKETS, start.packets);
  });
}

void Batch::DeleteCounter(std::string_view name) {
  NetlinkMessage& message = Add(NFT_MSG_DELOBJ, 0, StrCat("delete counter ", name));
  message.PutString(NFTA_OBJ_TABLE, kTableName);
  message.PutString(NFTA_OBJ_NAME, name);
  message.PutBe32(NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
}

void Batch::AddSet(std::string_view name, const AddressSet& addresses) {
  const std::vector<IpRange>& ranges = addresses.ranges();
  const bool intervals =
      !std::ranges::all_of(ranges, [](const IpRange& range) { return range.first == range.last; });
  const bool v4 = addresses.family() == Family::kIpv4;
  NetlinkMessage& message =
      Add(NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, StrCat("add set ", name));
  message.PutString(NFTA_SET_TABLE, kTableName);
  message.PutString(NFTA_SET_NAME, name);
  message.PutBe32(NFTA_SET_FLAGS, intervals ? NFT_SET_INTERVAL : 0);
  message.PutBe32(NFTA_SET_KEY_TYPE, v4 ? kTypeIpv4Address : kTypeIpv6Address);
  message.PutBe32(NFTA_SET_KEY_LEN, v4 ? 4 : 16);
  message.PutBe32(NFTA_SET_ID, next_set_id_++);
  if (!intervals) {
    message.Nest(NFTA_SET_DESC, [&] {
      message.PutBe32(NFTA_SET_DESC_SIZE, static_cast<uint32_t>(ranges.size()));
    });
  }
  AddElements(name, addresses, intervals);
}

void Batch::AddElements(std::string_view set, const AddressSet& addresses, bool intervals) {
  const Family family = addresses.family();
  const std::vector<IpRange>& ranges = addresses.ranges();
  ElementList elements(family);
  const auto flush = [&] {
    NetlinkMessage& message = Add(NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL,
                                  StrCat("fill set ", set), elements.bytes().size() + 256);
    message.PutString(NFTA_SET_ELEM_LIST_TABLE, kTableName);
    message.PutString(NFTA_SET_ELEM_LIST_SET, set);
    message.Put(NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, elements.bytes().data(),
                elements.bytes().size());
    elements.clear();
  };
  // A range is two elements, its first address and the end mark one after its last. What lies
  // before the first range gets an end mark too, as nft(8) does it.
  if (intervals && ranges.front().first != 0) elements.Add(0, true);
  for (const IpRange& range : ranges) {
    elements.Add(range.first, false);
    if (intervals && range.last != MaxAddress(family)) elements.Add(range.last + 1, true);
    if (elements.bytes().size() > kElementBytes) flush();
  }
  if (!elements.bytes().empty()) flush();
}

void Batch::DeleteSet(std::string_view name) {
  NetlinkMessage& message = Add(NFT_MSG_DELSET, 0, StrCat("delete set ", name));
  message.PutString(NFTA_SET_TABLE, kTableName);
  message.PutString(NFTA_SET_NAME, name);
}

Status Batch::Send(NetlinkSocket& socket, std::string_view attempt) {
  messages_.push_back(Frame(NFNL_MSG_BATCH_END));
  attempts_.emplace_back();
  return socket.ExecuteBatch(messages_, attempts_, attempt);
}

bool IsMissingExpression(const Status& error) {
  return ErrnoOf(error) == ENOENT && absl::StrContains(error.message(), ToAbsl(kRuleAttempt));
}

bool IsRefusedTable(const Status& error) {
  return ErrnoOf(error) == EINVAL && absl::StrContains(error.message(), ToAbsl(kTableAttempt));
}

NetlinkMessage DumpRequest(uint8_t type) {
  NetlinkMessage message(TypeOf(type), NLM_F_DUMP);
  message.PutHeader(Header(NFPROTO_NETDEV, 0));
  return message;
}

NetlinkMessage ChainRequest(std::string_view name) {
  NetlinkMessage message(TypeOf(NFT_MSG_GETCHAIN), 0, 256);
  message.PutHeader(Header(NFPROTO_NETDEV, 0));
  message.PutString(NFTA_CHAIN_TABLE, kTableName);
  message.PutString(NFTA_CHAIN_NAME, name);
  return message;
}

}  // namespace faultd::nft
