#pragma once

#include <functional>
#include <string>

#include "base/log.h"
#include "base/status.h"
#include "engine/journal.h"
#include "faults/fault_kind.h"

namespace faultd {

// What a recovery did, in lines for people. `about` is nothing in particular, or the fault of a
// record.
using RecoveryLog = std::function<void(const std::string& line, const LogSubject& about)>;

// Whether the fault with this id was seen gone, though its record is still there. Of what it had
// made, nothing is left; an empty clsact qdisc in its place is somebody else's.
using SeenGone = std::function<bool(const std::string& id)>;

// For lines about a fault that is put back from its record.
LogSubject AboutRecord(const v1::JournalRecord& record);

// Puts the host back from the journal alone, and removes whatever else in the kernel is tagged as
// ours; what makes network faults, before the journal is read. For the start of the daemon, for the
// guardian, and by hand. The caller holds the lock. Goes on after errors; what could not be
// reverted keeps its record, and the errors come back merged. Records that cannot be read are set
// aside; those of remote kinds are left to Engine. Idempotent.
Status Recover(
    Journal& journal, Host& host, const std::string& boot_id, const RecoveryLog& log,
    const SeenGone& seen_gone = [](const std::string&) { return false; });

}  // namespace faultd
