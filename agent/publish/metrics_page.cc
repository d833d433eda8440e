#include "publish/metrics_page.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "absl/strings/ascii.h"
#include "faults/fault_kind.h"
#include "publish/prometheus_text.h"

namespace faultd {
namespace {

// END_REASON_LEASE_ENDED becomes "lease_ended".
std::string ReasonName(v1::EndReason reason) {
  constexpr std::string_view kPrefix = "END_REASON_";
  std::string name = absl::AsciiStrToLower(v1::EndReason_Name(reason));
  return name.substr(std::min(kPrefix.size(), name.size()));
}

double Number(uint64_t value) { return static_cast<double>(value); }

void RenderCloudWatch(const CloudWatchPublisher::Statistics& statistics, PrometheusText& text) {
  text.Metric("faultd_cloudwatch_up", "gauge", "Whether the last request to CloudWatch succeeded.");
  text.Sample({}, statistics.last.ok() ? 1 : 0);
  text.Metric("faultd_cloudwatch_requests_total", "counter", "Requests to CloudWatch.");
  text.Sample({}, Number(statistics.requests));
  text.Metric("faultd_cloudwatch_datums_sent_total", "counter", "Datums CloudWatch has taken.");
  text.Sample({}, Number(statistics.sent));
  text.Metric("faultd_cloudwatch_datums_dropped_total", "counter",
              "Datums given up: too old, too many, or refused.");
  text.Sample({}, Number(statistics.dropped));
  text.Metric("faultd_cloudwatch_datums_waiting", "gauge", "Datums that have not been sent yet.");
  text.Sample({}, Number(statistics.waiting));
}

}  // namespace

void MetricsPage::Note(const ProbeHistory& history) {
  if (!history.known()) return;
  Probe& probe = probes_[history.config.name];
  probe.target = history.config.target;
  probe.up = history.up();
  ++(probe.up ? probe.ups : probe.downs);
  if (probe.up) {
    probe.latency_s = std::chrono::duration<double>(history.results.back().latency).count();
  }
}

std::string MetricsPage::Render(
    BootTime now, const std::optional<CloudWatchPublisher::Statistics>& cloudwatch) const {
  PrometheusText text;
  text.Metric("faultd_probe_up", "gauge", "Whether the last attempt of the probe succeeded.");
  for (const auto& [name, probe] : probes_) {
    text.Sample({{"probe", name}, {"target", probe.target}}, probe.up ? 1 : 0);
  }
  text.Metric("faultd_probe_latency_seconds", "gauge", "How long the last answer took.");
  for (const auto& [name, probe] : probes_) {
    if (probe.ups > 0) text.Sample({{"probe", name}, {"target", probe.target}}, probe.latency_s);
  }
  text.Metric("faultd_probe_results_total", "counter", "Attempts of the probe.");
  for (const auto& [name, probe] : probes_) {
    text.Sample({{"probe", name}, {"result", "up"}}, Number(probe.ups));
    text.Sample({{"probe", name}, {"result", "down"}}, Number(probe.downs));
  }
  text.Metric("faultd_fault_active", "gauge", "Active faults.");
  for (const FaultKind* kind : FaultKinds()) {
    text.Sample({{"kind", kind->name}}, Number(faults_.Of(kind->name).active));
  }
  text.Metric("faultd_lease_remaining_seconds", "gauge", "The longest lease of active faults.");
  for (const FaultKind* kind : FaultKinds()) {
    const FaultTally::Kind tally = faults_.Of(kind->name);
    if (tally.active == 0) continue;
    const auto remaining = std::max(tally.longest_deadline - now, BootTime::zero());
    text.Sample({{"kind", kind->name}}, std::chrono::duration<double>(remaining).count());
  }
  text.Metric("faultd_faults_ended_total", "counter", "Faults that are over, and why.");
  for (const auto& [which, count] : faults_.ended()) {
    text.Sample({{"kind", which.first}, {"reason", ReasonName(which.second)}}, Number(count));
  }
  if (cloudwatch) RenderCloudWatch(*cloudwatch, text);
  return text.text();
}

}  // namespace faultd
