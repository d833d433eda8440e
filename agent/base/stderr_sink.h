#pragma once

#include <spdlog/sinks/sink.h>

#include <string_view>

namespace faultd {

// Writes to stderr what its reader takes at once: a container's log that nobody reads any more (a
// pipe that is full) and a terminal that is stopped hold up neither leases nor the guardian that is
// to revert. Only for a file it waits for the disk. False when not all was taken.
bool WriteToStderr(std::string_view text);

enum class FileLog {
  kDirectly,  // for who has nothing else to do
  kByThread,  // which the caller waits for as long as the disk does not stall
};

// The same for logs, in colours on a terminal. Lines that are not taken are lost, and the next one
// that is has a line before it that says how many were.
spdlog::sink_ptr MakeStderrSink(FileLog file);

}  // namespace faultd
