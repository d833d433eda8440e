#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "faults/fault_kind.h"

namespace faultd {

// A file system that files may be made on, and what of it is never taken.
struct DiskRoom {
  FileSystemFacts facts;
  uint64_t keep_free = 0;    // bytes; 0 unless the journal is on it
  uint64_t keep_inodes = 0;  // likewise

  uint64_t Most() const { return facts.free_bytes - std::min(keep_free, facts.free_bytes); }
  uint64_t MostInodes() const {
    return facts.free_inodes - std::min(keep_inodes, facts.free_inodes);
  }
  // Where files are left by a process that gives them names, or none.
  StressFiles Files(bool named) const;
};

// Looks at what FindDiskRoom needs to know of the directory, and calls `done`: a FaultKind::survey.
void SurveyDisk(const std::string& directory, Host& host, std::function<void(Status)> done);

// Of a directory that a request names in `field`, as last surveyed: NOT_FOUND, or
// FAILED_PRECONDITION where no file can be made.
StatusOr<DiskRoom> FindDiskRoom(const std::string& directory, std::string_view field, Host& host);

// "3GiB are free, of which 256MiB are kept for the journal".
std::string WordsFor(const DiskRoom& room);

}  // namespace faultd
