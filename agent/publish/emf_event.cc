#include "publish/emf_event.h"

#include <nlohmann/json.hpp>

namespace faultd {

std::string EmfEvent(const MetricSample& sample, std::chrono::nanoseconds since_epoch,
                     const std::string& log_group) {
  using nlohmann::json;
  const MetricSeries& series = sample.series;
  json event = json::object();
  json dimensions = json::array();
  for (const auto& [name, value] : series.dimensions) {
    dimensions.push_back(name);
    event[name] = value;
  }
  event[series.name] = sample.value;
  const json metric = {
      {"Name", series.name}, {"Unit", series.unit}, {"StorageResolution", series.resolution_s}};
  const json directive = {{"Namespace", series.name_space},
                          {"Dimensions", json::array({dimensions})},
                          {"Metrics", json::array({metric})}};
  json& metadata = event["_aws"];
  metadata["Timestamp"] =
      std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
  metadata["CloudWatchMetrics"] = json::array({directive});
  if (!log_group.empty()) metadata["LogGroupName"] = log_group;
  return event.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace faultd
