// What the engine does with guards; what they watch is tested with them.
#include "engine/guard_watcher.h"
#include "support/engine_fixture.h"

namespace faultd {
namespace {

using std::chrono::seconds;

// Guards that trip when the test says so.
class FakeGuards final : public GuardWatcher {
 public:
  explicit FakeGuards(Loop& loop) : loop_(loop) {}

  std::unique_ptr<Watch> Start(std::vector<v1::Guard> guards, std::function<void(Status)> ready,
                               std::function<void(const std::string&)> tripped) override {
    asked = std::move(guards);
    trip = std::move(tripped);
    auto watch = std::make_unique<CountedWatch>(watched);
    loop_.Post([this, ready, alive = std::weak_ptr<int>(watch->alive)] {
      if (!alive.expired()) ready(answer);
    });
    return watch;
  }

  Status answer;
  std::vector<v1::Guard> asked;
  std::function<void(const std::string&)> trip;
  int watched = 0;

 private:
  struct CountedWatch final : Watch {
    explicit CountedWatch(int& count) : counted(count) { ++counted; }
    ~CountedWatch() override { --counted; }
    int& counted;
    std::shared_ptr<int> alive = std::make_shared<int>();
  };
  Loop& loop_;
};

class EngineGuardTest : public EngineFixture {
 protected:
  void SetUp() override { engine().SetGuardWatcher(&guards); }
  v1::InjectFaultRequest Guarded(const std::string& id) {
    v1::InjectFaultRequest request = RequestFor(id, kLatency);
    request.add_guards()->mutable_file()->set_path("/run/faultd/HALT");
    return request;
  }
  FakeGuards guards{host.loop};
};

TEST_F(EngineGuardTest, EndsTheFaultAndSaysWhy) {
  Inject(Guarded("a"));
  host.loop.RunFor(seconds(1));
  ASSERT_EQ(StateOf("a"), v1::FAULT_STATE_ACTIVE);
  EXPECT_EQ(engine().Get("a")->guards_size(), 1);
  ASSERT_EQ(guards.asked.size(), 1u);
  EXPECT_EQ(guards.watched, 1);
  guards.trip("file /run/faultd/HALT appeared");
  host.loop.RunFor(seconds(1));
  const v1::Fault fault = *engine().Get("a");
  EXPECT_EQ(fault.state(), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(fault.end_reason(), v1::END_REASON_GUARD);
  EXPECT_EQ(fault.end_detail(), "file /run/faultd/HALT appeared");
  EXPECT_EQ(guards.watched, 0) << "nothing is watched for a fault that is over";
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineGuardTest, NothingIsInjectedBeforeTheGuardsAreReady) {
  const auto answer = Inject(Guarded("a"));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_PENDING);
  EXPECT_EQ(host.Snapshot(), before);
  host.loop.RunFor(seconds(1));
  EXPECT_TRUE((*answer)->ok());
}

TEST_F(EngineGuardTest, BadGuardsAreRefused) {
  guards.answer = FieldError("guards[0].file.path", "is not absolute");
  const auto answer = Inject(Guarded("a"));
  host.loop.RunFor(seconds(1));
  EXPECT_EQ((*answer)->status(), guards.answer);
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_EQ(guards.watched, 0);
  EXPECT_TRUE(absl::IsNotFound(engine().Get("a").status()));
}

TEST_F(EngineGuardTest, AGuardThatTripsBeforeTheInjectionAbortsIt) {
  const auto answer = Inject(Guarded("a"));
  guards.trip("file /run/faultd/HALT appeared");
  host.loop.RunFor(seconds(1));
  EXPECT_TRUE(absl::IsAborted((*answer)->status())) << (*answer)->status();
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineGuardTest, WithoutAWatcherGuardsAreRefused) {
  engine().SetGuardWatcher(nullptr);
  const auto answer = Inject(Guarded("a"));
  EXPECT_EQ((*answer)->status(),
            FieldError("guards", "cannot be watched by this daemon; leave them out"));
}

}  // namespace
}  // namespace faultd
