#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/status.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace faultd {

// The addresses of a host, in the order the system's resolver prefers. An address stands for itself
// and asks nobody. DEADLINE_EXCEEDED when the resolver hangs, which it may go on doing in its
// thread.
boost::asio::awaitable<StatusOr<std::vector<boost::asio::ip::tcp::endpoint>>> ResolveHost(
    const std::string& host, uint16_t port, std::chrono::steady_clock::time_point deadline);

}  // namespace faultd
