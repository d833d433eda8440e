#pragma once

#include <memory>

#include "base/status.h"
#include "http/tls_context.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace faultd {

// Makes a TLS context when it is first needed, and keeps it; with HostFiles, because reading all
// authorities of a distribution takes time that the loop, and a lease that ends meanwhile, cannot
// spare.
class TlsLoader : public std::enable_shared_from_this<TlsLoader> {
 public:
  static std::shared_ptr<TlsLoader> Create(boost::asio::io_context& context, TlsOptions options) {
    return std::shared_ptr<TlsLoader>(new TlsLoader(context, std::move(options)));
  }

  // Never nullptr. After an error the next call tries again.
  boost::asio::awaitable<StatusOr<std::shared_ptr<boost::asio::ssl::context>>> Get();

 private:
  TlsLoader(boost::asio::io_context& context, TlsOptions options);
  void Load();

  boost::asio::io_context& context_;
  const TlsOptions options_;
  std::shared_ptr<boost::asio::ssl::context> made_;
  Status error_;
  bool loading_ = false;
  boost::asio::steady_timer loaded_;  // cancelled when it is
};

}  // namespace faultd
