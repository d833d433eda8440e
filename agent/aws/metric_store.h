#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "base/status.h"

namespace faultd {

// A file that is replaced as a whole, so that it is never half a one. Writing is left to a thread:
// the disk may be the very thing a fault makes slow. Nothing is lost that matters when it fails.
class MetricStore {
 public:
  static constexpr size_t kMostBytes = 32 << 20;

  // No path: it keeps nothing.
  explicit MetricStore(std::string path) : path_(std::move(path)) {}
  ~MetricStore();

  // NOT_FOUND when there is none.
  StatusOr<std::string> Load() const;

  // Writes what `make` returns, called in the thread; does nothing while the last one is still
  // being written, and returns false.
  bool SaveSoon(std::function<std::string()> make);
  // Waits until it is done. An empty document removes the file.
  Status Save(const std::string& document);

 private:
  Status Write(const std::string& document) const;

  std::string path_;
  std::thread writer_;
  std::atomic<bool> writing_ = false;
};

}  // namespace faultd
