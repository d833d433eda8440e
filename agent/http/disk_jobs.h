#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "base/status.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace faultd {

// Does what may wait for a disk, one job after the other, on a thread of its own, and answers on
// the loop of an io_context, of which it is a service: Start can so come before everything whose
// end must not wait for a disk when the daemon is killed (StartDiskThread), and who has jobs need
// not be handed it.
class DiskJobs : public boost::asio::execution_context::service {
 public:
  using Job = absl::AnyInvocable<void()>;
  using Done = absl::AnyInvocable<void(const Status&)>;

  // Starts the thread, which does `first` before all else; without a call, the first Do does it.
  // RESOURCE_EXHAUSTED when no thread is to be had.
  Status Start(Job first = [] {});

  // Calls back on the loop, never within this call: OK when the job was done, RESOURCE_EXHAUSTED
  // when it will not be because there is no thread, or a thousand others wait. Once the context
  // ends, nobody is called back any more; a job that is under way is not waited for, so what it
  // uses it has to own.
  void Do(Job job, Done done);

  // The same for a job that answers a StatusOr, for which `done` is called with its answer.
  template <typename Question, typename Answered, typename Answer = std::invoke_result_t<Question&>>
  void Ask(Question ask, Answered done) {
    auto answer = std::make_shared<Answer>();
    Do([ask = std::move(ask), answer]() mutable { *answer = ask(); },
       [answer, done = std::move(done)](const Status& status) mutable {
         done(status.ok() ? std::move(*answer) : Answer(status));
       });
  }

 protected:
  // `name` is for messages: "the thread that looks up names".
  DiskJobs(boost::asio::execution_context& context, const char* name);
  ~DiskJobs() override;

 private:
  struct Thread;  // what it goes on using when this is gone

  void shutdown() noexcept override;
  void Answer(uint64_t number, const Status& status);

  boost::asio::io_context& loop_;
  // With a timer the loop has the descriptors that wake it up, before the thread copies the table.
  boost::asio::steady_timer wakes_;
  const char* const name_;
  std::shared_ptr<Thread> thread_;  // none: not started
  std::map<uint64_t, Done> waiting_;
  uint64_t next_ = 0;
};

// What `ask`, which answers a StatusOr, says on the thread of the Jobs, which are DiskJobs, of the
// coroutine's context. `unanswered` when it does not by the deadline; then it goes on, so what it
// uses it has to own. Otherwise errors as from DiskJobs::Do.
template <typename Jobs, typename Ask, typename Answer = std::invoke_result_t<Ask&>>
boost::asio::awaitable<Answer> AskDiskThread(Ask ask,
                                             std::chrono::steady_clock::time_point deadline,
                                             Status unanswered) {
  struct Answered {
    explicit Answered(const boost::asio::any_io_executor& executor) : arrived(executor) {}
    boost::asio::steady_timer arrived;  // cancelled by the answer
    std::optional<Answer> answer;
  };
  const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
  auto answered = std::make_shared<Answered>(executor);
  answered->arrived.expires_at(deadline);
  boost::asio::use_service<Jobs>(boost::asio::query(executor, boost::asio::execution::context))
      .Ask(std::move(ask), [answered](Answer answer) {
        answered->answer = std::move(answer);
        answered->arrived.cancel();
      });
  co_await answered->arrived.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  if (!answered->answer) co_return unanswered;
  co_return *std::move(answered->answer);
}

}  // namespace faultd
