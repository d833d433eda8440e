#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <string>

#include "base/status.h"
#include "http/http_connection.h"
#include "http/http_message.h"
#include "http/tls_loader.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace faultd {

// Sends HTTP and HTTPS requests on the loop. Follows no redirects and uses no proxy. Connections
// are kept for the next request to the same server for a while. Who awaits a coroutine of this
// folder keeps the object it belongs to alive meanwhile, and no object outlives the context.
class HttpClient : public std::enable_shared_from_this<HttpClient> {
 public:
  struct Options {
    std::string ca_bundle;  // PEM file; empty: the CA certificates of the distribution
    size_t max_response_bytes = 4 << 20;
    size_t max_idle_connections = 4;
    std::chrono::milliseconds max_idle_time{20'000};
  };

  static std::shared_ptr<HttpClient> Create(boost::asio::io_context& context, Options options) {
    return std::shared_ptr<HttpClient>(new HttpClient(context, std::move(options)));
  }

  // Any status is an answer. DEADLINE_EXCEEDED: none within `timeout`, which includes looking up
  // the name and connecting. UNAVAILABLE: no connection, or broken. FAILED_PRECONDITION: the
  // server's certificate is not accepted. RESOURCE_EXHAUSTED: the answer is too large.
  boost::asio::awaitable<StatusOr<HttpResponse>> Send(HttpRequest request,
                                                      std::chrono::nanoseconds timeout);

  size_t idle_connections() const { return idle_.size(); }

 private:
  struct Idle {
    std::string origin;
    std::chrono::steady_clock::time_point until;
    std::unique_ptr<HttpConnection> connection;
  };

  HttpClient(boost::asio::io_context& context, Options options);
  std::unique_ptr<HttpConnection> TakeIdle(const std::string& origin);
  void Keep(const std::string& origin, std::unique_ptr<HttpConnection> connection);
  void DropOld();

  Options options_;
  const std::shared_ptr<TlsLoader> tls_;
  std::list<Idle> idle_;  // oldest first
  boost::asio::steady_timer drop_old_;
};

}  // namespace faultd
