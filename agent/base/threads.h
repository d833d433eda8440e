#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "base/status.h"

namespace faultd {

// Starts a thread that takes no signals, which are for those that wait for them: their handlers
// write to descriptors that others need not have. RESOURCE_EXHAUSTED when no thread is to be had.
StatusOr<std::thread> StartThread(absl::AnyInvocable<void()> run);

// The same for one that nobody waits for. It lives as long as it has something to do, or as the
// process: what it uses it has to own.
Status StartDetachedThread(absl::AnyInvocable<void()> run);

// Starts a thread for what may wait for a disk, with a table of descriptors of its own: a copy of
// the caller's. When the process is killed while a disk stalls, such a thread stays until the disk
// answers, and with it all that its table has; what others open from now on (the lock, the nftables
// socket) is closed with them, at once. So:
// - it is to be started before those are opened, and whatever it uses is opened before or by
// itself;
// - what it opens, it closes: the same number is another file in the other table.
// Returns once the thread has its table. RESOURCE_EXHAUSTED when there is no thread, or no table,
// to be had.
StatusOr<std::thread> StartDiskThread(absl::AnyInvocable<void()> run);

// For a thread that is started later: it goes on with a table of its own, of the standard
// descriptors and of `others` (negative: none). RESOURCE_EXHAUSTED where the kernel has no memory
// for that; then nothing has changed.
Status KeepStandardDescriptors(std::vector<int> others = {});

// What `ask` answers on a thread of its own that has nothing but the standard descriptors, so that
// it may wait for a disk as long as it has to. What it uses it has to own. RESOURCE_EXHAUSTED when
// no thread is to be had.
template <typename Ask, typename Answer = std::invoke_result_t<Ask&>>
StatusOr<std::future<Answer>> AskApart(Ask ask) {
  std::promise<Answer> answered;
  std::future<Answer> answer = answered.get_future();
  RETURN_IF_ERROR(
      StartDetachedThread([ask = std::move(ask), answered = std::move(answered)]() mutable {
        KeepStandardDescriptors().IgnoreError();
        answered.set_value(ask());
      }));
  return answer;
}

// Asks apart, and waits no longer than `patience` for an answer. A question that nobody waits for
// any more goes on, and while `most` are under way nothing else is asked. Used from any thread.
class PatientAsker {
 public:
  PatientAsker(int most, std::chrono::milliseconds patience) : most_(most), patience_(patience) {}

  // What `ask` says, a Status or a StatusOr; `unanswered` when that is not there in time or too
  // many are under way. Errors and what `ask` may use as with AskApart.
  template <typename Ask, typename Answer = std::invoke_result_t<Ask&>>
  Answer operator()(Ask ask, Status unanswered) const {
    auto place = std::make_shared<Place>(under_way_);
    if (place->number > most_) return unanswered;
    StatusOr<std::future<Answer>> answer = AskApart([ask = std::move(ask), place]() mutable {
      Answer said = ask();
      place.reset();  // before anybody can go on, and ask again
      return said;
    });
    place.reset();
    if (!answer.ok()) return answer.status();
    if (answer->wait_for(patience_) == std::future_status::ready) return answer->get();
    return unanswered;
  }

 private:
  using Count = std::shared_ptr<std::atomic<int>>;  // threads may outlive whoever asks
  struct Place {
    explicit Place(Count all) : count(std::move(all)), number(++*count) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { --*count; }
    const Count count;
    const int number;
  };

  const int most_;
  const std::chrono::milliseconds patience_;
  const Count under_way_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace faultd
