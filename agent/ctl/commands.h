#pragma once

#include "ctl/client.h"
#include "ctl/exit_codes.h"
#include "ctl/options.h"
#include "ctl/output.h"

namespace faultd::ctl {

// Does what the options say. `stop_fd` can be read when somebody wishes a stream to stop.
ExitCode Run(const Options& options, Client& client, Output& output, int stop_fd);

// Whether the command stays until it is stopped.
bool IsStream(const Options& options);

// One function per subject: watch.cc, hold.cc, wait_drained.cc, probes.cc, lever.cc, audit.cc and
// doctor.cc.
ExitCode Watch(const Options& options, Client& client, Output& output, int stop_fd);
ExitCode Hold(const Options& options, Client& client, Output& output, int stop_fd);
// Returns when the drain that the fault is has moved all tasks it can move, or `longest` is over.
ExitCode WaitDrained(const std::string& id, std::chrono::nanoseconds longest, Client& client,
                     Output& output);
ExitCode Probes(const Options& options, Client& client, Output& output, int stop_fd);
ExitCode Lever(const Options& options, Client& client, Output& output);
ExitCode Audit(const Options& options, Output& output);
ExitCode Doctor(const Options& options, Client& client, Output& output);
ExitCode Version(Client& client, Output& output);

}  // namespace faultd::ctl
