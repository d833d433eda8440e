#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "base/status.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>

namespace faultd {

// Tries the addresses one after the other, each with its share of the time, and returns the first
// connection there is. Otherwise the error of the last: DEADLINE_EXCEEDED or UNAVAILABLE.
boost::asio::awaitable<StatusOr<std::unique_ptr<boost::beast::tcp_stream>>> ConnectToAny(
    std::vector<boost::asio::ip::tcp::endpoint> endpoints,
    std::chrono::steady_clock::time_point deadline);

}  // namespace faultd
