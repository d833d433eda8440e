#pragma once

#include <string>

namespace faultd {

// What is where in the state directory that daemon and guardian share.
struct StatePaths {
  std::string directory;  // e.g. /var/lib/faultd
  std::string journal() const { return directory + "/journal"; }
  std::string lock() const { return directory + "/lock"; }
};

}  // namespace faultd
