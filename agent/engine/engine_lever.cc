// The safety lever: engaged, nothing is injected and nothing stays.
#include <spdlog/spdlog.h>

#include <utility>

#include "base/strings.h"
#include "engine/engine.h"

namespace faultd {

void Engine::EngageLever(const std::string& reason, const std::string& actor,
                         std::function<void(v1::SafetyLever)> done) {
  lever_->Engage(reason, actor, clock_.WallNow());
  const v1::SafetyLever& lever = lever_->state();
  spdlog::warn("safety lever engaged by {}: {}; reverting all faults", lever.actor(),
               lever.reason());
  for (const auto& [id, entry] : entries_) {
    const v1::FaultState state = entry->fault.state();
    if (state != v1::FAULT_STATE_PENDING && state != v1::FAULT_STATE_ACTIVE) continue;
    entry->fault.set_end_detail(StrCat(lever.reason(), " (", lever.actor(), ")"));
  }
  worker_.Run(lever_->Save(), [this, alive = alive_](const Status& saved) {
    if (!*alive) return;
    lever_->Saved(saved);
    if (saved.ok()) return;
    spdlog::error("the safety lever is engaged, but would be released by a restart: {}",
                  std::string(saved.message()));
  });
  RevertAll(v1::END_REASON_SAFETY_LEVER,
            [this, alive = alive_, done = std::move(done)](const std::vector<v1::Fault>&) {
              // The answer comes after the state is on disk: the worker keeps the order.
              worker_.Run([] { return absl::OkStatus(); },
                          [this, alive, done](const Status&) {
                            if (*alive) done(lever_->state());
                          });
            });
}

void Engine::ReleaseLever(const std::string& actor,
                          std::function<void(StatusOr<v1::SafetyLever>)> done) {
  worker_.Run(lever_->Release(),
              [this, alive = alive_, actor, done = std::move(done)](const Status& removed) {
                if (!*alive) return;
                if (Status released = lever_->Released(removed); !released.ok())
                  return done(released);
                spdlog::warn("safety lever released by {}", actor);
                done(lever_->state());
              });
}

Status Engine::LeverRefusal() const {
  return lever_ == nullptr ? absl::OkStatus() : lever_->Refusal();
}

}  // namespace faultd
