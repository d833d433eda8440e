#pragma once

#include <string>

#include "base/log.h"

namespace faultd {

// Sends lines to the journal with what they are about as fields, so that `journalctl FAULT_ID=…`
// tells the story of a fault: FAULT_ID, KIND, STATE and ACTOR. Without a journald they go to
// stderr. Does not wait for a journald that hangs, as it may on a disk that is full or slow:
// sd_journal_sendv(3) would, and the loop with it. What journald does not take is lost.
spdlog::sink_ptr MakeJournalSink(const std::string& identifier,
                                 const std::string& socket = "/run/systemd/journal/socket");

}  // namespace faultd
