#include "kernel/nft_state.h"

#include <endian.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "kernel/nft_batch.h"

namespace faultd::nft {
namespace {

using Payload = std::span<const std::byte>;

std::string_view TextOf(Payload data) {
  const char* begin = reinterpret_cast<const char*>(data.data());
  return {begin, strnlen(begin, data.size())};
}

uint32_t Be32Of(Payload data) {
  uint32_t value = 0;
  memcpy(&value, data.data(), std::min(data.size(), sizeof(value)));
  return be32toh(value);
}

uint64_t Be64Of(Payload data) {
  uint64_t value = 0;
  memcpy(&value, data.data(), std::min(data.size(), sizeof(value)));
  return be64toh(value);
}

// Dumps everything of a type that is in our table, whose name is the attribute `table_attribute`.
Status DumpOfTable(NetlinkSocket& socket, uint8_t type, int table_attribute,
                   std::string_view attempt, const std::function<void(Payload)>& each,
                   const std::function<void()>& restart) {
  NetlinkMessage request = DumpRequest(type);
  return socket.Query(
      request, attempt,
      [&](const nlmsghdr* header) {
        const Payload attributes = AttributesOf(header, sizeof(nfgenmsg));
        bool ours = false;
        ForEachAttribute(attributes, [&](int attribute, Payload data) {
          ours |= attribute == table_attribute && TextOf(data) == kTableName;
        });
        if (ours) each(attributes);
      },
      restart);
}

PacketCounter CounterOf(Payload attributes) {
  PacketCounter counter;
  ForEachAttribute(attributes, [&](int attribute, Payload data) {
    if (attribute == NFTA_COUNTER_PACKETS) counter.packets = Be64Of(data);
    if (attribute == NFTA_COUNTER_BYTES) counter.bytes = Be64Of(data);
  });
  return counter;
}

}  // namespace

StatusOr<std::optional<TableState>> FindTable(NetlinkSocket& socket) {
  std::optional<TableState> found;
  Status status = DumpOfTable(
      socket, NFT_MSG_GETTABLE, NFTA_TABLE_NAME, "list nftables tables",
      [&](Payload attributes) {
        found.emplace();
        ForEachAttribute(attributes, [&](int attribute, Payload data) {
          if (attribute == NFTA_TABLE_OWNER) found->owner = Be32Of(data);
        });
      },
      [&] { found.reset(); });
  // What a kernel without nf_tables answers; it has no tables of ours then.
  constexpr std::array kNoNftables = {EINVAL, EOPNOTSUPP, EAFNOSUPPORT, EPROTONOSUPPORT};
  if (!status.ok() && std::ranges::find(kNoNftables, ErrnoOf(status)) == kNoNftables.end()) {
    return status;
  }
  return found;
}

StatusOr<Chains> ReadChains(NetlinkSocket& socket) {
  Chains chains;
  RETURN_IF_ERROR(DumpOfTable(
      socket, NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, "list nftables chains",
      [&](Payload attributes) {
        std::string name;
        bool base = false;
        uint32_t use = 0;
        ForEachAttribute(attributes, [&](int attribute, Payload data) {
          if (attribute == NFTA_CHAIN_NAME) name = TextOf(data);
          if (attribute == NFTA_CHAIN_USE) use = Be32Of(data);
          base |= attribute == NFTA_CHAIN_HOOK;
        });
        if (base) {
          chains.base.insert(std::move(name));
        } else {
          chains.regular.emplace(std::move(name), use);
        }
      },
      [&] { chains = {}; }));
  return chains;
}

StatusOr<std::set<std::string>> FindChains(NetlinkSocket& socket, std::set<std::string> names) {
  for (auto name = names.begin(); name != names.end();) {
    NetlinkMessage request = ChainRequest(*name);
    Status status = socket.Execute(request, StrCat("look for nftables chain ", *name));
    if (!status.ok() && ErrnoOf(status) != ENOENT) return status;
    name = status.ok() ? std::next(name) : names.erase(name);
  }
  return names;
}

StatusOr<std::map<std::string, PacketCounter>> ReadCounters(NetlinkSocket& socket) {
  std::map<std::string, PacketCounter> counters;
  RETURN_IF_ERROR(DumpOfTable(
      socket, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, "list nftables counters",
      [&](Payload attributes) {
        std::string name;
        uint32_t type = 0;
        PacketCounter counter;
        ForEachAttribute(attributes, [&](int attribute, Payload data) {
          if (attribute == NFTA_OBJ_NAME) name = TextOf(data);
          if (attribute == NFTA_OBJ_TYPE) type = Be32Of(data);
          if (attribute == NFTA_OBJ_DATA) counter = CounterOf(data);
        });
        if (type == NFT_OBJECT_COUNTER) counters[name] = counter;
      },
      [&] { counters.clear(); }));
  return counters;
}

}  // namespace faultd::nft
