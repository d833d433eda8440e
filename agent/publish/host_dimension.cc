#include "publish/host_dimension.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace faultd {
namespace {

// Asking again soon would bring nothing else: no tag, no permission, no metadata to ask.
bool IsDefinite(const Status& why) {
  return absl::IsNotFound(why) || absl::IsPermissionDenied(why) || absl::IsFailedPrecondition(why);
}

}  // namespace

HostDimension::HostDimension(Loop& loop, const Clock& clock, MetricSink& next, Find find,
                             Options options)
    : loop_(loop),
      clock_(clock),
      next_(next),
      find_(std::move(find)),
      options_(std::move(options)),
      store_(options_.file) {}

HostDimension::~HostDimension() { loop_.Cancel(timer_); }

void HostDimension::Start() {
  if (!options_.name.empty()) {
    final_ = true;
    return Use(options_.name);
  }
  if (const auto kept = store_.Load(); kept.ok()) kept_ = *kept;
  first_look_ = clock_.Now();
  Look();
}

void HostDimension::Add(MetricSample sample) {
  if (name_.empty()) {
    waiting_.push_back(std::move(sample));
    if (waiting_.size() > options_.max_waiting) waiting_.pop_front();
    return;
  }
  if (!final_ && !looking_ && clock_.Now() >= next_look_) Look();
  auto& dimensions = sample.series.dimensions;
  dimensions.insert(dimensions.begin(), {"Host", name_});
  next_.Add(std::move(sample));
}

void HostDimension::Look() {
  timer_ = Loop::kNoTimer;
  looking_ = true;
  call_ = find_([this](const StatusOr<InstanceName>& found) { Found(found); });
}

void HostDimension::Found(const StatusOr<InstanceName>& found) {
  looking_ = false;
  if (found.ok() && found->source == InstanceName::Source::kTag) {
    final_ = true;
    if (found->value != kept_) {
      kept_ = found->value;
      store_.SaveSoon([name = kept_] { return name; });
    }
    return Use(found->value);
  }
  constexpr std::chrono::nanoseconds kFirstPause = std::chrono::seconds(10);
  constexpr std::chrono::nanoseconds kLongestPause = std::chrono::hours(1);
  next_look_ = clock_.Now() + std::min(kLongestPause, kFirstPause * (1 << std::min(looks_++, 10)));
  const Status why = found.ok() ? found->why : found.status();
  const bool definite = IsDefinite(why);
  if (name_.empty() && !definite && !kept_.empty()) {
    Use(kept_);
  } else if (name_.empty() && found.ok() &&
             (definite || clock_.Now() - first_look_ >= options_.patience)) {
    spdlog::warn("metrics are published with Host {}, for want of a Name tag: {}", found->value,
                 std::string(why.message()));
    Use(found->value);
  }
  // Once there is a name the next sample asks, so that an idle daemon never wakes up.
  if (name_.empty()) timer_ = loop_.At(next_look_, [this] { Look(); });
}

void HostDimension::Use(const std::string& name) {
  name_ = name;
  for (MetricSample& sample : std::exchange(waiting_, {})) Add(std::move(sample));
}

}  // namespace faultd
