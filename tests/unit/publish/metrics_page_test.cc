#include "publish/metrics_page.h"

#include "base/strings.h"
#include "support/engine_fixture.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class MetricsPageTest : public EngineFixture {
 protected:
  MetricsPageTest() {
    engine().Watch([this](const v1::Fault& fault) { page.Note(fault, host.clock.Now()); });
  }
  void Probe(bool up) {
    ProbeResult result;
    result.up = up;
    result.latency = milliseconds(12);
    history.config.name = "db-connectivity";
    history.config.target = "db\"\\\n:5432";
    history.results.push_back(result);
    page.Note(history);
  }

  MetricsPage page;
  ProbeHistory history;
};

TEST_F(MetricsPageTest, InFull) {
  Inject("a", kNoop);
  Inject("b", kNoop);
  Inject("c", kLatency);
  Revert("c");
  host.loop.RunFor(seconds(10));
  Probe(true);
  Probe(true);
  Probe(false);
  CloudWatchPublisher::Statistics statistics;
  statistics.sent = 1'000'000;
  statistics.dropped = 3;
  statistics.requests = 14;
  statistics.waiting = 5;
  statistics.last = absl::UnavailableError("no");
  std::string active;
  for (const FaultKind* kind : FaultKinds()) {
    StrAppend(&active, "faultd_fault_active{kind=\"", kind->name, "\"} ",
              kind->name == "noop" ? 2 : 0, "\n");
  }
  const std::string begin =
      R"(# HELP faultd_probe_up Whether the last attempt of the probe succeeded.
# TYPE faultd_probe_up gauge
faultd_probe_up{probe="db-connectivity",target="db\"\\\n:5432"} 0
# HELP faultd_probe_latency_seconds How long the last answer took.
# TYPE faultd_probe_latency_seconds gauge
faultd_probe_latency_seconds{probe="db-connectivity",target="db\"\\\n:5432"} 0.012
# HELP faultd_probe_results_total Attempts of the probe.
# TYPE faultd_probe_results_total counter
faultd_probe_results_total{probe="db-connectivity",result="up"} 2
faultd_probe_results_total{probe="db-connectivity",result="down"} 1
# HELP faultd_fault_active Active faults.
# TYPE faultd_fault_active gauge
)";
  const std::string end =
      R"(# HELP faultd_lease_remaining_seconds The longest lease of active faults.
# TYPE faultd_lease_remaining_seconds gauge
faultd_lease_remaining_seconds{kind="noop"} 50
# HELP faultd_faults_ended_total Faults that are over, and why.
# TYPE faultd_faults_ended_total counter
faultd_faults_ended_total{kind="latency",reason="requested"} 1
# HELP faultd_cloudwatch_up Whether the last request to CloudWatch succeeded.
# TYPE faultd_cloudwatch_up gauge
faultd_cloudwatch_up 0
# HELP faultd_cloudwatch_requests_total Requests to CloudWatch.
# TYPE faultd_cloudwatch_requests_total counter
faultd_cloudwatch_requests_total 14
# HELP faultd_cloudwatch_datums_sent_total Datums CloudWatch has taken.
# TYPE faultd_cloudwatch_datums_sent_total counter
faultd_cloudwatch_datums_sent_total 1000000
# HELP faultd_cloudwatch_datums_dropped_total Datums given up: too old, too many, or refused.
# TYPE faultd_cloudwatch_datums_dropped_total counter
faultd_cloudwatch_datums_dropped_total 3
# HELP faultd_cloudwatch_datums_waiting Datums that have not been sent yet.
# TYPE faultd_cloudwatch_datums_waiting gauge
faultd_cloudwatch_datums_waiting 5
)";
  EXPECT_EQ(page.Render(host.clock.Now(), statistics), StrCat(begin, active, end));
}

TEST_F(MetricsPageTest, WithoutCloudWatchThereIsNothingOfIt) {
  EXPECT_EQ(page.Render(host.clock.Now(), std::nullopt).find("cloudwatch"), std::string::npos);
}

}  // namespace
}  // namespace faultd
