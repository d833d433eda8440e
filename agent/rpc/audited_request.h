#pragma once

#include <string>
#include <utility>

#include "audit/audit_log.h"
#include "base/status.h"
#include "google/protobuf/message.h"

namespace faultd {

// The line of one request in the audit log, from its arrival to its answer. Without a log it is one
// of those that change nothing. No field of a request is a secret.
class AuditedRequest {
 public:
  AuditedRequest() = default;
  // `who` has actor, principal, role and rule.
  AuditedRequest(AuditLog& log, AuditEntry who, const google::protobuf::Message& request);

  void SetFault(const std::string& id) { entry_.fault = id; }
  // To be called once.
  void Answered(const Status& result);
  // For a stream, when it ends after it was answered.
  void Ended(const Status& result);

 private:
  AuditLog* log_ = nullptr;
  AuditEntry entry_;
};

}  // namespace faultd
