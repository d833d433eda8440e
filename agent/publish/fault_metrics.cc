#include "publish/fault_metrics.h"

#include <algorithm>
#include <chrono>
#include <string>

namespace faultd {
namespace {

constexpr std::chrono::seconds kInterval{10};

}  // namespace

FaultMetrics::FaultMetrics(Engine& engine, Loop& loop, const Clock& clock, MetricSink& sink)
    : engine_(engine),
      loop_(loop),
      clock_(clock),
      sink_(sink),
      watch_(engine.Watch([this](const v1::Fault& fault) { Note(fault); })) {
  for (const v1::Fault& fault : engine.List(false)) Note(fault);
}

FaultMetrics::~FaultMetrics() {
  engine_.Unwatch(watch_);
  loop_.Cancel(timer_);
}

void FaultMetrics::Note(const v1::Fault& fault) {
  const FaultTally::Change change = tally_.Note(fault, clock_.Now());
  if (change == FaultTally::Change::kNone) return;
  const std::string_view kind = KindOf(fault.spec())->name;
  if (change == FaultTally::Change::kEnded) Add("FaultsReverted", kind, 1, "Count");
  Report(kind);
  if (timer_ == Loop::kNoTimer) {
    timer_ = loop_.At(clock_.Now() + kInterval, [this] { ReportAll(); });
  }
}

void FaultMetrics::ReportAll() {
  timer_ = Loop::kNoTimer;
  bool any = false;
  for (const FaultKind* kind : FaultKinds()) {
    if (tally_.Of(kind->name).active == 0) continue;
    Report(kind->name);
    any = true;
  }
  if (any) timer_ = loop_.At(clock_.Now() + kInterval, [this] { ReportAll(); });
}

void FaultMetrics::Report(std::string_view name) {
  const FaultTally::Kind kind = tally_.Of(name);
  const std::chrono::duration<double> remaining =
      kind.active == 0 ? BootTime::zero()
                       : std::max(kind.longest_deadline - clock_.Now(), BootTime::zero());
  Add("FaultActive", name, static_cast<double>(kind.active), "Count");
  Add("LeaseRemaining", name, remaining.count(), "Seconds");
}

void FaultMetrics::Add(std::string_view name, std::string_view kind, double value,
                       std::string_view unit) {
  MetricSample sample;
  sample.series.name = name;
  sample.series.dimensions = {{"Kind", std::string(kind)}};
  sample.series.unit = unit;
  sample.value = value;
  sample.time = clock_.Now();
  sink_.Add(std::move(sample));
}

}  // namespace faultd
