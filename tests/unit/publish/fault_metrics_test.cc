#include "publish/fault_metrics.h"

#include "support/engine_fixture.h"
#include "unit/publish/recording_sink.h"

namespace faultd {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class FaultMetricsTest : public EngineFixture {
 protected:
  void InjectFor(const std::string& id, const std::string& spec, seconds lease) {
    v1::InjectFaultRequest request = RequestFor(id, spec);
    request.mutable_duration()->set_seconds(lease.count());
    Inject(request);
  }

  RecordingSink sink{host.clock.Now()};
  FaultMetrics metrics{engine(), host.loop, host.clock, sink};
};

TEST_F(FaultMetricsTest, FaultWindowFromBeginToEnd) {
  InjectFor("a", kNoop, seconds(25));
  host.loop.RunFor(minutes(2));
  EXPECT_THAT(sink.lines, ElementsAre("FaultActive{Kind=noop} 1 Count at 0s",        //
                                      "LeaseRemaining{Kind=noop} 25 Seconds at 0s",  //
                                      "FaultActive{Kind=noop} 1 Count at 10s",
                                      "LeaseRemaining{Kind=noop} 15 Seconds at 10s",
                                      "FaultActive{Kind=noop} 1 Count at 20s",
                                      "LeaseRemaining{Kind=noop} 5 Seconds at 20s",
                                      "FaultsReverted{Kind=noop} 1 Count at 25s",
                                      "FaultActive{Kind=noop} 0 Count at 25s",
                                      "LeaseRemaining{Kind=noop} 0 Seconds at 25s"));
}

TEST_F(FaultMetricsTest, CountsByKindAndTellsTheLongestLease) {
  InjectFor("a", kNoop, seconds(15));
  InjectFor("b", kNoop, seconds(60));
  sink.Take();
  Revert("b");
  host.loop.RunReady();
  EXPECT_THAT(sink.Take(), ElementsAre("FaultsReverted{Kind=noop} 1 Count at 0s",
                                       "FaultActive{Kind=noop} 1 Count at 0s",
                                       "LeaseRemaining{Kind=noop} 15 Seconds at 0s"));
  InjectFor("c", kBlackhole, seconds(60));
  sink.Take();
  host.loop.RunFor(seconds(10));
  EXPECT_THAT(sink.Take(), ElementsAre("FaultActive{Kind=blackhole} 1 Count at 10s",
                                       "LeaseRemaining{Kind=blackhole} 50 Seconds at 10s",
                                       "FaultActive{Kind=noop} 1 Count at 10s",
                                       "LeaseRemaining{Kind=noop} 5 Seconds at 10s"));
}

TEST_F(FaultMetricsTest, RenewedLeaseIsTold) {
  InjectFor("a", kNoop, seconds(15));
  ASSERT_TRUE(Renew("a", seconds(100)).ok());
  sink.Take();
  host.loop.RunFor(seconds(10));
  EXPECT_THAT(sink.lines, ElementsAre("FaultActive{Kind=noop} 1 Count at 10s",
                                      "LeaseRemaining{Kind=noop} 90 Seconds at 10s"));
}

TEST_F(FaultMetricsTest, FaultsThatWereThereBeforeAreTold) {
  InjectFor("a", kNoop, seconds(15));
  RecordingSink later{host.clock.Now()};
  const FaultMetrics second(engine(), host.loop, host.clock, later);
  EXPECT_THAT(later.lines, ElementsAre("FaultActive{Kind=noop} 1 Count at 0s",
                                       "LeaseRemaining{Kind=noop} 15 Seconds at 0s"));
}

TEST_F(FaultMetricsTest, FaultThatNeverWasActiveIsNotTold) {
  Inject(
      "a",
      R"(latency { target { to { host: "10.0.0.0/8" } interfaces: "none0" } delay { nanos: 1000000 } })");
  host.loop.RunFor(minutes(2));
  EXPECT_THAT(sink.lines, IsEmpty());
}

TEST_F(FaultMetricsTest, NothingWakesUpWithoutFaults) {
  EXPECT_EQ(host.loop.timers(), 0u);
  Inject("a", kNoop);
  Revert("a");
  host.loop.RunFor(minutes(1));
  EXPECT_EQ(host.loop.timers(), 0u);
}

}  // namespace
}  // namespace faultd
