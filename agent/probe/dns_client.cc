#include "probe/dns_client.h"

#include <utility>

#include "http/host_files.h"
#include "probe/dns_channel.h"
#include "probe/host_names.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

Status ErrorOf(int status, const std::string& host) {
  const std::string attempt = StrCat("look up ", host, ": ");
  switch (status) {
    case ARES_ETIMEOUT:
      return absl::DeadlineExceededError(StrCat(attempt, "timed out"));
    case ARES_SUCCESS:
    case ARES_ENODATA:
      return absl::NotFoundError(StrCat(attempt, "the name has no address"));
    case ARES_ENOTFOUND:
      return absl::NotFoundError(StrCat(attempt, "no such name"));
    case ARES_ECONNREFUSED:  // also when all of them say SERVFAIL
      return absl::UnavailableError(StrCat(attempt, "no name server gives an answer"));
    default:
      return absl::UnavailableError(StrCat(attempt, ares_strerror(status)));
  }
}

}  // namespace

struct DnsClient::State {
  State(asio::io_context& loop, const Options& options)
      : context(loop), names(std::make_shared<HostNames>(options)) {}

  // What came of the files, before a lookup goes by it.
  void Take(HostNames::Answer& read);
  // What the name servers say in time.
  asio::awaitable<DnsResult> Ask(std::string host, uint16_t port,
                                 std::chrono::steady_clock::time_point deadline);

  asio::io_context& context;
  const std::shared_ptr<HostNames> names;  // of the thread that reads them
  std::shared_ptr<DnsChannel> channel;
  std::vector<std::shared_ptr<DnsChannel>> outdated;  // until their lookups are over
  std::string version;                                // of the files that `channel` has read
  bool ended = false;
};

void DnsClient::State::Take(HostNames::Answer& read) {
  std::erase_if(outdated, [](const auto& old) { return old->idle(); });
  // It may have come with the answer to another lookup.
  if (read.servers == nullptr || read.version == version) return;
  if (channel != nullptr) outdated.push_back(std::move(channel));
  channel = DnsChannel::Create(context, std::move(read.servers));
  version = read.version;
}

asio::awaitable<DnsResult> DnsClient::State::Ask(std::string host, uint16_t port,
                                                 std::chrono::steady_clock::time_point deadline) {
  // Lives on beside the question when this coroutine is gone: c-ares cannot give up a single one.
  const auto answer = std::make_shared<DnsAnswer>(context);
  answer->answered.expires_at(deadline);
  channel->Lookup(host, port, answer);
  if (!answer->done) {
    co_await answer->answered.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (!answer->done) co_return DnsResult{.status = ARES_ETIMEOUT, .endpoints = {}};
  co_return std::move(answer->result);
}

DnsClient::DnsClient(asio::io_context& context, const Options& options)
    : state_(std::make_shared<State>(context, options)) {}

DnsClient::~DnsClient() {
  state_->ended = true;
  state_->outdated.clear();
  state_->channel.reset();
}

asio::awaitable<StatusOr<std::vector<tcp::endpoint>>> DnsClient::Lookup(
    std::string host, uint16_t port, std::chrono::steady_clock::time_point deadline) {
  boost::system::error_code not_an_address;
  const asio::ip::address address = asio::ip::make_address(host, not_an_address);
  if (!not_an_address) co_return std::vector<tcp::endpoint>{tcp::endpoint(address, port)};

  const auto state = state_;  // from here on the client may go away
  const auto look = [names = state->names, host, port, version = state->version] {
    return names->LookUp(host, port, version);
  };
  auto read = co_await ReadHostFiles(look, deadline);
  if (!read.ok()) co_return Annotate(read.status(), StrCat("look up ", host));
  if (state->ended) co_return ErrorOf(ARES_EDESTRUCTION, host);
  state->Take(*read);
  DnsResult result;
  for (const char where : read->order) {
    if (state->ended) co_return ErrorOf(ARES_EDESTRUCTION, host);
    // What is not there says nothing.
    if (where == 'f' && !read->in_files.endpoints.empty()) result = std::move(read->in_files);
    if (where == 'b') result = co_await state->Ask(host, port, deadline);
    if (!result.endpoints.empty()) co_return std::move(result.endpoints);
  }
  co_return ErrorOf(result.status, host);
}

}  // namespace faultd
