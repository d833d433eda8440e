#pragma once

#include <string>

#include "base/status.h"

namespace faultd {

// Removes a directory of ours with the files in it and in its sub-directories, some hundred at a
// time. True when it is seen gone, or was not there; then it stays gone if the power fails. `path`
// has no symbolic links in it: one that has by now is an error, as is a directory of another user
// or on another file system than its parent. `mount_point`: where its file system is mounted; while
// nothing is, that it is not there is a PreconditionError "MOUNT". Empty: not to be looked at.
StatusOr<bool> RemoveTaggedDirectory(const std::string& path, const std::string& mount_point = "");

}  // namespace faultd
