#include "stress/disk_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <future>
#include <memory>
#include <utility>

namespace faultd {
namespace {

TEST(StartDetachedThread, RunsWhatItOwns) {
  auto promise = std::make_shared<std::promise<int>>();
  std::future<int> answer = promise->get_future();
  ASSERT_EQ(StartDetachedThread([promise = std::move(promise)] { promise->set_value(42); }),
            absl::OkStatus());
  EXPECT_EQ(answer.get(), 42);
}

TEST(StartDetachedThread, SaysWhyItCannot) {
  // A stack larger than there are addresses.
  pthread_attr_t before;
  pthread_attr_t huge;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  ASSERT_EQ(pthread_getattr_default_np(&huge), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 50), 0);
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  const Status status = StartDetachedThread([] {});
  ASSERT_EQ(pthread_setattr_default_np(&before), 0);
  EXPECT_EQ(status,
            absl::ResourceExhaustedError(
                "start a thread: Resource temporarily unavailable (the process table is full, or a "
                "limit on tasks or memory is reached)"));
}

}  // namespace
}  // namespace faultd
