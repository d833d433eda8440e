#include "guards/condition.h"

namespace faultd {
namespace {

constexpr uint32_t kDefaultConsecutive = 3;
constexpr uint32_t kMostConsecutive = 1000;

class ProbeCondition final : public Condition {
 public:
  ProbeCondition(const ProbeHistory& history, bool up, uint32_t consecutive,
                 const Surroundings& surroundings)
      : probes_(surroundings.probes), name_(history.config.name), up_(up), needed_(consecutive) {
    if (history.known() && history.up() == up_ && history.consecutive >= needed_)
      Trip(history, history.consecutive);
    watch_ = probes_.Watch([this, changed = surroundings.changed](const ProbeHistory& each) {
      if (each.config.name == name_ && Count(each)) changed();
    });
  }
  ~ProbeCondition() override { probes_.Unwatch(watch_); }

  StatusOr<std::string> Check() override { return why_; }

 private:
  // Whether that was the one too many.
  bool Count(const ProbeHistory& history) {
    count_ = history.up() == up_ ? count_ + 1 : 0;
    if (count_ < needed_ || !why_.empty()) return false;
    Trip(history, count_);
    return true;
  }

  void Trip(const ProbeHistory& history, uint32_t count) {
    why_ = StrCat("probe ", name_, ": ", count, up_ ? " success" : " failure",
                  count == 1 ? "" : (up_ ? "es" : "s"), count == 1 ? "" : " in a row");
    if (!up_) StrAppend(&why_, ", the last one: ", history.results.back().error);
  }

  ProbeSource& probes_;
  const std::string name_;
  const bool up_;
  const uint32_t needed_;
  uint32_t count_ = 0;  // since the guard was made
  std::string why_;
  Probes::WatchId watch_ = 0;
};

std::string NamesOf(const ProbeSource& probes) {
  std::string names;
  for (const auto& each : probes.all())
    StrAppend(&names, names.empty() ? "" : ", ", each->config.name);
  return names;
}

}  // namespace

StatusOr<std::unique_ptr<Condition>> MakeProbeCondition(const v1::ProbeGuard& guard,
                                                        const std::string& path,
                                                        const Surroundings& surroundings) {
  const ProbeHistory* history = surroundings.probes.Find(guard.probe());
  if (history == nullptr) {
    const std::string names = NamesOf(surroundings.probes);
    return FieldError(path + ".probe.probe",
                      StrCat("\"", guard.probe(), "\" is no probe of this host; ",
                             names.empty() ? "it has none: add a [[probe]] to its configuration"
                                           : StrCat("it has ", names)));
  }
  const v1::ProbeState state = guard.has_state() ? guard.state() : v1::PROBE_STATE_DOWN;
  if (state != v1::PROBE_STATE_DOWN && state != v1::PROBE_STATE_UP) {
    return FieldError(path + ".probe.state",
                      "is no result that a probe can have; write PROBE_STATE_DOWN (the default) or "
                      "PROBE_STATE_UP");
  }
  if (guard.consecutive() > kMostConsecutive) {
    return FieldError(path + ".probe.consecutive",
                      StrCat(guard.consecutive(), " is out of range; write 1 to ", kMostConsecutive,
                             ", or 0 for ", kDefaultConsecutive));
  }
  const uint32_t consecutive = guard.consecutive() == 0 ? kDefaultConsecutive : guard.consecutive();
  return std::make_unique<ProbeCondition>(*history, state == v1::PROBE_STATE_UP, consecutive,
                                          surroundings);
}

}  // namespace faultd
