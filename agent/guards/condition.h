#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "faultd/v1/guard.pb.h"
#include "guards/alarm_poller.h"
#include "guards/file_events.h"
#include "guards/probe_source.h"

namespace faultd {

// The condition of one guard of one fault. Used on the loop's thread.
class Condition {
 public:
  virtual ~Condition() = default;

  // False while it waits for an answer without which there is nothing to check.
  virtual bool Known() const { return true; }
  // Why it has tripped, in words; empty while it has not. An error when that cannot be told. Called
  // once a second and after `changed`; never waits for anything.
  virtual StatusOr<std::string> Check() = 0;
};

// What conditions look at. All of it outlives them.
struct Surroundings {
  const Clock& clock;
  ProbeSource& probes;
  FileEvents& files;
  AlarmPoller* alarms = nullptr;  // null: AWS is not configured
  std::string root;               // in front of /proc
  std::function<void()> changed;  // a condition may have tripped; may be called at any time
};

// Each begins to look at once. `path` is the guard's in the request, "guards[1]". A FieldError when
// the guard is not well-formed, else what prevents watching it.
StatusOr<std::unique_ptr<Condition>> MakeProbeCondition(const v1::ProbeGuard& guard,
                                                        const std::string& path,
                                                        const Surroundings& surroundings);
StatusOr<std::unique_ptr<Condition>> MakePressureCondition(const v1::PressureGuard& guard,
                                                           const std::string& path,
                                                           const Surroundings& surroundings);
StatusOr<std::unique_ptr<Condition>> MakeMemoryCondition(const v1::MemoryGuard& guard,
                                                         const std::string& path,
                                                         const Surroundings& surroundings);
StatusOr<std::unique_ptr<Condition>> MakeAlarmCondition(const v1::AlarmGuard& guard,
                                                        const std::string& path,
                                                        const Surroundings& surroundings);
StatusOr<std::unique_ptr<Condition>> MakeFileCondition(const v1::FileGuard& guard,
                                                       const std::string& path,
                                                       const Surroundings& surroundings);

}  // namespace faultd
