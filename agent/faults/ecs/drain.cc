#include "faults/ecs/drain.h"

#include <algorithm>

#include "base/strings.h"

namespace faultd {
namespace {

constexpr char kActive[] = "ACTIVE";
constexpr char kDraining[] = "DRAINING";

// Hosts of a fleet share the API's rate: 20 reads a second for all of an account.
constexpr std::chrono::seconds kLookInterval{5};

// What ECS was told may take a moment to be seen ("eventual consistency" in its API reference).
constexpr std::chrono::seconds kVerifyTime{5};
constexpr std::chrono::milliseconds kVerifyPause{500};

// The request did not change anything, and will not.
bool IsRefusal(const Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status) ||
         absl::IsInvalidArgument(status) || absl::IsNotFound(status) ||
         absl::IsFailedPrecondition(status);
}

}  // namespace

Status ExplainEcsError(const Status& status, std::string_view action) {
  if (!absl::IsPermissionDenied(status)) return status;
  return PreconditionError(
      "IAM", action,
      StrCat(ToStd(status.message()), "; allow ", action,
             " on the container instances of the cluster in the role of this host "
             "(/usr/share/faultd/iam/faultd-instance-policy.json)"));
}

void EcsDrain::Begin(Task task) {
  task_ = task;
  outcome_.reset();
  verify_again_.reset();
}

StatusOr<std::optional<v1::EcsDrainEffect>> EcsDrain::Drain() {
  if (task_ != Task::kDrain) {
    Begin(Task::kDrain);
    uncertain_ = true;
    Set(kDraining);
  }
  Continue();
  if (!outcome_) return std::nullopt;
  RETURN_IF_ERROR(*outcome_);
  return effect_;
}

void EcsDrain::Set(const std::string& status) {
  wanted_ = status;
  api_.SetStatus(
      place_, status, Alive([this](const StatusOr<State>& answer) {
        if (answer.ok() || IsRefusal(answer.status())) uncertain_ = false;
        if (!answer.ok())
          return End(ExplainEcsError(answer.status(), "ecs:UpdateContainerInstancesState"));
        if (answer->status == kDraining) TakeIn(*answer);
        verify_until_ = clock_.Now() + kVerifyTime;
        Verify();
      }));
}

void EcsDrain::Verify() {
  api_.Describe(
      place_, Alive([this](const StatusOr<State>& state) {
        // The answer to the change has said it already.
        if (absl::IsPermissionDenied(state.status())) return End(absl::OkStatus());
        if (!state.ok()) return End(state.status());
        if (state->status == wanted_) {
          if (wanted_ == kDraining) TakeIn(*state);
          return End(absl::OkStatus());
        }
        if (clock_.Now() < verify_until_) {
          verify_again_ = clock_.Now() + kVerifyPause;
          return;
        }
        End(absl::InternalError(StrCat("ECS was told to set ", wanted_, " on ", place_.instance_arn,
                                       ", but it is ", state->status)));
      }));
}

void EcsDrain::Continue() {
  if (!verify_again_ || clock_.Now() < *verify_again_) return;
  verify_again_.reset();
  Verify();
}

void EcsDrain::TakeIn(const State& state) {
  if (effect_.status().empty()) effect_.set_tasks_at_start(state.running_tasks);
  effect_.set_status(state.status);
  effect_.set_running_tasks(state.running_tasks);
  effect_.set_pending_tasks(state.pending_tasks);
  if (effect_.standalone_tasks() > state.running_tasks)
    effect_.set_standalone_tasks(state.running_tasks);
  Judge();
  next_look_ = clock_.Now() + kLookInterval + clock_.Now() % std::chrono::seconds(1);
}

void EcsDrain::Judge() {
  effect_.set_drained(effect_.running_tasks() == effect_.standalone_tasks() &&
                      effect_.pending_tasks() == 0);
}

StatusOr<bool> EcsDrain::Restore() {
  // What was asked for must have come to an end first, or it could come after what follows.
  if (task_ == Task::kDrain && !outcome_) return false;
  if (task_ != Task::kRestore) {
    Begin(Task::kRestore);
    api_.Describe(place_, Alive([this](const StatusOr<State>& state) { RestoreFrom(state); }));
  }
  Continue();
  if (!outcome_) return false;
  if (outcome_->ok()) return true;
  task_ = Task::kNone;
  return *outcome_;
}

void EcsDrain::RestoreFrom(const StatusOr<State>& state) {
  if (absl::IsPermissionDenied(state.status())) return RestoreUnlessClaimed();
  if (absl::IsNotFound(state.status())) {
    remark_ = "the container instance is not there any more";
    return End(absl::OkStatus());
  }
  if (!state.ok()) return End(state.status());
  if (state->status == kDraining) return RestoreUnlessClaimed();
  if (state->status == kActive) {
    if (uncertain_) return RestoreUnlessClaimed();
    if (!effect_.status().empty())
      remark_ = "the container instance was ACTIVE already: somebody else has set it";
    return End(absl::OkStatus());
  }
  remark_ = StrCat("left as it is: the container instance is ", state->status);
  End(absl::OkStatus());
}

void EcsDrain::RestoreUnlessClaimed() {
  api_.FindClaim(Alive([this](const StatusOr<std::string>& claim) {
    // Not to know is no reason to leave a fault behind.
    if (!claim.ok() || claim->empty()) return Set(kActive);
    remark_ = StrCat("left DRAINING: somebody else wants this host gone: ", *claim);
    End(absl::OkStatus());
  }));
}

StatusOr<v1::EcsDrainEffect> EcsDrain::Observe() {
  if (!lost_.empty()) {
    return absl::DataLossError(
        StrCat("the container instance is ", lost_, ": somebody else has changed it"));
  }
  if (clock_.Now() >= next_look_ && !looking_) Look();
  return effect_;
}

void EcsDrain::Look() {
  looking_ = true;
  next_look_ = clock_.Now() + kLookInterval;
  api_.Describe(place_, Alive([this](StatusOr<State> state) {
                  looking_ = false;
                  if (absl::IsNotFound(state.status())) lost_ = "not there any more";
                  if (!state.ok()) return;
                  if (state->status != kDraining) lost_ = state->status;
                  TakeIn(*state);
                  if (state->running_tasks > 0) CountStandalone();
                }));
}

void EcsDrain::CountStandalone() {
  api_.CountStandaloneTasks(
      place_, Alive([this](StatusOr<uint64_t> count) {
        if (!count.ok()) return;
        effect_.set_standalone_tasks(std::min(*count, effect_.running_tasks()));
        Judge();
      }));
}

}  // namespace faultd
