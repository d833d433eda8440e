#pragma once

#include <algorithm>
#include <chrono>

#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace faultd {

// What does not fit becomes about 285 years, which every limit refuses.
inline std::chrono::nanoseconds FromProto(const google::protobuf::Duration& duration) {
  constexpr int64_t kMostSeconds = 9'000'000'000;
  return std::chrono::seconds(std::clamp(duration.seconds(), -kMostSeconds, kMostSeconds)) +
         std::chrono::nanoseconds(duration.nanos());
}

template <typename Message = google::protobuf::Duration>
Message ToProto(std::chrono::nanoseconds time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  Message message;
  message.set_seconds(seconds.count());
  message.set_nanos(static_cast<int32_t>((time - seconds).count()));
  return message;
}

inline google::protobuf::Timestamp ToTimestamp(std::chrono::nanoseconds since_epoch) {
  return ToProto<google::protobuf::Timestamp>(since_epoch);
}

}  // namespace faultd
