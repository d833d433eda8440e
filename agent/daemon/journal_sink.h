#pragma once

#include "base/log.h"

namespace faultd {

// Sends lines to the journal with what they are about as fields, so that `journalctl FAULT_ID=…`
// tells the story of a fault: FAULT_ID, KIND, STATE and ACTOR (sd_journal_sendv(3)). When the
// journal does not take them they go to stderr.
spdlog::sink_ptr MakeJournalSink();

}  // namespace faultd
