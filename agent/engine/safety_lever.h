#pragma once

#include <chrono>
#include <string>

#include "base/status.h"
#include "faultd/v1/agent_service.pb.h"
#include "kernel/directory.h"

namespace faultd {

// Whether anything may be injected on this host, kept in a file of the state directory: while the
// file is there, the lever is engaged, whoever starts next.
class SafetyLever {
 public:
  // Reads the file. One that cannot be read or understood counts as engaged.
  explicit SafetyLever(Directory& directory);

  const v1::SafetyLever& state() const { return state_; }
  // FAILED_PRECONDITION saying who engaged it, why, and what to do, while it is engaged.
  Status Refusal() const;

  // Takes effect at once, but survives a restart only after Save. When it is engaged already, that
  // stays as it was.
  void Engage(const std::string& reason, const std::string& actor, std::chrono::nanoseconds now);
  // On disk when it returns; else state().not_durable() says why it is not.
  void Save();
  // Stays engaged on errors.
  Status Release();

 private:
  Directory& directory_;
  v1::SafetyLever state_;
};

// INVALID_ARGUMENT when it is no reason to give.
Status ValidateLeverReason(const std::string& reason);

}  // namespace faultd
