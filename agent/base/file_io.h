#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace faultd {

// Content of a small file such as those of /proc and /sys, without the white space at its end.
// NOT_FOUND when there is none; at most 1 MiB.
StatusOr<std::string> ReadSmallFile(const std::string& path);

// Writes all of `data` to a descriptor, going on after short writes and EINTR.
Status WriteAll(int fd, std::string_view data, std::string_view name);

// Reads to the end of the file, at most `limit` bytes (RESOURCE_EXHAUSTED beyond).
StatusOr<std::string> ReadAll(int fd, size_t limit, std::string_view name);

}  // namespace faultd
