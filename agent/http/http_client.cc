#include "http/http_client.h"

#include <system_error>
#include <utility>

#include "http/tls_context.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace faultd {

namespace asio = boost::asio;

HttpClient::HttpClient(asio::io_context& context, Options options)
    : options_(std::move(options)),
      tls_loaded_(context, asio::steady_timer::time_point::max()),
      drop_old_(context) {}

HttpClient::~HttpClient() {
  if (tls_loader_.joinable()) tls_loader_.join();
}

// In a thread: reading all authorities of a distribution takes some 30 ms, which the loop, and a
// lease that ends meanwhile, cannot spare.
asio::awaitable<Status> HttpClient::LoadTls() {
  if (!std::exchange(loading_tls_, true)) {
    if (tls_loader_.joinable()) tls_loader_.join();
    try {
      tls_loader_ = std::thread([weak = weak_from_this(), bundle = options_.ca_bundle,
                                 executor = tls_loaded_.get_executor()] {
        asio::post(executor, [weak, made = MakeTlsContext(bundle)] {
          const auto self = weak.lock();
          if (self == nullptr) return;
          self->loading_tls_ = false;
          self->tls_error_ = made.status();
          if (made.ok()) self->tls_ = *made;
          self->tls_loaded_.cancel();
        });
      });
    } catch (const std::system_error& error) {
      loading_tls_ = false;
      co_return absl::ResourceExhaustedError(StrCat("start a thread: ", error.what()));
    }
  }
  co_await tls_loaded_.async_wait(asio::as_tuple(asio::use_awaitable));
  if (tls_ != nullptr) co_return absl::OkStatus();
  co_return tls_error_.ok() ? absl::CancelledError("the request was given up") : tls_error_;
}

asio::awaitable<StatusOr<HttpResponse>> HttpClient::Send(HttpRequest request,
                                                         std::chrono::nanoseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const std::string origin = request.url.Origin();
  if (request.url.tls && tls_ == nullptr) {
    const Status status = co_await LoadTls();
    if (!status.ok()) co_return status;
  }
  std::unique_ptr<HttpConnection> connection = TakeIdle(origin);
  StatusOr<HttpResponse> response = absl::UnavailableError("not sent");
  bool sent = false;
  if (connection != nullptr) {
    response = co_await connection->Exchange(request, deadline, options_.max_response_bytes);
    // The server may have closed a kept connection while the request was under way.
    sent = response.ok() || connection->answered() || !absl::IsUnavailable(response.status());
  }
  if (!sent) {
    auto opened = co_await HttpConnection::Open(request.url, tls_, deadline);
    if (!opened.ok()) co_return Annotate(opened.status(), StrCat(request.method, " ", origin));
    connection = *std::move(opened);
    response = co_await connection->Exchange(request, deadline, options_.max_response_bytes);
  }
  if (response.ok() && connection->reusable()) Keep(origin, std::move(connection));
  co_return response;
}

std::unique_ptr<HttpConnection> HttpClient::TakeIdle(const std::string& origin) {
  for (auto idle = idle_.begin(); idle != idle_.end();) {
    if (idle->origin != origin) {
      ++idle;
      continue;
    }
    std::unique_ptr<HttpConnection> connection = std::move(idle->connection);
    idle = idle_.erase(idle);
    if (!connection->IsStale()) return connection;
  }
  return nullptr;
}

void HttpClient::Keep(const std::string& origin, std::unique_ptr<HttpConnection> connection) {
  if (options_.max_idle_connections == 0) return;
  if (idle_.size() == options_.max_idle_connections) idle_.pop_front();
  idle_.push_back(
      {origin, std::chrono::steady_clock::now() + options_.max_idle_time, std::move(connection)});
  if (idle_.size() == 1) DropOld();
}

void HttpClient::DropOld() {
  const auto now = std::chrono::steady_clock::now();
  while (!idle_.empty() && idle_.front().until <= now) idle_.pop_front();
  if (idle_.empty()) return;
  drop_old_.expires_at(idle_.front().until);
  drop_old_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr) self->DropOld();
  });
}

}  // namespace faultd
