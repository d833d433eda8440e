#include "http/http_connection.h"

#include <sys/socket.h>

#include "http/connect.h"
#include "http/resolve.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

Status ErrorOf(const boost::system::error_code& error, std::string_view attempt) {
  const std::string message = StrCat(attempt, ": ", error.message());
  if (error == beast::error::timeout) {
    return absl::DeadlineExceededError(StrCat(attempt, ": no answer in time"));
  }
  if (error == http::error::body_limit || error == http::error::header_limit) {
    return absl::ResourceExhaustedError(message);
  }
  return absl::UnavailableError(message);
}

bool IsAddress(const std::string& host) {
  boost::system::error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

}  // namespace

asio::awaitable<StatusOr<std::unique_ptr<HttpConnection>>> HttpConnection::Open(
    const Url& url, std::shared_ptr<asio::ssl::context> tls, Deadline deadline) {
  auto endpoints = co_await ResolveHost(url.host, url.port, deadline);
  if (!endpoints.ok()) co_return endpoints.status();
  co_return co_await OpenAt(url, *std::move(endpoints), std::move(tls), deadline);
}

asio::awaitable<StatusOr<std::unique_ptr<HttpConnection>>> HttpConnection::OpenAt(
    const Url& url, std::vector<tcp::endpoint> endpoints, std::shared_ptr<asio::ssl::context> tls,
    Deadline deadline) {
  std::unique_ptr<HttpConnection> connection(new HttpConnection(std::move(tls)));
  auto connected = co_await ConnectToAny(std::move(endpoints), deadline);
  if (!connected.ok()) co_return connected.status();
  connection->plain_ = *std::move(connected);
  boost::system::error_code ignored;
  connection->plain_->socket().set_option(tcp::no_delay(true), ignored);
  if (url.tls) {
    const Status status = co_await connection->Handshake(url, deadline);
    if (!status.ok()) co_return status;
  }
  co_return std::move(connection);
}

asio::awaitable<Status> HttpConnection::Handshake(const Url& url, Deadline deadline) {
  secure_ = std::make_unique<beast::ssl_stream<beast::tcp_stream>>(std::move(*plain_), *tls_);
  plain_.reset();
  if (!IsAddress(url.host)) SSL_set_tlsext_host_name(secure_->native_handle(), url.host.c_str());
  secure_->set_verify_callback(asio::ssl::host_name_verification(url.host));
  lowest().expires_at(deadline);
  const auto [error] = co_await secure_->async_handshake(asio::ssl::stream_base::client, kAwait);
  if (!error) co_return absl::OkStatus();
  if (ERR_GET_REASON(static_cast<unsigned long>(error.value())) ==
      SSL_R_CERTIFICATE_VERIFY_FAILED) {
    const long reason = SSL_get_verify_result(secure_->native_handle());
    // Asio refuses the name of the host without giving a reason.
    const bool other_host = reason == X509_V_OK || reason == X509_V_ERR_UNSPECIFIED;
    co_return absl::FailedPreconditionError(
        StrCat("the certificate of ", url.host, " is not accepted: ",
               other_host ? "it is for another host" : X509_verify_cert_error_string(reason)));
  }
  co_return ErrorOf(error, StrCat("TLS handshake with ", url.host));
}

beast::tcp_stream& HttpConnection::lowest() { return secure_ ? secure_->next_layer() : *plain_; }

template <typename Stream>
asio::awaitable<StatusOr<HttpResponse>> HttpConnection::ExchangeOn(Stream& stream,
                                                                   const HttpRequest& request,
                                                                   size_t limit) {
  const std::string what = StrCat(request.method, " ", request.url.Origin());
  http::request<http::span_body<const char>> message;
  message.version(11);
  message.method_string(request.method);
  message.target(request.url.target);
  message.set(http::field::host, request.url.Authority());
  for (const auto& [name, value] : request.headers) message.insert(name, value);
  message.body() = {request.body.data(), request.body.size()};
  if (!request.body.empty() || request.method != "GET") message.content_length(request.body.size());

  const auto [write_error, written] = co_await http::async_write(stream, message, kAwait);
  // A server may refuse, and close, before it has read all: its answer says why.
  if (write_error && write_error != asio::error::broken_pipe &&
      write_error != asio::error::connection_reset) {
    co_return ErrorOf(write_error, what);
  }
  http::response_parser<http::string_body> parser;
  boost::system::error_code error;
  size_t received = 0;
  if (limit == 0) {
    parser.body_limit(boost::none);
    std::tie(error, received) = co_await http::async_read_header(stream, buffer_, parser, kAwait);
  } else {
    parser.body_limit(limit);
    std::tie(error, received) = co_await http::async_read(stream, buffer_, parser, kAwait);
  }
  answered_ = parser.got_some();
  if (error) co_return ErrorOf(write_error ? write_error : error, what);

  auto& answer = parser.get();
  HttpResponse response;
  response.status = static_cast<int>(answer.result_int());
  for (const auto& field : answer.base()) {
    response.headers.emplace_back(field.name_string(), field.value());
  }
  response.body = std::move(answer.body());
  reusable_ = answer.keep_alive() && parser.is_done() && !write_error && buffer_.size() == 0;
  co_return response;
}

asio::awaitable<StatusOr<HttpResponse>> HttpConnection::Exchange(const HttpRequest& request,
                                                                 Deadline deadline, size_t limit) {
  reusable_ = false;
  answered_ = false;
  lowest().expires_at(deadline);
  // One at a time: g++ 12 miscompiles co_await inside a conditional expression.
  if (secure_) co_return co_await ExchangeOn(*secure_, request, limit);
  co_return co_await ExchangeOn(*plain_, request, limit);
}

bool HttpConnection::IsStale() {
  char byte;
  const ssize_t got = recv(lowest().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

}  // namespace faultd
