#include <stdexcept>
#include <utility>

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

namespace {

// The sum of any three is no overflow yet.
constexpr nanoseconds kMostTime = std::chrono::hours(24 * 365 * 90);

// Like json::at, these say by an exception that a value is not what it must be.
template <typename T>
T Whole(const json& value) {
  const auto number = value.get_ref<const int64_t&>();
  if (!std::in_range<T>(number)) throw std::out_of_range("a number is out of range");
  return static_cast<T>(number);
}

nanoseconds Near(nanoseconds time) {
  if (time > kMostTime || time < -kMostTime) throw std::out_of_range("a time is out of range");
  return time;
}

nanoseconds TimeIn(const json& value) { return Near(nanoseconds(Whole<int64_t>(value))); }

std::vector<std::pair<double, uint32_t>> ValuesIn(const json& list) {
  std::vector<std::pair<double, uint32_t>> values;
  for (const json& each : list) values.emplace_back(each.at(0), Whole<uint32_t>(each.at(1)));
  return values;
}

}  // namespace

StatusOr<MetricSnapshot> MetricSnapshot::FromDocument(const std::string& text,
                                                      const std::string& boot_id,
                                                      const SkewedClock& clock) {
  const json document = json::parse(text, nullptr, false);
  if (JsonInteger(document, "version") != 1) {
    return absl::InvalidArgumentError("it is no document of version 1");
  }
  MetricSnapshot snapshot{{}, {}, clock.Now(), clock.WallNow()};
  // The library says by exceptions what is missing or of another type.
  try {
    // From the time since boot of another boot to that of this one.
    nanoseconds shift{};
    if (JsonText(document, "boot_id") != boot_id) {
      const nanoseconds passed = snapshot.wall_now - TimeIn(document.at("wall_ns"));
      shift = Near(snapshot.boot_now - passed - TimeIn(document.at("boot_ns")));
    }
    for (const json& one : document.at("series")) {
      snapshot.series.push_back(
          {one.at(0), one.at(1), one.at(2), one.at(3), Whole<int>(one.at(4))});
      const int resolution_s = snapshot.series.back().resolution_s;
      if (resolution_s != 1 && resolution_s != 60) {
        return absl::InvalidArgumentError("a series has a resolution of neither 1 nor 60 s");
      }
    }
    for (const json& one : document.at("datums")) {
      MetricDatum datum{Whole<size_t>(one.at(0)), TimeIn(one.at(1)), TimeIn(one.at(2)) + shift,
                        ValuesIn(one.at(3))};
      if (datum.series >= snapshot.series.size()) {
        return absl::InvalidArgumentError("a datum has no series");
      }
      snapshot.datums.push_back(std::move(datum));
    }
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return snapshot;
}

}  // namespace faultd
