#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "publish/emf_sink.h"
#include <boost/asio/ip/tcp.hpp>

namespace faultd {

// What holds for samples wherever they go.
struct SampleConfig {
  std::string host;      // empty: the Name tag
  bool latency = false;  // of probes, as metrics of their own
};

struct CloudWatchConfig {
  std::string name_space;
  SampleConfig samples;
  std::chrono::nanoseconds interval = std::chrono::minutes(1);
  bool high_resolution = false;
  std::chrono::nanoseconds keep = std::chrono::minutes(15);
};

struct EmfConfig {
  EmfSink::Options agent;
  SampleConfig samples;
};

// Either an address or a path.
struct PrometheusConfig {
  boost::asio::ip::tcp::endpoint address;
  std::string path;
};

// Where metrics are published: nowhere unless the section is there.
struct PublishConfig {
  std::optional<CloudWatchConfig> cloudwatch;
  std::optional<EmfConfig> emf;
  std::optional<PrometheusConfig> prometheus;
};

}  // namespace faultd
