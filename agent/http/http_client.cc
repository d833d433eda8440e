#include "http/http_client.h"

#include <utility>

namespace faultd {

namespace asio = boost::asio;

HttpClient::HttpClient(asio::io_context& context, Options options)
    : options_(std::move(options)),
      tls_(TlsLoader::Create(context, {.ca_bundle = options_.ca_bundle})),
      drop_old_(context) {}

asio::awaitable<StatusOr<HttpResponse>> HttpClient::Send(HttpRequest request,
                                                         std::chrono::nanoseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const std::string origin = request.url.Origin();
  std::shared_ptr<asio::ssl::context> tls;
  if (request.url.tls) {
    auto loaded = co_await tls_->Get();
    if (!loaded.ok()) co_return loaded.status();
    tls = *std::move(loaded);
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
    auto opened = co_await HttpConnection::Open(request.url, tls, deadline);
    if (!opened.ok()) {
      const Status status = Annotate(opened.status(), StrCat(request.method, " ", origin));
      if (!absl::IsFailedPrecondition(status)) co_return status;
      co_return absl::FailedPreconditionError(
          StrCat(status.message(), " (AWS_CA_BUNDLE names the file of accepted authorities)"));
    }
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
