#include "support/fake_ecs.h"

namespace faultd {

std::ostream& operator<<(std::ostream& out, const FakeEcsState& state) {
  return out << "  ECS: " << state.status << ", " << state.running_tasks << " tasks running, "
             << state.pending_tasks << " pending\n";
}

template <typename T>
void FakeEcs::Reply(const std::string& what, const Callback<T>& done,
                    std::function<StatusOr<T>()> answer) {
  const auto reply = [this, what, done, answer] { done(script_.Run(what, answer)); };
  if (!holding_ || !what.starts_with(*holding_)) return reply();
  held_.emplace_back(reply);
}

void FakeEcs::LetGo() {
  holding_.reset();
  for (const auto& each : std::exchange(held_, {})) each();
}

void FakeEcs::FindInstance(Callback<EcsPlace> done) {
  Reply<EcsPlace>("ask the ECS agent", done, [this] { return place; });
}

void FakeEcs::Describe(const EcsPlace&, Callback<EcsInstanceState> done) {
  Reply<EcsInstanceState>(
      "describe the container instance", done, [this]() -> StatusOr<EcsInstanceState> {
        if (describe_denied) return absl::PermissionDeniedError("AccessDeniedException: no");
        std::string status = state.status;
        if (seen_ && seen_->first-- > 0) status = seen_->second;
        return EcsInstanceState{status, state.running_tasks, state.pending_tasks};
      });
}

void FakeEcs::SetStatus(const EcsPlace&, const std::string& status,
                        Callback<EcsInstanceState> done) {
  Reply<EcsInstanceState>(
      "set the container instance " + status, done, [this, status]() -> StatusOr<EcsInstanceState> {
        seen_ = {lag, state.status};
        state.status = status;
        return EcsInstanceState{status, state.running_tasks, state.pending_tasks};
      });
}

void FakeEcs::CountStandaloneTasks(const EcsPlace&, Callback<uint64_t> done) {
  Reply<uint64_t>("list tasks", done, [this] { return standalone_tasks; });
}

void FakeEcs::FindClaim(Callback<std::string> done) {
  Reply<std::string>("ask the instance metadata", done,
                     [this]() -> StatusOr<std::string> { return claim; });
}

}  // namespace faultd
