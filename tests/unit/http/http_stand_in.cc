#include "unit/http/http_stand_in.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

}  // namespace

HttpStandIn::HttpStandIn(Handler handler, Tls tls)
    : handler_(std::move(handler)), tls_(std::move(tls)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  accept_ = std::thread([this] { Accept(); });
}

void HttpStandIn::Stop() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) return;
    for (int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  shutdown(listener_, SHUT_RDWR);
  accept_.join();
  close(listener_);
  for (std::thread& thread : threads_) thread.join();
}

std::string HttpStandIn::url() const {
  return StrCat(tls_.key.empty() ? "http://127.0.0.1:" : "https://localhost:", port_);
}

std::vector<HttpStandIn::Request> HttpStandIn::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

void HttpStandIn::Accept() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    std::lock_guard lock(mutex_);
    if (fd < 0 || stopping_) {
      if (fd >= 0) close(fd);
      return;
    }
    open_.insert(fd);
    threads_.emplace_back([this, fd, number = ++connections_] { Serve(fd, number); });
  }
}

void HttpStandIn::Serve(int fd, int number) {
  {
    asio::io_context context;
    tcp::socket socket(context, tcp::v4(), fd);
    if (tls_.key.empty()) {
      ServeOn(socket, number);
    } else {
      asio::ssl::context tls(asio::ssl::context::tls_server);
      tls.use_certificate_chain_file(tls_.certificate);
      tls.use_private_key_file(tls_.key, asio::ssl::context::pem);
      asio::ssl::stream<tcp::socket&> stream(socket, tls);
      boost::system::error_code error;
      stream.handshake(asio::ssl::stream_base::server, error);
      if (!error) ServeOn(stream, number);
    }
    std::lock_guard lock(mutex_);
    open_.erase(fd);
    boost::system::error_code ignored;
    socket.close(ignored);
  }
}

template <typename Stream>
void HttpStandIn::ServeOn(Stream& stream, int number) {
  boost::beast::flat_buffer buffer;
  for (;;) {
    http::request<http::string_body> message;
    boost::system::error_code error;
    http::read(stream, buffer, message, error);
    if (error) return;
    Request request{std::string(message.method_string()),
                    std::string(message.target()),
                    {},
                    message.body(),
                    number};
    for (const auto& field : message) {
      request.headers[absl::AsciiStrToLower(std::string(field.name_string()))] = field.value();
    }
    Reply reply;
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
      reply = handler_(request);
    }
    if (reply.habit == Reply::kClose) return;
    if (reply.habit == Reply::kHang) {
      // Until the client, or the test, has had enough.
      http::read(stream, buffer, message, error);
      return;
    }
    if (reply.habit == Reply::kGarbage) {
      asio::write(stream, asio::buffer("SSH-2.0-OpenSSH_9.2\r\n\r\n", 23), error);
      return;
    }
    http::response<http::string_body> answer(static_cast<http::status>(reply.status), 11,
                                             reply.body);
    for (const auto& [name, value] : reply.headers) answer.set(name, value);
    answer.keep_alive(reply.habit != Reply::kAnswerAndClose);
    answer.prepare_payload();
    http::write(stream, answer, error);
    if (error || reply.habit == Reply::kAnswerAndClose) return;
  }
}

}  // namespace faultd
