#include "faults/ecs/drains.h"

#include "base/strings.h"

namespace faultd {
namespace {

// What is being found out, one question after the other.
class EcsSurvey : public std::enable_shared_from_this<EcsSurvey> {
 public:
  using Done = std::function<void(StatusOr<EcsDrains::Facts>)>;

  EcsSurvey(EcsApi& api, EcsPolicy policy, Done done)
      : api_(api), policy_(policy), done_(std::move(done)) {}

  void FindInstance() {
    api_.FindInstance([self = shared_from_this()](StatusOr<EcsPlace> place) {
      if (absl::IsNotFound(place.status()) || absl::IsUnavailable(place.status())) {
        return self->done_(PreconditionError(
            "ECS", "agent",
            StrCat("this host is no ECS container instance, or its agent is not up yet: ",
                   ToStd(place.status().message()))));
      }
      if (!place.ok()) return self->done_(place.status());
      self->facts_.place = *std::move(place);
      self->Describe();
    });
  }

 private:
  void Describe() {
    api_.Describe(facts_.place, [self = shared_from_this()](StatusOr<EcsInstanceState> state) {
      self->Judge(std::move(state));
    });
  }

  void Judge(StatusOr<EcsInstanceState> state) {
    if (absl::IsPermissionDenied(state.status()) && policy_.assume_active) {
      facts_.assumed = true;
      state = EcsInstanceState{.status = "ACTIVE"};
    }
    if (absl::IsPermissionDenied(state.status())) {
      const Status denied = ExplainEcsError(state.status(), "ecs:DescribeContainerInstances");
      return done_(PreconditionError(
          "IAM", "ecs:DescribeContainerInstances",
          StrCat(ToStd(denied.message()),
                 ", or set assume_active = true in section [ecs] of faultd.toml to drain without "
                 "knowing the status before")));
    }
    if (!state.ok()) return done_(state.status());
    if (state->status != "ACTIVE") {
      return done_(PreconditionError(
          "ECS", facts_.place.instance_arn,
          StrCat("the container instance ", facts_.place.instance_arn, " is ", state->status,
                 "; only one that is ACTIVE can be drained, and set back afterwards")));
    }
    facts_.state = *std::move(state);
    FindClaim();
  }

  void FindClaim() {
    api_.FindClaim([self = shared_from_this()](const StatusOr<std::string>& claim) {
      if (claim.ok() && !claim->empty()) {
        return self->done_(
            PreconditionError("ECS", self->facts_.place.instance_arn,
                              StrCat("somebody else wants this host gone already: ", *claim)));
      }
      self->CountStandaloneTasks();
    });
  }

  void CountStandaloneTasks() {
    if (facts_.state.running_tasks == 0) return done_(facts_);
    api_.CountStandaloneTasks(facts_.place, [self = shared_from_this()](StatusOr<uint64_t> count) {
      if (count.ok()) self->facts_.standalone_tasks = *count;
      self->done_(self->facts_);
    });
  }

  EcsApi& api_;
  const EcsPolicy policy_;
  const Done done_;
  EcsDrains::Facts facts_;
};

}  // namespace

void EcsDrains::Survey(std::function<void(Status)> done) {
  const auto survey = std::make_shared<EcsSurvey>(
      api_, policy_, [this, alive = alive_, done = std::move(done)](StatusOr<Facts> facts) {
        if (!*alive) return;
        if (facts.ok()) facts_ = *facts;
        done(facts.status());
      });
  survey->FindInstance();
}

StatusOr<EcsDrains::Facts> EcsDrains::facts() const {
  if (facts_) return *facts_;
  return absl::FailedPreconditionError("the ECS container instance is not known yet");
}

EcsDrain& EcsDrains::Of(const std::string& id, const EcsPlace& place) {
  auto& drain = drains_[id];
  if (drain == nullptr) drain = std::make_shared<EcsDrain>(api_, clock_, place);
  return *drain;
}

EcsDrain* EcsDrains::Find(const std::string& id) {
  const auto found = drains_.find(id);
  return found == drains_.end() ? nullptr : found->second.get();
}

StatusOr<EcsPlace> EcsDrains::Look() {
  api_.FindInstance([this, alive = alive_](StatusOr<EcsPlace> place) {
    if (*alive) agent_ = std::move(place);
  });
  return agent_;
}

}  // namespace faultd
