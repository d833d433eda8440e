#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"
#include "kernel/links.h"
#include "kernel/netlink.h"

// What Links asks of rtnetlink (rtnetlink(7)), one function for each question.
namespace faultd {

StatusOr<std::vector<Link>> DumpLinks(NetlinkSocket& socket);

// NOT_FOUND: "no interface named x".
StatusOr<Link> GetLink(NetlinkSocket& socket, std::string_view name);

// Interface indices of the default routes of the main table; may name one several times.
StatusOr<std::vector<int>> DumpDefaultRoutes(NetlinkSocket& socket);

// Adds an ifb with our group, still without alias and down.
Status AddIfb(NetlinkSocket& socket, std::string_view name);

// Gives the link our alias and sets it up if asked.
Status TagLink(NetlinkSocket& socket, std::string_view name, bool up);

// Deletes those of `indices` that are links of ours; the others are left alone.
Status DeleteOurLinks(NetlinkSocket& socket, const std::vector<int>& indices);

}  // namespace faultd
