#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "faults/ecs/drain.h"

namespace faultd {

struct EcsPolicy {
  // Drain although the status of the instance cannot be read: it is taken for ACTIVE.
  bool assume_active = false;
};

// What faults know of this host as an ECS container instance, and their drains. Nothing waits;
// lives on the loop.
class EcsDrains {
 public:
  struct Facts {
    EcsPlace place;
    EcsInstanceState state;  // as assumed when it could not be read
    bool assumed = false;
    std::optional<uint64_t> standalone_tasks;
  };

  EcsDrains(EcsApi& api, const Clock& clock, EcsPolicy policy = {})
      : api_(api), clock_(clock), policy_(policy) {}
  ~EcsDrains() { *alive_ = false; }
  EcsDrains(const EcsDrains&) = delete;
  EcsDrains& operator=(const EcsDrains&) = delete;

  // Finds out whether and how this host can be drained, and calls `done`, maybe from inside.
  // FAILED_PRECONDITION says why it cannot.
  void Survey(std::function<void(Status)> done);
  // Of the last Survey that succeeded; FAILED_PRECONDITION when there was none.
  StatusOr<Facts> facts() const;

  // The drain of a fault, made when there is none.
  EcsDrain& Of(const std::string& id, const EcsPlace& place);
  // nullptr when there is none.
  EcsDrain* Find(const std::string& id);
  void Forget(const std::string& id) { drains_.erase(id); }

  // What was last heard of the ECS agent; asks it anew.
  StatusOr<EcsPlace> Look();

 private:
  EcsApi& api_;
  const Clock& clock_;
  const EcsPolicy policy_;
  std::optional<Facts> facts_;
  StatusOr<EcsPlace> agent_ = absl::NotFoundError("it was not asked yet");
  std::map<std::string, std::shared_ptr<EcsDrain>> drains_;
  // Answers that outlive this do nothing.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace faultd
