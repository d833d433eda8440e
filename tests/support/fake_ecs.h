#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "faults/ecs/ecs_api.h"
#include "support/fake_script.h"

namespace faultd {

// What ECS has about the host, which outlives every process and every boot of it.
struct FakeEcsState {
  std::string status = "ACTIVE";
  uint64_t running_tasks = 3;
  uint64_t pending_tasks = 0;
  friend bool operator==(const FakeEcsState&, const FakeEcsState&) = default;
};
std::ostream& operator<<(std::ostream& out, const FakeEcsState& state);

// ECS in memory. Answers from inside the call, unless the test holds answers back.
class FakeEcs final : public EcsApi {
 public:
  explicit FakeEcs(FakeScript& script) : script_(script) {}

  void FindInstance(Callback<EcsPlace> done) override;
  void Describe(const EcsPlace& place, Callback<EcsInstanceState> done) override;
  void SetStatus(const EcsPlace& place, const std::string& status,
                 Callback<EcsInstanceState> done) override;
  void CountStandaloneTasks(const EcsPlace& place, Callback<uint64_t> done) override;
  void FindClaim(Callback<std::string> done) override;

  FakeEcsState state;
  StatusOr<EcsPlace> place = EcsPlace{
      "prod", "arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/0123456789abcdef"};
  StatusOr<uint64_t> standalone_tasks = 1;
  std::string claim;
  bool describe_denied = false;
  // Changes are seen this many looks later.
  int lag = 0;

  // From now on answers to calls whose line in the log begins with `prefix` wait until they are let
  // go; what was asked for happens then, too.
  void HoldAnswers(const std::string& prefix = "") { holding_ = prefix; }
  void LetGo();
  // The processes that wait for answers are gone.
  void Clear() { held_.clear(); }

 private:
  template <typename T>
  void Reply(const std::string& what, const Callback<T>& done, std::function<StatusOr<T>()> answer);

  FakeScript& script_;
  std::optional<std::string> holding_;
  std::vector<std::function<void()>> held_;
  std::optional<std::pair<int, std::string>> seen_;  // for so many looks, an old status
};

}  // namespace faultd
