#include "kernel/link_messages.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace faultd {
namespace {

using Bytes = std::span<const std::byte>;

Link ParseLink(const nlmsghdr* message) {
  const auto info = HeaderOf<ifinfomsg>(message);
  Link link{.index = info.ifi_index, .up = (info.ifi_flags & IFF_UP) != 0};
  ForEachAttribute(AttributesOf(message, sizeof(info)), [&](int type, Bytes data) {
    if (type == IFLA_IFNAME) link.name = PayloadString(data);
    if (type == IFLA_IFALIAS) link.alias = PayloadString(data);
    if (type == IFLA_GROUP) link.group = PayloadAs<uint32_t>(data);
    if (type != IFLA_LINKINFO) return;
    ForEachAttribute(data, [&](int inner, Bytes value) {
      if (inner == IFLA_INFO_KIND) link.kind = PayloadString(value);
    });
  });
  return link;
}

NetlinkMessage LinkQuery(uint16_t flags) {
  NetlinkMessage message(RTM_GETLINK, flags);
  message.PutHeader(ifinfomsg{.ifi_family = AF_UNSPEC});
  message.PutU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return message;
}

// No name that the kernel would take as one.
bool IsImpossibleName(std::string_view name) { return name.empty() || name.size() >= IFNAMSIZ; }

void CollectHops(Bytes hops, std::vector<int>& indices) {
  while (hops.size() >= sizeof(rtnexthop)) {
    const auto hop = PayloadAs<rtnexthop>(hops);
    if (hop.rtnh_len < sizeof(hop)) return;
    indices.push_back(hop.rtnh_ifindex);
    hops = hops.subspan(std::min<size_t>(RTNH_ALIGN(hop.rtnh_len), hops.size()));
  }
}

void CollectDefaultRoute(const nlmsghdr* message, std::vector<int>& indices) {
  const auto route = HeaderOf<rtmsg>(message);
  // Routes of other types lead nowhere: "unreachable default" is what IPv6 hosts have without one.
  if (route.rtm_dst_len != 0 || route.rtm_type != RTN_UNICAST) return;
  uint32_t table = route.rtm_table;
  std::vector<int> found;
  ForEachAttribute(AttributesOf(message, sizeof(route)), [&](int type, Bytes data) {
    if (type == RTA_TABLE) table = PayloadAs<uint32_t>(data);
    if (type == RTA_OIF) found.push_back(PayloadAs<int>(data));
    if (type == RTA_MULTIPATH) CollectHops(data, found);
  });
  if (table == RT_TABLE_MAIN) indices.insert(indices.end(), found.begin(), found.end());
}

Status IgnoreGone(const Status& status) {
  return ErrnoOf(status) == ENODEV ? absl::OkStatus() : status;
}

Status DeleteLink(NetlinkSocket& socket, const Link& link) {
  NetlinkMessage message(RTM_DELLINK, 0);
  message.PutHeader(ifinfomsg{.ifi_family = AF_UNSPEC, .ifi_index = link.index});
  return IgnoreGone(socket.Execute(message, StrCat("delete link ", link.name)));
}

// Deleting takes the kernel one grace period (10 to 40 ms) per request and not per link, so several
// are moved to a group of their own and deleted with it.
Status DeleteByGroup(NetlinkSocket& socket, const std::vector<Link>& links) {
  Status status;
  for (const Link& link : links) {
    NetlinkMessage message(RTM_SETLINK, 0);
    message.PutHeader(ifinfomsg{.ifi_family = AF_UNSPEC, .ifi_index = link.index});
    message.PutU32(IFLA_GROUP, kLinkTrashGroup);
    MergeStatus(status, IgnoreGone(socket.Execute(
                            message, StrCat("move link ", link.name, " to the group to delete"))));
  }
  NetlinkMessage message(RTM_DELLINK, 0);
  message.PutHeader(ifinfomsg{.ifi_family = AF_UNSPEC});
  message.PutU32(IFLA_GROUP, kLinkTrashGroup);
  MergeStatus(status, IgnoreGone(socket.Execute(
                          message, StrCat("delete ", links.size(), " links by group"))));
  return status;
}

}  // namespace

