#pragma once

#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <functional>
#include <utility>

#include "base/unique_fd.h"
#include "daemon/asio_loop.h"

namespace faultd {

// Accepts connections on a listening socket for as long as that is open; `accepted` gets each as a
// non-blocking descriptor.
template <typename Acceptor>
void AcceptAll(AsioLoop& loop, Acceptor& acceptor, std::function<void(UniqueFd)> accepted) {
  acceptor.async_accept([&loop, &acceptor, accepted = std::move(accepted)](
                            const boost::system::error_code& error,
                            typename Acceptor::protocol_type::socket socket) mutable {
    if (error == boost::asio::error::operation_aborted) return;
    if (error) {
      // Out of descriptors, most likely. The connection waits in the backlog.
      constexpr std::chrono::milliseconds kPause{100};
      spdlog::warn("accept: {}", error.message());
      loop.At(SystemClock().Now() + kPause, [&loop, &acceptor, accepted = std::move(accepted)] {
        AcceptAll(loop, acceptor, accepted);
      });
      return;
    }
    const int fd = socket.release();
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    accepted(UniqueFd(fd));
    AcceptAll(loop, acceptor, std::move(accepted));
  });
}

}  // namespace faultd
