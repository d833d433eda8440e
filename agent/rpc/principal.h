#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

// How configuration says who somebody is: "user:NAME" or "group:NAME" for the unix socket, or a
// subject alternative name of a certificate: "uri:PATTERN", "dns:PATTERN", "email:PATTERN",
// "ip:ADDRESS". In a pattern
// "*" stands for any characters but "/", and in DNS names but "."; "**" at its end for all that
// follows.
namespace faultd {

// INVALID_ARGUMENT saying what is expected of an entry.
Status ValidatePrincipal(std::string_view entry);

// "user:root" as "user:0", which is how the kernel names peers. NOT_FOUND when there is no such
// user or group on this host. Others stay as they are. Asks NSS: not on the loop.
StatusOr<std::string> WithNumber(const std::string& entry);

// Whether one of the names of a peer (Peer::names) is meant by one of the entries.
bool AnyMatches(const std::vector<std::string>& entries, const std::vector<std::string>& names);

}  // namespace faultd
