#include "aws/imds.h"

#include <cstdlib>

#include "base/file_io.h"
#include "base/strings.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::chrono::seconds kTimeout{2};
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// AWS_EC2_METADATA_SERVICE_ENDPOINT, as the SDKs have it, else the link-local address. Plain HTTP
// and an IP address in either case.
asio::ip::tcp::endpoint ServiceEndpoint() {
  const char* set = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  std::string_view url = set == nullptr ? "http://169.254.169.254" : set;
  if (url.starts_with("http://")) url.remove_prefix(7);
  url = url.substr(0, url.find('/'));
  const size_t colon = url.rfind(':');
  unsigned short port = 80;
  if (colon != std::string_view::npos && url.find(']', colon) == std::string_view::npos) {
    port = static_cast<unsigned short>(std::atoi(std::string(url.substr(colon + 1)).c_str()));
    url = url.substr(0, colon);
  }
  if (url.starts_with('[') && url.ends_with(']')) url = url.substr(1, url.size() - 2);
  boost::system::error_code invalid;
  auto address = asio::ip::make_address(std::string(url), invalid);
  if (invalid) address = asio::ip::make_address("169.254.169.254");
  return {address, port};
}

asio::awaitable<StatusOr<std::string>> Exchange(beast::tcp_stream& stream,
                                                http::request<http::empty_body> request) {
  const std::string what = StrCat(
      "instance metadata ", std::string_view(request.target().data(), request.target().size()));
  request.set(http::field::host, "169.254.169.254");
  stream.expires_after(kTimeout);
  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  auto [write_error, written] = co_await http::async_write(stream, request, kAwait);
  if (write_error) co_return absl::UnavailableError(StrCat(what, ": ", write_error.message()));
  auto [read_error, got] = co_await http::async_read(stream, buffer, response, kAwait);
  if (read_error) co_return absl::UnavailableError(StrCat(what, ": ", read_error.message()));
  if (response.result() == http::status::not_found)
    co_return absl::NotFoundError(StrCat(what, ": not there"));
  if (response.result() != http::status::ok) {
    co_return absl::UnavailableError(StrCat(what, ": HTTP status ", response.result_int()));
  }
  co_return response.body();
}

asio::awaitable<StatusOr<std::string>> Fetch(std::string path) {
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  stream.expires_after(kTimeout);
  auto [error] = co_await stream.async_connect(ServiceEndpoint(), kAwait);
  if (error) co_return absl::UnavailableError(StrCat("instance metadata: ", error.message()));
  http::request<http::empty_body> ask(http::verb::put, "/latest/api/token", 11);
  ask.set("X-aws-ec2-metadata-token-ttl-seconds", "60");
  ask.content_length(0);
  StatusOr<std::string> token = co_await Exchange(stream, std::move(ask));
  if (!token.ok()) co_return token;
  http::request<http::empty_body> get(http::verb::get, "/latest/" + path, 11);
  get.set("X-aws-ec2-metadata-token", *token);
  co_return co_await Exchange(stream, std::move(get));
}

}  // namespace

bool IsEc2Instance(const std::string& root) {
  for (const char* file : {"sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/bios_vendor"}) {
    const auto vendor = ReadSmallFile(root + file);
    if (vendor.ok() && *vendor == "Amazon EC2") return true;
  }
  return false;
}

void FetchInstanceMetadata(asio::io_context& context, const std::string& path,
                           std::function<void(StatusOr<std::string>)> done) {
  asio::co_spawn(context, Fetch(path),
                 [done = std::move(done)](std::exception_ptr failed, StatusOr<std::string> value) {
                   if (failed)
                     return done(absl::InternalError("instance metadata: unexpected failure"));
                   done(std::move(value));
                 });
}

}  // namespace faultd
