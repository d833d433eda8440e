#include <optional>

#include "base/units.h"
#include "guards/condition.h"

namespace faultd {
namespace {

// For so long the last answer is trusted.
constexpr std::chrono::minutes kPatience{3};

class AlarmCondition final : public Condition {
 public:
  AlarmCondition(const v1::AlarmGuard& guard, std::string name, std::string field,
                 const Surroundings& surroundings)
      : guard_(guard),
        name_(std::move(name)),
        field_(std::move(field)),
        clock_(surroundings.clock),
        poller_(*surroundings.alarms) {
    follower_ = poller_.Follow(
        name_, [this, changed = surroundings.changed](const AlarmPoller::Answer& answer) {
          Hear(answer);
          changed();
        });
  }
  ~AlarmCondition() override { poller_.Leave(follower_); }

  bool Known() const override { return heard_; }

  StatusOr<std::string> Check() override {
    if (!answered_) return CannotAsk();
    if (!state_) {
      if (found_before_) return StrCat("alarm ", name_, " is there no longer");
      return FieldError(field_, StrCat("there is no alarm ", guard_.alarm(),
                                       " in the account and region of this host; write the name or "
                                       "the ARN of one"));
    }
    if (state_->value == "ALARM") return StrCat("alarm ", name_, " is in ALARM: ", state_->reason);
    if (failure_.ok() || guard_.ignore_poll_failure() || clock_.Now() - *answered_ < kPatience)
      return std::string();
    return StrCat("alarm ", name_, ": CloudWatch could not be asked for ",
                  FormatDuration(kPatience), ": ", ToStd(failure_.message()));
  }

 private:
  void Hear(const AlarmPoller::Answer& answer) {
    heard_ = true;
    failure_ = answer.status();
    if (!answer.ok()) return;
    answered_ = clock_.Now();
    found_before_ = found_before_ || state_.has_value();
    const auto found = answer->find(name_);
    state_.reset();
    if (found == answer->end()) return;
    // One of the same name in another account or region is another alarm.
    if (guard_.alarm() == name_ || guard_.alarm() == found->second.arn) state_ = found->second;
  }

  Status CannotAsk() const {
    std::string message =
        StrCat("CloudWatch cannot be asked for alarm ", name_, ": ", ToStd(failure_.message()));
    if (absl::IsPermissionDenied(failure_)) {
      message +=
          R"(; add {"Effect": "Allow", "Action": "cloudwatch:DescribeAlarms", "Resource": "*"})";
    }
    return absl::FailedPreconditionError(message);
  }

  const v1::AlarmGuard guard_;
  const std::string name_;
  const std::string field_;
  const Clock& clock_;
  AlarmPoller& poller_;
  AlarmPoller::FollowerId follower_ = 0;
  bool heard_ = false;
  Status failure_;                    // of the last question
  std::optional<BootTime> answered_;  // the last time there was an answer
  std::optional<AlarmState> state_;   // according to it; nullopt: there is no such alarm
  bool found_before_ = false;
};

}  // namespace

StatusOr<std::unique_ptr<Condition>> MakeAlarmCondition(const v1::AlarmGuard& guard,
                                                        const std::string& path,
                                                        const Surroundings& surroundings) {
  const std::string field = path + ".alarm.alarm";
  auto name = AlarmName(guard.alarm());
  if (!name.ok()) return FieldError(field, ToStd(name.status().message()));
  if (surroundings.alarms == nullptr) {
    return PreconditionError(
        "AWS", "cloudwatch",
        StrCat(path,
               ": alarms cannot be watched on this host: it has no AWS access; set region in "
               "[aws] of the configuration and give the host a role"));
  }
  return std::make_unique<AlarmCondition>(guard, *std::move(name), field, surroundings);
}

}  // namespace faultd
