#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/status.h"
#include "faultd/v1/agent_service.pb.h"
#include "kernel/directory.h"

namespace faultd {

// Whether anything may be injected on this host, kept in a file of the state directory: while the
// file is there, the lever is engaged, whoever starts next. Writing the file and removing it may
// wait for the disk: they are functions to be called on another thread, one after the other, whose
// status comes back here.
class SafetyLever {
 public:
  // Reads the file. One that cannot be read or understood counts as engaged.
  explicit SafetyLever(Directory& directory);

  const v1::SafetyLever& state() const { return state_; }
  // FAILED_PRECONDITION saying who engaged it, why, and what to do, while it is engaged.
  Status Refusal() const;

  // Takes effect at once, but survives a restart only once it is saved. When it is engaged already,
  // that stays as it was. Overtakes a release that is under way.
  void Engage(const std::string& reason, const std::string& actor, std::chrono::nanoseconds now);
  // What writes the file if it has to be written; on disk when that returns.
  std::function<Status()> Save() const;
  // Else state().not_durable() says why it is not.
  void Saved(const Status& status);

  // What removes the file. It stays engaged until then.
  std::function<Status()> Release();
  // Stays engaged on errors. ABORTED when it was engaged again meanwhile.
  Status Released(const Status& removed);

 private:
  Directory& directory_;
  v1::SafetyLever state_;
  bool releasing_ = false;
};

// INVALID_ARGUMENT when it is no reason to give.
Status ValidateLeverReason(const std::string& reason);

}  // namespace faultd
