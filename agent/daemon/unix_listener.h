#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/asio_loop.h"
#include <boost/asio/local/stream_protocol.hpp>

namespace faultd {

// Listens on a unix socket of mode 0660 and hands over each connection.
class UnixListener {
 public:
  // Replaces a socket that an earlier process left. `group` may not exist: then the socket is the
  // daemon's group's.
  static StatusOr<std::unique_ptr<UnixListener>> Open(AsioLoop& loop, const std::string& path,
                                                      const std::string& group,
                                                      std::function<void(UniqueFd)> accepted);
  ~UnixListener();

 private:
  UnixListener(AsioLoop& loop, std::string path)
      : path_(std::move(path)), acceptor_(loop.context()) {}

  const std::string path_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
};

}  // namespace faultd
