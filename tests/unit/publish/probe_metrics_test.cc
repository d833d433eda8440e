#include "publish/probe_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/publish/recording_sink.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

ProbeHistory HistoryOf(bool up) {
  ProbeHistory history;
  history.config.name = "db-connectivity";
  ProbeResult result;
  result.begun = seconds(7);
  result.up = up;
  result.latency = milliseconds(12);
  history.results = {ProbeResult(), result};
  return history;
}

TEST(ProbeMetrics, TheNewestResultIsOneOrZeroWithoutUnit) {
  RecordingSink sink;
  AddProbeMetrics(HistoryOf(true), false, sink);
  AddProbeMetrics(HistoryOf(false), false, sink);
  EXPECT_THAT(sink.lines,
              ElementsAre("db-connectivity{} 1 None at 7s", "db-connectivity{} 0 None at 7s"));
}

TEST(ProbeMetrics, LatencyIsThatOfAnswersOnly) {
  RecordingSink sink;
  AddProbeMetrics(HistoryOf(true), true, sink);
  AddProbeMetrics(HistoryOf(false), true, sink);
  EXPECT_THAT(sink.lines, ElementsAre("db-connectivity{} 1 None at 7s",
                                      "db-connectivity-latency{} 12 Milliseconds at 7s",
                                      "db-connectivity{} 0 None at 7s"));
}

TEST(ProbeMetrics, NothingIsToldBeforeTheFirstResult) {
  RecordingSink sink;
  AddProbeMetrics(ProbeHistory(), true, sink);
  EXPECT_THAT(sink.lines, IsEmpty());
}

}  // namespace
}  // namespace faultd
