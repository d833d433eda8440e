#pragma once

#include <ostream>

#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/transport.h"

namespace faultd::ctl {

// Does what the options say on the chosen ones of options.fleet.hosts, so many at a time as they
// say, with a fault's id the same on all. Lines of a host carry its name. Held faults end
// everywhere when `stop_fd` can be read. Returns the worst exit code of all: what may be left of
// faults weighs most (5, then 3, 1, 4, 2).
ExitCode RunFleet(Options options, const Transport& transport, std::ostream& out, std::ostream& err,
                  Output::Style style, int stop_fd);

// The worse of two exit codes, in that order.
ExitCode Worst(ExitCode one, ExitCode other);

}  // namespace faultd::ctl
