#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "publish/metric_sink.h"

namespace faultd {

// Remembers samples as lines: "FaultActive{Host=web-1,Kind=noop} 1 Count at 20s", the time counted
// from `start`.
class RecordingSink final : public MetricSink {
 public:
  explicit RecordingSink(BootTime start = {}) : start_(start) {}

  void Add(MetricSample sample) override {
    std::string dimensions;
    for (const auto& [name, value] : sample.series.dimensions) {
      StrAppend(&dimensions, dimensions.empty() ? "" : ",", name, "=", value);
    }
    const auto at = std::chrono::round<std::chrono::seconds>(sample.time - start_);
    lines.push_back(StrCat(sample.series.name, "{", dimensions, "} ", sample.value, " ",
                           sample.series.unit, " at ", at.count(), "s"));
  }
  std::vector<std::string> Take() { return std::exchange(lines, {}); }

  std::vector<std::string> lines;

 private:
  const BootTime start_;
};

}  // namespace faultd
