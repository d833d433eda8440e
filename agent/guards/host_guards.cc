#include "guards/host_guards.h"

#include <utility>

namespace faultd {
namespace {

constexpr size_t kMostGuards = 16;
constexpr std::chrono::seconds kTick{1};

StatusOr<std::unique_ptr<Condition>> MakeCondition(const v1::Guard& guard, const std::string& path,
                                                   const Surroundings& surroundings) {
  switch (guard.condition_case()) {
    case v1::Guard::kProbe:
      return MakeProbeCondition(guard.probe(), path, surroundings);
    case v1::Guard::kPressure:
      return MakePressureCondition(guard.pressure(), path, surroundings);
    case v1::Guard::kMemory:
      return MakeMemoryCondition(guard.memory(), path, surroundings);
    case v1::Guard::kAlarm:
      return MakeAlarmCondition(guard.alarm(), path, surroundings);
    case v1::Guard::kFile:
      return MakeFileCondition(guard.file(), path, surroundings);
    case v1::Guard::CONDITION_NOT_SET:
      break;
  }
  return FieldError(path + ".condition",
                    "is missing; set one of probe, pressure, memory, alarm, file");
}

// What a caller may do about it is told by the code: change the request, or the host.
Status NotReady(const std::string& guard, const Status& status) {
  if (absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status)) return status;
  return PreconditionError("GUARD", guard,
                           StrCat(guard, " cannot be watched: ", ToStd(status.message())));
}

}  // namespace

class HostGuards::FaultWatch final : public GuardWatcher::Watch {
 public:
  FaultWatch(HostGuards& owner, uint64_t id, std::function<void(Status)> ready,
             std::function<void(const std::string&)> tripped)
      : owner_(owner), id_(id), ready_(std::move(ready)), tripped_(std::move(tripped)) {}
  ~FaultWatch() override { owner_.Forget(id_); }

  Status Add(std::string name, StatusOr<std::unique_ptr<Condition>> condition) {
    if (!condition.ok()) return condition.status();
    entries_.push_back({std::move(name), *std::move(condition)});
    return absl::OkStatus();
  }
  // Nothing is watched; the next check says why.
  void Refuse(Status why) {
    entries_.clear();
    refused_ = std::move(why);
  }

  // May end with this object destroyed.
  void Check() {
    if (ready_ != nullptr) {
      CheckReady();
    } else if (tripped_ != nullptr) {
      CheckTripped();
    }
  }

 private:
  struct Entry {
    std::string name;
    std::unique_ptr<Condition> condition;
  };

  void CheckReady() {
    bool known = true;
    Status status = refused_;
    for (const Entry& each : entries_) {
      if (!each.condition->Known()) {
        known = false;
        continue;
      }
      const auto why = each.condition->Check();
      if (!why.ok()) {
        status = NotReady(each.name, why.status());
      } else if (!why->empty()) {
        status = PreconditionError("GUARD", each.name,
                                   StrCat(each.name, " has tripped already: ", *why));
      }
      if (!status.ok()) break;
    }
    if (status.ok() && !known) return;
    if (!status.ok()) tripped_ = nullptr;
    std::exchange(ready_, nullptr)(status);
  }

  void CheckTripped() {
    for (const Entry& each : entries_) {
      const auto why = each.condition->Check();
      if (why.ok() && why->empty()) continue;
      const std::string text =
          why.ok()
              ? *why
              : StrCat(each.name, " cannot be watched any longer: ", ToStd(why.status().message()));
      std::exchange(tripped_, nullptr)(text);
      return;
    }
  }

  HostGuards& owner_;
  const uint64_t id_;
  std::function<void(Status)> ready_;
  std::function<void(const std::string&)> tripped_;
  std::vector<Entry> entries_;
  Status refused_;
};

HostGuards::HostGuards(boost::asio::io_context& context, Loop& loop, const Clock& clock,
                       ProbeSource& probes, std::shared_ptr<ApiClient> api, Options options)
    : loop_(loop),
      clock_(clock),
      options_(std::move(options)),
      files_(context, [this] { CheckSoon(); }),
      alarms_(api == nullptr ? nullptr
                             : std::make_unique<AlarmPoller>(context, loop, clock, std::move(api))),
      surroundings_{clock, probes, files_, alarms_.get(), options_.root, [this] { CheckSoon(); }} {}

HostGuards::~HostGuards() { loop_.Cancel(timer_); }

std::unique_ptr<GuardWatcher::Watch> HostGuards::Start(
    std::vector<v1::Guard> guards, std::function<void(Status)> ready,
    std::function<void(const std::string& why)> tripped) {
  const uint64_t id = next_++;
  auto watch = std::make_unique<FaultWatch>(*this, id, std::move(ready), std::move(tripped));
  Status status;
  if (guards.size() > kMostGuards) {
    status = FieldError(StrCat("guards[", kMostGuards, "]"),
                        StrCat("is one too many; give at most ", kMostGuards));
  }
  for (size_t i = 0; i < guards.size() && status.ok(); ++i) {
    std::string path = StrCat("guards[", i, "]");
    auto condition = MakeCondition(guards[i], path, surroundings_);
    status = watch->Add(std::move(path), std::move(condition));
  }
  for (size_t i = 0; i < options_.standing.size() && status.ok(); ++i) {
    const v1::Guard& guard = options_.standing[i];
    const std::string name = "[guards] of the configuration";
    status = watch->Add(name, MakeCondition(guard, name, surroundings_));
    // Not for the caller to correct.
    if (!status.ok()) {
      status = PreconditionError("CONFIG",
                                 guard.has_file() ? guard.file().path() : guard.probe().probe(),
                                 ToStd(status.message()));
    }
  }
  if (!status.ok()) watch->Refuse(status);
  watches_.emplace(id, watch.get());
  loop_.Post([this, alive = std::weak_ptr(alive_), id] {
    if (!alive.expired()) Check(id);
  });
  if (timer_ == Loop::kNoTimer) Arm();
  return watch;
}

void HostGuards::Forget(uint64_t watch) {
  watches_.erase(watch);
  if (!watches_.empty()) return;
  loop_.Cancel(std::exchange(timer_, Loop::kNoTimer));
  files_.Clear();
}

void HostGuards::CheckSoon() {
  if (std::exchange(posted_, true)) return;
  loop_.Post([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    posted_ = false;
    CheckAll();
  });
}

void HostGuards::CheckAll() {
  const FileEvents::SharedLook look(files_);
  // A check may end any of the faults.
  std::vector<uint64_t> ids;
  ids.reserve(watches_.size());
  for (const auto& [id, watch] : watches_) ids.push_back(id);
  for (uint64_t id : ids) Check(id);
}

void HostGuards::Check(uint64_t watch) {
  if (const auto found = watches_.find(watch); found != watches_.end()) found->second->Check();
}

void HostGuards::Arm() {
  timer_ = loop_.At(clock_.Now() + kTick, [this] {
    timer_ = Loop::kNoTimer;
    CheckAll();
    if (!watches_.empty() && timer_ == Loop::kNoTimer) Arm();
  });
}

}  // namespace faultd