StatusOr<std::vector<Link>> DumpLinks(NetlinkSocket& socket) {
  NetlinkMessage message = LinkQuery(NLM_F_DUMP);
  std::vector<Link> links;
  RETURN_IF_ERROR(socket.Query(
      message, "list interfaces",
      [&](const nlmsghdr* answer) {
        if (answer->nlmsg_type == RTM_NEWLINK) links.push_back(ParseLink(answer));
      },
      [&] { links.clear(); }));
  return links;
}

StatusOr<Link> GetLink(NetlinkSocket& socket, std::string_view name) {
  Link link;
  Status status = absl::NotFoundError("");
  if (!IsImpossibleName(name)) {
    NetlinkMessage message = LinkQuery(0);
    message.PutString(IFLA_IFNAME, name);
    status = socket.Query(message, StrCat("look up interface ", name),
                          [&](const nlmsghdr* answer) { link = ParseLink(answer); });
  }
  if (absl::IsNotFound(status)) return absl::NotFoundError(StrCat("no interface named ", name));
  RETURN_IF_ERROR(status);
  return link;
}

StatusOr<std::vector<int>> DumpDefaultRoutes(NetlinkSocket& socket) {
  std::vector<int> indices;
  for (const uint8_t family : std::initializer_list<uint8_t>{AF_INET, AF_INET6}) {
    NetlinkMessage message(RTM_GETROUTE, NLM_F_DUMP);
    message.PutHeader(rtmsg{.rtm_family = family, .rtm_table = RT_TABLE_MAIN});
    const size_t before = indices.size();
    const Status status = socket.Query(
        message, "list default routes",
        [&](const nlmsghdr* answer) {
          if (answer->nlmsg_type == RTM_NEWROUTE) CollectDefaultRoute(answer, indices);
        },
        [&] { indices.resize(before); });
    // A kernel without IPv6 has no routes of it.
    if (ErrnoOf(status) != EOPNOTSUPP && ErrnoOf(status) != EAFNOSUPPORT) RETURN_IF_ERROR(status);
  }
  return indices;
}

Status AddIfb(NetlinkSocket& socket, std::string_view name) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.PutHeader(ifinfomsg{.ifi_family = AF_UNSPEC});
  message.PutString(IFLA_IFNAME, name);
  message.PutU32(IFLA_GROUP, kLinkGroup);
  message.PutU32(IFLA_NUM_TX_QUEUES, 1);
  message.PutU32(IFLA_NUM_RX_QUEUES, 1);
  message.Nest(IFLA_LINKINFO, [&] { message.PutString(IFLA_INFO_KIND, "ifb"); });
  return socket.Execute(message, StrCat("add link ", name));
}

Status TagLink(NetlinkSocket& socket, std::string_view name, bool up) {
  NetlinkMessage message(RTM_SETLINK, 0);
  message.PutHeader(ifinfomsg{.ifi_family = AF_UNSPEC,
                              .ifi_flags = up ? static_cast<unsigned>(IFF_UP) : 0,
                              .ifi_change = IFF_UP});
  message.PutString(IFLA_IFNAME, name);
  message.PutString(IFLA_IFALIAS, kLinkAlias);
  return socket.Execute(message, StrCat("set up link ", name));
}

Status DeleteOurLinks(NetlinkSocket& socket, const std::vector<int>& indices) {
  ASSIGN_OR_RETURN(const std::vector<Link> present, DumpLinks(socket));
  std::vector<Link> doomed;
  bool group_is_ours = true;
  for (const Link& link : present) {
    if (!IsOurs(link)) {
      group_is_ours &= link.group != kLinkTrashGroup;
    } else if (std::find(indices.begin(), indices.end(), link.index) != indices.end()) {
      doomed.push_back(link);
    }
  }
  if (doomed.size() > 1 && group_is_ours) return DeleteByGroup(socket, doomed);
  Status status;
  for (const Link& link : doomed) MergeStatus(status, DeleteLink(socket, link));
  return status;
}

}  // namespace faultd
