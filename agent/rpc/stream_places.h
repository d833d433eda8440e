#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/status.h"

namespace faultd {

// One of its principal's places; free again when the last copy goes.
using StreamPlace = std::shared_ptr<const void>;

// How many streams each principal may have open at a time, over all its connections: gRPC bounds
// those of a connection only. Used from any thread.
class StreamPlaces {
 public:
  static constexpr int kOfEach = 256;

  // RESOURCE_EXHAUSTED when the principal has all of its places taken.
  StatusOr<StreamPlace> Take(const std::string& principal) const;

 private:
  struct Taken {
    std::mutex mutex;
    std::map<std::string, int> of;  // principals with at least one
  };
  // Streams may be over after us.
  std::shared_ptr<Taken> taken_ = std::make_shared<Taken>();
};

}  // namespace faultd
