#include "aws/put_metric_data.h"

#include <algorithm>
#include <charconv>

#include "aws/time_format.h"

namespace faultd {
namespace {

using std::chrono::nanoseconds;

void AppendNumber(std::string* out, double value) {
  char digits[32];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
  AppendPercentEncoded(out, {digits, end});
}

void AppendMember(std::string* body, size_t number, const MetricSeries& series,
                  const std::string& timestamp, const std::pair<double, uint32_t>* values,
                  size_t count) {
  const std::string prefix = StrCat("&MetricData.member.", number, ".");
  const auto append = [&](std::string_view key, std::string_view value) {
    StrAppend(body, prefix, key, "=");
    AppendPercentEncoded(body, value);
  };
  append("MetricName", series.name);
  for (size_t i = 0; i < series.dimensions.size(); ++i) {
    append(StrCat("Dimensions.member.", i + 1, ".Name"), series.dimensions[i].first);
    append(StrCat("Dimensions.member.", i + 1, ".Value"), series.dimensions[i].second);
  }
  append("Timestamp", timestamp);
  if (count == 1 && values->second == 1) {
    StrAppend(body, prefix, "Value=");
    AppendNumber(body, values->first);
  } else {
    for (size_t i = 0; i < count; ++i) {
      StrAppend(body, prefix, "Values.member.", i + 1, "=");
      AppendNumber(body, values[i].first);
      StrAppend(body, prefix, "Counts.member.", i + 1, "=", values[i].second);
    }
  }
  append("Unit", series.unit);
  if (series.resolution_s == 1) append("StorageResolution", "1");
}

}  // namespace

nanoseconds DatumTime(nanoseconds wall, int resolution_s) {
  const nanoseconds step = std::chrono::seconds(resolution_s);
  return (wall + step / 2) / step * step;
}

ApiRequest PutMetricDataRequest(const MetricBuffer& buffer, const std::vector<MetricDatum>& datums,
                                const SkewedClock& clock, size_t* used) {
  ApiRequest request =
      QueryRequest(kCloudWatch, "PutMetricData", "2010-08-01",
                   {{"Namespace", buffer.series(datums.front().series).name_space}});
  request.has_times = true;
  std::string& body = request.body;
  const nanoseconds booted = clock.WallNow() - clock.Now();
  size_t members = 0;
  for (*used = 0; *used < datums.size(); ++*used) {
    const MetricDatum& datum = datums[*used];
    const MetricSeries& series = buffer.series(datum.series);
    const size_t needed = (datum.values.size() + kMostValues - 1) / kMostValues;
    if (*used > 0 && members + needed > kMostDatums) break;
    const std::string timestamp = FormatTime(DatumTime(booted + datum.start, series.resolution_s));
    const size_t before = body.size();
    for (size_t first = 0; first < datum.values.size(); first += kMostValues) {
      AppendMember(&body, ++members, series, timestamp, &datum.values[first],
                   std::min(kMostValues, datum.values.size() - first));
    }
    if (*used > 0 && body.size() > kMostBodyBytes) {
      body.resize(before);
      break;
    }
  }
  return request;
}

}  // namespace faultd
