#include "probe/dns_client.h"

#include <sys/stat.h>

#include <utility>

#include "probe/dns_channel.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Differs whenever the file was replaced or written to; empty when there is none.
std::string VersionOf(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return {};
  return StrCat(found.st_ino, " ", found.st_mtim.tv_sec, ".", found.st_mtim.tv_nsec, " ",
                found.st_size);
}

Status ErrorOf(const DnsAnswer& answer, const std::string& host) {
  const std::string attempt = StrCat("look up ", host, ": ");
  if (!answer.done || answer.status == ARES_ETIMEOUT) {
    return absl::DeadlineExceededError(StrCat(attempt, "timed out"));
  }
  switch (answer.status) {
    case ARES_SUCCESS:
    case ARES_ENODATA:
      return absl::NotFoundError(StrCat(attempt, "the name has no address"));
    case ARES_ENOTFOUND:
      return absl::NotFoundError(StrCat(attempt, "no such name"));
    case ARES_ECONNREFUSED:  // also when all of them say SERVFAIL
      return absl::UnavailableError(StrCat(attempt, "no name server gives an answer"));
    default:
      return absl::UnavailableError(StrCat(attempt, ares_strerror(answer.status)));
  }
}

}  // namespace

DnsClient::DnsClient(asio::io_context& context, Options options)
    : context_(context), options_(std::move(options)) {}

DnsClient::~DnsClient() = default;

// c-ares reads resolv.conf once per channel.
Status DnsClient::Refresh() {
  std::erase_if(outdated_, [](const auto& channel) { return channel->idle(); });
  std::string version = VersionOf(options_.resolv_conf);
  if (channel_ != nullptr && version == version_) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto fresh, DnsChannel::Open(context_, options_));
  if (channel_ != nullptr) outdated_.push_back(std::move(channel_));
  channel_ = std::move(fresh);
  version_ = std::move(version);
  return absl::OkStatus();
}

asio::awaitable<StatusOr<std::vector<tcp::endpoint>>> DnsClient::Lookup(
    std::string host, uint16_t port, std::chrono::steady_clock::time_point deadline) {
  boost::system::error_code not_an_address;
  const asio::ip::address address = asio::ip::make_address(host, not_an_address);
  if (!not_an_address) co_return std::vector<tcp::endpoint>{tcp::endpoint(address, port)};

  if (Status ready = Refresh(); !ready.ok()) co_return ready;
  // Lives on beside the question when this coroutine is gone: c-ares cannot give up a single one.
  const auto answer = std::make_shared<DnsAnswer>(context_);
  answer->answered.expires_at(deadline);
  channel_->Lookup(host, port, answer);
  if (!answer->done) {
    co_await answer->answered.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (answer->endpoints.empty()) co_return ErrorOf(*answer, host);
  co_return std::move(answer->endpoints);
}

}  // namespace faultd
