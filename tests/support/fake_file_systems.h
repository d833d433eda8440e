#pragma once

#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include "base/strings.h"
#include "faults/stress/file_systems.h"

namespace faultd {

// File systems in memory. Whoever has not looked does not know them; what changes later is known at
// the next look.
class FakeFileSystems final : public FileSystems {
 public:
  void Look(const std::vector<std::string>& directories, std::function<void()> done) override {
    for (const std::string& directory : directories) {
      const auto found = there.find(directory);
      seen_.insert_or_assign(directory, found != there.end()
                                            ? StatusOr<FileSystemFacts>(found->second)
                                            : ErrnoStatus(ENOENT, StrCat("open ", directory)));
    }
    done();
  }
  StatusOr<FileSystemFacts> Of(const std::string& directory) const override {
    const auto found = seen_.find(directory);
    if (found != seen_.end()) return found->second;
    return absl::UnavailableError(StrCat("nobody has looked at ", directory));
  }

  std::map<std::string, FileSystemFacts> there;  // by directory

 private:
  std::map<std::string, StatusOr<FileSystemFacts>> seen_;
};

}  // namespace faultd
