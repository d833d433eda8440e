#include "http/name_lookup.h"

#include <netdb.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include "base/job_queue.h"
#include "base/strings.h"
#include "base/threads.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;

constexpr size_t kMostWaiting = 1000;

Status ErrorOf(int error, const std::string& name) {
  const int number = errno;
  if (error == EAI_SYSTEM)
    return absl::UnavailableError(StrCat("look up ", name, ": ", strerror(number)));
  const std::string message = gai_strerror(error);
  const bool unknown = error == EAI_NONAME || error == EAI_NODATA;
  return unknown ? absl::NotFoundError(message) : absl::UnavailableError(message);
}

StatusOr<NameLookup::Addresses> LookUp(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(name.c_str(), nullptr, &hints, &found); error != 0)
    return ErrorOf(error, name);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, freeaddrinfo);
  NameLookup::Addresses addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (each->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), each->ai_addr, each->ai_addrlen);
    addresses.push_back(endpoint.address());
  }
  return addresses;
}

}  // namespace

struct NameLookup::Thread {
  JobQueue jobs;
  std::mutex mutex;
  asio::io_context* loop;  // null when there is none any more
};

asio::execution_context::id NameLookup::id;

NameLookup::NameLookup(asio::execution_context& context)
    : asio::execution_context::service(context) {}

NameLookup::~NameLookup() = default;

Status NameLookup::Start(absl::AnyInvocable<void()> first) {
  auto thread = std::make_shared<Thread>();
  thread->loop = &static_cast<asio::io_context&>(context());
  ASSIGN_OR_RETURN(std::thread started,
                   StartDiskThread([thread, first = std::move(first)]() mutable {
                     first();
                     thread->jobs.Run();
                   }));
  started.detach();  // it may hang in the resolver
  thread_ = std::move(thread);
  return absl::OkStatus();
}

void NameLookup::Find(const std::string& name, Callback done) {
  Status status;
  if (thread_ == nullptr) status = Annotate(Start(), "the thread that looks up names");
  if (waiting_.size() >= kMostWaiting)
    status = absl::ResourceExhaustedError("too many names wait for the resolver");
  const uint64_t number = next_++;
  waiting_[number] = std::move(done);
  if (!status.ok()) {
    asio::post(static_cast<asio::io_context&>(context()),
               [this, number, status] { Answer(number, status); });
    return;
  }
  thread_->jobs.Add([this, thread = thread_, number, name] {
    StatusOr<Addresses> found = LookUp(name);
    const std::lock_guard lock(thread->mutex);
    if (thread->loop == nullptr) return;
    asio::post(*thread->loop, [this, number, found = std::move(found)]() mutable {
      Answer(number, std::move(found));
    });
  });
}

void NameLookup::Answer(uint64_t number, StatusOr<Addresses> found) {
  const auto waits = waiting_.extract(number);
  waits.mapped()(std::move(found));
}

void NameLookup::shutdown() noexcept {
  waiting_.clear();
  if (thread_ == nullptr) return;
  thread_->jobs.Close();
  const std::lock_guard lock(thread_->mutex);
  thread_->loop = nullptr;
}

}  // namespace faultd
