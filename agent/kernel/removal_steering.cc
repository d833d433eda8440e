#include "kernel/removal_steering.h"

#include <cerrno>
#include <utility>

#include "kernel/flower_steering.h"
#include "kernel/nft_steering.h"

namespace faultd {
namespace {

// Where the kernel lacks a mechanism there is nothing of it to remove.
bool IsUnsupported(const Status& status) {
  const int error = ErrnoOf(status);
  return error == EPROTONOSUPPORT || error == EAFNOSUPPORT || error == EOPNOTSUPP;
}

class RemovalSteering final : public Steering {
 public:
  RemovalSteering(std::vector<std::unique_ptr<Steering>> parts, Status refusal)
      : parts_(std::move(parts)), refusal_(std::move(refusal)) {}

  std::string_view name() const override { return "none"; }

  Status Apply(const SteeringTable& table) override {
    if (!table.empty()) return refusal_;
    Status status;
    for (const auto& part : parts_) {
      const Status removed = part->Apply({});
      if (!IsUnsupported(removed)) MergeStatus(status, removed);
    }
    return status;
  }

  StatusOr<SteeringState> Read() override {
    SteeringState all;
    for (const auto& part : parts_) {
      auto state = part->Read();
      if (IsUnsupported(state.status())) continue;
      RETURN_IF_ERROR(state.status());
      all.present |= state->present;
      all.rules += state->rules;
      all.names.insert(all.names.end(), state->names.begin(), state->names.end());
      all.counters.merge(state->counters);
    }
    return all;
  }

  Status Supports(const SteeringRule&) const override { return refusal_; }

  StatusOr<std::vector<OwnHook>> HooksToOwn(const std::vector<std::string>&) override {
    return std::vector<OwnHook>();
  }

  void AdoptHooks(const std::vector<OwnHook>& hooks) override {
    for (const auto& part : parts_) part->AdoptHooks(hooks);
  }

 private:
  std::vector<std::unique_ptr<Steering>> parts_;
  Status refusal_;
};

}  // namespace

StatusOr<std::unique_ptr<Steering>> OpenRemovalSteering(Status refusal) {
  std::vector<std::unique_ptr<Steering>> parts;
  for (const auto open : {OpenNftSteering, OpenFlowerSteering}) {
    auto part = open();
    if (IsUnsupported(part.status())) continue;
    RETURN_IF_ERROR(part.status());
    parts.push_back(*std::move(part));
  }
  return std::make_unique<RemovalSteering>(std::move(parts), std::move(refusal));
}

}  // namespace faultd
