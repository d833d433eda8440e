#include "aws/json_text.h"
#include "aws/metric_buffer.h"
#include <nlohmann/json.hpp>

namespace faultd {

using nlohmann::json;
using std::chrono::nanoseconds;

std::string MetricSnapshot::ToDocument(const std::string& boot_id) const {
  json document = {{"version", 1},
                   {"boot_id", boot_id},
                   {"boot_ns", boot_now.count()},
                   {"wall_ns", wall_now.count()}};
  json& all_series = document["series"] = json::array();
  for (const MetricSeries& one : series) {
    all_series.push_back(
        json::array({one.name_space, one.name, one.dimensions, one.unit, one.resolution_s}));
  }
  json& all_datums = document["datums"] = json::array();
  for (const MetricDatum& datum : datums) {
    all_datums.push_back(
        json::array({datum.series, datum.slot.count(), datum.start.count(), datum.values}));
  }
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

StatusOr<MetricSnapshot> MetricSnapshot::FromDocument(const std::string& text,
                                                      const std::string& boot_id,
                                                      const SkewedClock& clock) {
  const json document = json::parse(text, nullptr, false);
  if (JsonInteger(document, "version") != 1) {
    return absl::InvalidArgumentError("it is no document of version 1");
  }
  MetricSnapshot snapshot{{}, {}, clock.Now(), clock.WallNow()};
  // From the time since boot of another boot to that of this one.
  nanoseconds shift{};
  if (JsonText(document, "boot_id") != boot_id) {
    const nanoseconds passed = snapshot.wall_now - nanoseconds(JsonInteger(document, "wall_ns"));
    shift = snapshot.boot_now - passed - nanoseconds(JsonInteger(document, "boot_ns"));
  }
  // The library says by exceptions what is missing or of another type.
  try {
    for (const json& one : document.at("series")) {
      snapshot.series.push_back({one.at(0), one.at(1), one.at(2), one.at(3), one.at(4)});
    }
    for (const json& one : document.at("datums")) {
      MetricDatum datum{one.at(0), nanoseconds(one.at(1).get<int64_t>()),
                        nanoseconds(one.at(2).get<int64_t>()) + shift, one.at(3)};
      if (datum.series >= snapshot.series.size()) {
        return absl::InvalidArgumentError("a datum has no series");
      }
      snapshot.datums.push_back(std::move(datum));
    }
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return snapshot;
}

}  // namespace faultd
