#include "probe/prober.h"

#include <array>
#include <utility>

#include "http/connect.h"
#include "http/http_connection.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;
using boost::beast::tcp_stream;

DnsClient::Options PastHostsFile(DnsClient::Options dns) {
  dns.hosts_file = false;
  return dns;
}

// A server that greets first sees its greeting acknowledged and an orderly end: closing a socket
// with unread data would send it a reset, which some count against the host (MySQL blocks it).
asio::awaitable<void> CloseGently(std::unique_ptr<tcp_stream> stream) {
  constexpr std::chrono::seconds kLongest{1};
  boost::system::error_code error;
  stream->socket().shutdown(tcp_stream::socket_type::shutdown_send, error);
  stream->expires_after(kLongest);
  std::array<char, 1024> unread;
  while (!error) {
    std::tie(error, std::ignore) =
        co_await stream->async_read_some(asio::buffer(unread), asio::as_tuple(asio::use_awaitable));
  }
}

Status CheckStatus(const ProbeConfig& config, const Url& url, int status) {
  if (status >= config.least_status && status <= config.most_status) return absl::OkStatus();
  const std::string range = config.least_status == config.most_status
                                ? StrCat(config.least_status)
                                : StrCat(config.least_status, " to ", config.most_status);
  return absl::UnavailableError(StrCat("GET ", url.tls ? "https://" : "http://", url.Authority(),
                                       url.target, ": status ", status, ", expected ", range));
}

}  // namespace

Prober::Prober(asio::io_context& context, Options options)
    : names_(context, options.dns),
      dns_servers_(context, PastHostsFile(options.dns)),
      verified_(TlsLoader::Create(context, {.ca_bundle = options.ca_bundle})),
      unverified_(TlsLoader::Create(context, {.verify = false})) {}

asio::awaitable<Status> Prober::Prepare(ProbeConfig config) {
  if (!config.tls) co_return absl::OkStatus();
  TlsLoader& loader = config.verify ? *verified_ : *unverified_;
  auto loaded = co_await loader.Get();
  co_return loaded.status();
}

asio::awaitable<Status> Prober::Attempt(ProbeConfig config, Deadline deadline) {
  if (config.kind == ProbeKind::kDns) {
    auto addresses = co_await dns_servers_.Lookup(config.host, 0, deadline);
    co_return addresses.status();
  }
  if (config.kind == ProbeKind::kHttp) co_return co_await Get(config, deadline);
  co_return co_await Connect(config, deadline);
}

asio::awaitable<Status> Prober::Connect(const ProbeConfig& config, Deadline deadline) {
  auto endpoints = co_await names_.Lookup(config.host, config.port, deadline);
  if (!endpoints.ok()) co_return endpoints.status();
  auto stream = co_await ConnectToAny(*std::move(endpoints), deadline);
  if (!stream.ok()) co_return stream.status();
  const auto executor = co_await asio::this_coro::executor;
  asio::co_spawn(executor, CloseGently(*std::move(stream)), asio::detached);
  co_return absl::OkStatus();
}

asio::awaitable<Status> Prober::Get(const ProbeConfig& config, Deadline deadline) {
  HttpRequest request;
  request.url = {
      .tls = config.tls, .host = config.host, .port = config.port, .target = config.path};
  request.headers = {{"User-Agent", "faultd/" FAULTD_VERSION " (probe)"}, {"Connection", "close"}};
  std::shared_ptr<asio::ssl::context> tls;
  if (config.tls) {
    TlsLoader& loader = config.verify ? *verified_ : *unverified_;
    auto loaded = co_await loader.Get();
    if (!loaded.ok()) co_return loaded.status();
    tls = *std::move(loaded);
  }
  auto endpoints = co_await names_.Lookup(config.host, config.port, deadline);
  if (!endpoints.ok()) co_return endpoints.status();
  auto connection =
      co_await HttpConnection::OpenAt(request.url, *std::move(endpoints), tls, deadline);
  if (absl::IsFailedPrecondition(connection.status())) {
    co_return absl::FailedPreconditionError(
        StrCat(ToStd(connection.status().message()), "; verify_tls = false accepts any"));
  }
  if (!connection.ok()) co_return connection.status();
  constexpr size_t kNoBody = 0;
  auto response = co_await (*connection)->Exchange(request, deadline, kNoBody);
  if (!response.ok()) co_return response.status();
  co_return CheckStatus(config, request.url, response->status);
}

}  // namespace faultd
