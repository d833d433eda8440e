#include "publish/metrics_server.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <chrono>
#include <list>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "http/pending_call.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace faultd {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kTimeout{10};
constexpr uint32_t kMostHeaderBytes = 8 << 10;

http::response<http::string_body> ResponseTo(const http::request<http::empty_body>& request,
                                             const std::function<std::string()>& page) {
  http::response<http::string_body> response;
  response.version(11);
  response.keep_alive(false);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  if (request.target() != "/metrics") {
    response.result(http::status::not_found);
    response.body() = "There is only /metrics here.\n";
  } else if (request.method() != http::verb::get) {
    response.result(http::status::method_not_allowed);
    response.set(http::field::allow, "GET");
    response.body() = "Only GET is possible here.\n";
  } else {
    response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    response.body() = page();
  }
  response.prepare_payload();
  return response;
}

}  // namespace

struct MetricsServer::State {
  State(asio::io_context& on, std::function<std::string()> content)
      : context(on), page(std::move(content)), acceptor(on), pause(on) {}

  asio::io_context& context;
  const std::function<std::string()> page;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::list<PendingCall> calls;
};

MetricsServer::MetricsServer(asio::io_context& context, std::function<std::string()> page)
    : state_(std::make_shared<State>(context, std::move(page))) {}

// NOLINTNEXTLINE(bugprone-exception-escape): cancelling a steady_timer does not fail
MetricsServer::~MetricsServer() {
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  state_->pause.cancel();
  state_->calls.clear();
}

tcp::endpoint MetricsServer::endpoint() const { return state_->acceptor.local_endpoint(); }

Status MetricsServer::Listen(const tcp::endpoint& endpoint) {
  tcp::acceptor& acceptor = state_->acceptor;
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) {
    fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return absl::UnavailableError(StrCat("listen on ", endpoint.address().to_string(), " port ",
                                         static_cast<int>(endpoint.port()), ": ", error.message()));
  }
  Accept(state_);
  return absl::OkStatus();
}

void MetricsServer::Accept(std::shared_ptr<State> state) {
  state->acceptor.async_accept([state](const boost::system::error_code& error, tcp::socket socket) {
    if (!state->acceptor.is_open()) return;
    if (error) {
      // Out of descriptors, most likely. The connection waits in the backlog.
      constexpr std::chrono::milliseconds kPause{500};
      state->pause.expires_after(kPause);
      state->pause.async_wait([state](const boost::system::error_code& stopped) {
        if (!stopped) Accept(state);
      });
      return;
    }
    ServeOn(state, UniqueFd(socket.release()));
    Accept(state);
  });
}

void MetricsServer::Serve(UniqueFd connection) { ServeOn(state_, std::move(connection)); }

void MetricsServer::ServeOn(const std::shared_ptr<State>& state, UniqueFd connection) {
  if (state->calls.size() >= kMostConnections) return;
  fcntl(connection.get(), F_SETFD, FD_CLOEXEC);
  const auto call = state->calls.emplace(state->calls.end());
  *call = StartCall<Status>(state->context, Answer(state, std::move(connection)),
                            [state, call](const Status&) { state->calls.erase(call); });
}

asio::awaitable<Status> MetricsServer::Answer(std::shared_ptr<State> state, UniqueFd connection) {
  beast::basic_stream<asio::generic::stream_protocol> stream(state->context);
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  getsockname(connection.get(), reinterpret_cast<sockaddr*>(&address), &length);
  boost::system::error_code error;
  stream.socket().assign({address.ss_family, 0}, connection.get(), error);
  if (error) co_return absl::InternalError(error.message());
  connection.Release();
  stream.expires_after(kTimeout);
  beast::flat_buffer buffer(kMostHeaderBytes);
  http::request_parser<http::empty_body> parser;
  parser.header_limit(kMostHeaderBytes);
  std::tie(error, std::ignore) = co_await http::async_read_header(stream, buffer, parser, kAwait);
  if (error) co_return absl::UnavailableError(error.message());
  const auto response = ResponseTo(parser.get(), state->page);
  std::tie(error, std::ignore) = co_await http::async_write(stream, response, kAwait);
  stream.socket().shutdown(asio::socket_base::shutdown_send, error);
  co_return absl::OkStatus();
}

}  // namespace faultd
