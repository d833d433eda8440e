#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "base/status.h"
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

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

}  // namespace faultd
