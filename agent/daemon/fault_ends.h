#pragma once

#include "audit/audit_log.h"
#include "engine/engine.h"

namespace faultd {

// From now on the audit log tells of every fault that ends without being asked to: what the daemon
// does by itself.
void AuditFaultEnds(Engine& engine, AuditLog& audit);

}  // namespace faultd
