#pragma once

#include <future>
#include <map>
#include <string>

#include "base/status.h"

namespace faultd {

// Removes directories of ours with what is in them, each on a thread of its own, because the disk
// that they are on may stall. Used from one thread.
class FileRemovals {
 public:
  // As RemoveTaggedDirectory, but returns at once: begins, or says how it is going. Call it again
  // until it is true, or an error, after which it begins anew. Where no thread is to be had, it
  // waits for the disk.
  StatusOr<bool> Remove(const std::string& path, const std::string& mount_point);

 private:
  std::map<std::string, std::future<Status>> running_;
};

}  // namespace faultd
