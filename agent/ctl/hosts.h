#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace faultd::ctl {

// A host that a command goes to.
struct Host {
  std::string name;     // as it was typed
  std::string address;  // as ParseAddress returns it
};

// So many at most: this is for a handful of hosts.
inline constexpr size_t kMostHosts = 256;

StatusOr<Host> ParseHost(std::string_view text);

// The hosts of a file: an address as ParseAddress takes it per line, "#" begins a comment. Errors
// begin with path:line.
StatusOr<std::vector<Host>> ReadHostsFile(const std::string& path);

// How many of `hosts` hosts "ALL", "COUNT(2)" or "PERCENT(25)" are, as in AWS FIS. Parts of a host
// do not count, but one host is chosen at least. Errors are about what follows the option.
StatusOr<size_t> ParseSelection(std::string_view text, size_t hosts);

// So many of the hosts, at random, in their order.
std::vector<Host> Choose(const std::vector<Host>& hosts, size_t count);

}  // namespace faultd::ctl
