#pragma once

#include <string>
#include <utility>

#include "aws/cloudwatch.h"
#include "publish/metric_sink.h"

namespace faultd {

// Samples go to CloudWatch, all under one name space.
class CloudWatchSink final : public MetricSink {
 public:
  // `publisher` must outlive it.
  CloudWatchSink(CloudWatchPublisher& publisher, std::string name_space, bool high_resolution)
      : publisher_(publisher),
        name_space_(std::move(name_space)),
        resolution_s_(high_resolution ? 1 : 60) {}

  void Add(MetricSample sample) override {
    sample.series.name_space = name_space_;
    sample.series.resolution_s = resolution_s_;
    publisher_.Add(std::move(sample));
  }

 private:
  CloudWatchPublisher& publisher_;
  const std::string name_space_;
  const int resolution_s_;
};

}  // namespace faultd
