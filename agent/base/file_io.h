#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace faultd {

// Content of a small file such as those of /proc and /sys, without the white space at its end.
// NOT_FOUND when there is none; at most 1 MiB.
StatusOr<std::string> ReadSmallFile(const std::string& path);

// /proc/self/mountinfo (proc(5)) below `root`, however many mounts there are: a host of containers
// has thousands, and those of overlayfs can be as long as a page.
StatusOr<std::string> ReadMounts(const std::string& root = "");

// The number that follows `label` at the beginning of a line of such a file: "MemTotal:", or
// "oom_kill ". nullopt when there is no such line.
std::optional<uint64_t> NumberAfter(std::string_view text, std::string_view label);

// Writes to a file that is there, such as those of /proc and /sys.
Status WriteSmallFile(const std::string& path, std::string_view text);

// Writes all of `data` to a descriptor, going on after short writes and EINTR.
Status WriteAll(int fd, std::string_view data, std::string_view name);

// Reads to the end of the file, at most `limit` bytes (RESOURCE_EXHAUSTED beyond).
StatusOr<std::string> ReadAll(int fd, size_t limit, std::string_view name);

}  // namespace faultd
