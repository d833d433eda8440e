#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernel/directory.h"
#include "support/fake_script.h"

namespace faultd {

// A directory with a page cache and a disk: what was not synced is there for other processes, but
// is lost with the power. A write or renaming is two calls, the change and its sync.
class FakeDirectory final : public Directory {
 public:
  using Files = std::map<std::string, std::string>;

  explicit FakeDirectory(FakeScript& script) : script_(script) {}

  StatusOr<std::vector<std::string>> List() override;
  StatusOr<std::string> Read(const std::string& name) override;
  Status Write(const std::string& name, std::string_view content) override;
  Status Remove(const std::string& name) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Sync() override { return Sync("."); }

  // As other processes see them; may be changed at will.
  Files& files() { return files_; }
  const Files& files() const { return files_; }
  void LosePower() { files_ = on_disk_; }

 private:
  Status Sync(const std::string& name);

  FakeScript& script_;
  Files files_;
  Files on_disk_;
};

}  // namespace faultd
