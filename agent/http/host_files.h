#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/status.h"
#include "http/disk_jobs.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace faultd {

// Reads configuration of the host that others keep and may change at any time: small files, which
// are in memory nearly always, but not when the host has no memory to spare.
class HostFiles : public DiskJobs {
 public:
  using key_type = HostFiles;
  static boost::asio::execution_context::id id;

  explicit HostFiles(boost::asio::execution_context& context)
      : DiskJobs(context, "the thread that reads files of the host") {}
};

// For what nobody waits for with a deadline of his own.
constexpr std::chrono::seconds kDiskPatience{10};

// What `read` answers, a StatusOr, which runs on the thread of the HostFiles of the coroutine's
// context. DEADLINE_EXCEEDED when the disk does not answer in time; then it goes on, so what it
// uses it has to own. Otherwise errors as from DiskJobs::Do.
//
// A lambda has to have a name first: g++ 12 destroys twice what one holds that is written inside
// the co_await expression.
template <typename Read, typename T = typename std::invoke_result_t<Read>::value_type>
boost::asio::awaitable<StatusOr<T>> ReadHostFiles(
    Read read, std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() +
                                                                kDiskPatience) {
  struct Answer {
    explicit Answer(const boost::asio::any_io_executor& executor) : arrived(executor) {}
    boost::asio::steady_timer arrived;  // cancelled by the answer
    std::optional<StatusOr<T>> is;
  };
  const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
  auto answer = std::make_shared<Answer>(executor);
  answer->arrived.expires_at(deadline);
  auto found = std::make_shared<StatusOr<T>>();
  boost::asio::use_service<HostFiles>(boost::asio::query(executor, boost::asio::execution::context))
      .Do([read = std::move(read), found]() mutable { *found = read(); },
          [answer, found](const Status& status) {
            answer->is = status.ok() ? std::move(*found) : StatusOr<T>(status);
            answer->arrived.cancel();
          });
  co_await answer->arrived.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  if (!answer->is) {
    co_return absl::DeadlineExceededError("the disk with the files of the host does not answer");
  }
  co_return *std::move(answer->is);
}

}  // namespace faultd
