#include "base/job_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace faultd {
namespace {

using testing::ElementsAre;

TEST(JobQueueTest, DoesInOrderWhatWasGivenBeforeItWasClosed) {
  JobQueue queue;
  std::vector<int> done;
  std::thread thread([&] { queue.Run(); });
  for (int number : {1, 2, 3}) queue.Add([&done, number] { done.push_back(number); });
  queue.Close();
  thread.join();
  EXPECT_THAT(done, ElementsAre(1, 2, 3));
}

TEST(JobQueueTest, OwnsWhatAJobNeeds) {
  JobQueue queue;
  int seen = 0;
  queue.Add([number = std::make_unique<int>(42), &seen] { seen = *number; });
  queue.Close();
  queue.Run();
  EXPECT_EQ(seen, 42);
}

}  // namespace
}  // namespace faultd
