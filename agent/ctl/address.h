#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace faultd::ctl {

// Where a daemon listens: "unix:/run/faultd/faultd.sock" (or just the path),
// "db1.example.com:7443", "10.0.0.5", "[2001:db8::5]:7443"; without a port it is 7443. Returns it
// with its "unix:" or port. The message of an error begins with the text in quotes.
StatusOr<std::string> ParseAddress(std::string_view text);

// Whether an address that ParseAddress returned is that of a unix socket.
bool IsUnix(std::string_view address);

}  // namespace faultd::ctl
