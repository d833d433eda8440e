#include "daemon/host_file_systems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>

#include "base/strings.h"
#include "daemon/asio_loop.h"
#include "support/fake_clock.h"
#include "support/manual_loop.h"
#include "unit/http/await.h"

namespace faultd {
namespace {

using testing::ElementsAre;
using testing::StartsWith;
using testing::UnorderedElementsAre;

// Those below "/silent" answer once the test lets them. Threads may outlive the test.
struct Disks {
  std::promise<void> answer;
  std::shared_future<void> answers = answer.get_future().share();
  std::mutex mutex;
  std::vector<std::string> asked;
};

class HostFileSystemsTest : public testing::Test {
 protected:
  ~HostFileSystemsTest() override { Answer(); }

  HostFileSystems Make(Loop& loop, const Clock& clock, HostFileSystems::Options options = {}) {
    options.read = [disks = disks_](const std::string& directory) -> HostFileSystems::Answer {
      {
        const std::lock_guard lock(disks->mutex);
        disks->asked.push_back(directory);
      }
      if (directory.starts_with("/silent")) disks->answers.wait();
      if (directory == "/gone") return absl::NotFoundError("no such directory");
      return FileSystemFacts{.path = directory};
    };
    return HostFileSystems(loop, clock, std::move(options));
  }
  void Answer() {
    if (!std::exchange(answered_, true)) disks_->answer.set_value();
  }
  std::vector<std::string> Asked() {
    const std::lock_guard lock(disks_->mutex);
    return disks_->asked;
  }
  // Looks, and runs the loop until that is done.
  void Look(HostFileSystems& systems, const std::vector<std::string>& directories) {
    bool done = false;
    systems.Look(directories, [&done] { done = true; });
    EXPECT_FALSE(done) << "not from within";
    RunUntil(context_, [&done] { return done; });
  }
  static std::string Say(const HostFileSystems& systems, const std::string& directory) {
    const auto facts = systems.Of(directory);
    return facts.ok() ? "OK: " + facts->path : facts.status().ToString();
  }

  std::shared_ptr<Disks> disks_ = std::make_shared<Disks>();
  bool answered_ = false;
  boost::asio::io_context context_;
  AsioLoop loop_{context_};
  SystemClock clock_;
  const HostFileSystems::Options patient_ = {.patience = kLongEnough};
};

TEST_F(HostFileSystemsTest, KnowsWhatItHasLookedAt) {
  HostFileSystems systems = Make(loop_, clock_, patient_);
  EXPECT_EQ(Say(systems, "/data"),
            "UNAVAILABLE: /data: its file system was not looked at; try again");
  Look(systems, {"/data", "/gone", "/data"});
  EXPECT_EQ(Say(systems, "/data"), "OK: /data");
  EXPECT_EQ(Say(systems, "/gone"), "NOT_FOUND: no such directory");
  EXPECT_THAT(Asked(), UnorderedElementsAre("/data", "/gone"));
  Look(systems, {"/data"});
  EXPECT_EQ(Asked().size(), 3) << "each look is a new one";
  Look(systems, {});
}

TEST_F(HostFileSystemsTest, ReadsThoseOfTheHost) {
  HostFileSystems systems(loop_, clock_, patient_);
  Look(systems, {"/proc"});
  ASSERT_TRUE(systems.Of("/proc").ok()) << systems.Of("/proc").status();
  EXPECT_EQ(systems.Of("/proc")->type, "proc");
}

TEST_F(HostFileSystemsTest, OneThatIsSilentHidesNoOther) {
  HostFileSystems systems = Make(loop_, clock_, patient_);
  bool done = false;
  systems.Look({"/silent", "/data"}, [&done] { done = true; });
  Look(systems, {"/srv"});
  RunUntil(context_, [&] { return systems.Of("/data").ok(); });
  EXPECT_FALSE(done);
  Answer();
  RunUntil(context_, [&done] { return done; });
  EXPECT_EQ(Say(systems, "/silent"), "OK: /silent");
}

TEST_F(HostFileSystemsTest, WaitsNoLongerThanItsPatience) {
  FakeClock clock;
  ManualLoop loop(clock);
  HostFileSystems systems = Make(loop, clock);
  std::vector<std::string> done;
  systems.Look({"/silent"}, [&done] { done.emplace_back("first"); });
  loop.RunFor(std::chrono::milliseconds(1500));
  systems.Look({"/silent"}, [&done] { done.emplace_back("second"); });
  EXPECT_THAT(done, ElementsAre());
  loop.RunFor(std::chrono::milliseconds(600));
  EXPECT_THAT(done, ElementsAre("first"));
  EXPECT_EQ(Say(systems, "/silent"),
            "UNAVAILABLE: /silent: its file system does not answer; try again once it does");
  loop.RunFor(std::chrono::milliseconds(1500));
  EXPECT_THAT(done, ElementsAre("first", "second"));
}

TEST_F(HostFileSystemsTest, OnlySoManyAreAskedAtATime) {
  FakeClock clock;
  ManualLoop loop(clock);
  HostFileSystems systems = Make(loop, clock, {.most_threads = 2});
  int done = 0;
  systems.Look({"/silent/1", "/silent/2"}, [&done] { ++done; });
  systems.Look({"/data"}, [&done] { ++done; });
  loop.RunFor(std::chrono::seconds(3));
  EXPECT_EQ(done, 2);
  EXPECT_EQ(Say(systems, "/data"),
            "UNAVAILABLE: /data: its file system was not asked, because those of 2 other "
            "directories do not answer; try again once one of them does");
  HostFileSystems patient = Make(loop_, clock_, {.patience = kLongEnough, .most_threads = 1});
  patient.Look({"/silent"}, [&done] { ++done; });
  patient.Look({"/data", "/srv"}, [&done] { ++done; });
  Answer();
  RunUntil(context_, [&done] { return done == 4; });
  EXPECT_EQ(Say(patient, "/srv"), "OK: /srv");
}

TEST_F(HostFileSystemsTest, ForgetsThoseOfLongAgo) {
  HostFileSystems systems = Make(loop_, clock_, {.patience = kLongEnough, .most_known = 2});
  for (const char* directory : {"/1", "/2", "/1", "/3"}) Look(systems, {directory});
  EXPECT_THAT(Say(systems, "/2"), StartsWith("UNAVAILABLE"));
  EXPECT_EQ(Say(systems, "/1"), "OK: /1");
  EXPECT_EQ(Say(systems, "/3"), "OK: /3");
}

}  // namespace
}  // namespace faultd
