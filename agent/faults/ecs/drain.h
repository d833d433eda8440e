#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "faultd/v1/ecs.pb.h"
#include "faults/ecs/ecs_api.h"

namespace faultd {

// One drain of the container instance and its way back. Functions return at once: they begin what
// takes time, and tell what has come of it when they are called again.
class EcsDrain : public std::enable_shared_from_this<EcsDrain> {
 public:
  EcsDrain(EcsApi& api, const Clock& clock, EcsPlace place)
      : api_(api), clock_(clock), place_(std::move(place)) {}

  // Sets DRAINING and looks whether it is so; nullopt until that is known.
  StatusOr<std::optional<v1::EcsDrainEffect>> Drain();

  // Sets ACTIVE, unless the instance is not DRAINING or somebody else wants the host gone, and
  // looks whether it is so; false until that is known. After an error, call again.
  StatusOr<bool> Restore();

  // Why Restore left the instance as it was; empty when it did not.
  const std::string& remark() const { return remark_; }

  // What was last seen; asks again every 5 seconds or so. DATA_LOSS when the instance is not
  // DRAINING any more.
  StatusOr<v1::EcsDrainEffect> Observe();

 private:
  using State = EcsInstanceState;
  enum class Task { kNone, kDrain, kRestore };

  void Begin(Task task);
  void End(Status outcome) { outcome_ = std::move(outcome); }
  // Sets the status, reads it again until it is so, and ends the task.
  void Set(const std::string& status);
  void Verify();
  void Continue();
  void TakeIn(const State& state);
  // Whether it is drained, from the numbers in effect_.
  void Judge();

  void RestoreFrom(const StatusOr<State>& state);
  void RestoreUnlessClaimed();

  void Look();
  void CountStandalone();

  // A callback that does nothing once this is gone.
  template <typename Then>
  auto Alive(Then then) {
    return [weak = weak_from_this(), then](auto answer) {
      if (const auto self = weak.lock()) then(std::move(answer));
    };
  }

  EcsApi& api_;
  const Clock& clock_;
  const EcsPlace place_;
  Task task_ = Task::kNone;
  std::optional<Status> outcome_;  // of the task, once it has ended
  bool uncertain_ = false;         // a request to drain may have arrived, or may arrive yet
  std::string wanted_;             // status
  BootTime verify_until_{0};
  std::optional<BootTime> verify_again_;
  std::string remark_;
  std::string lost_;  // the status that it has instead of DRAINING
  v1::EcsDrainEffect effect_;
  bool looking_ = false;
  BootTime next_look_{0};
};

// FAILED_PRECONDITION that says which permission to give, when that is what is missing.
Status ExplainEcsError(const Status& status, std::string_view action);

}  // namespace faultd
