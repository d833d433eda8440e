#include "aws/metric.h"

#include <algorithm>
#include <cmath>

namespace faultd {
namespace {

constexpr size_t kMaxName = 255;
constexpr size_t kMaxDimensionValue = 1024;
constexpr size_t kMaxDimensions = 30;

// One "_" for each character outside printable ASCII, however many bytes it has in UTF-8.
std::string AsciiOnly(std::string_view text, size_t limit) {
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool continues = (byte & 0xC0) == 0x80;
    if (byte >= ' ' && byte < 127) {
      out.push_back(c);
    } else if (!continues) {
      out.push_back('_');
    }
  }
  if (out.size() > limit) out.resize(limit);
  return out;
}

std::string Name(std::string_view text, size_t limit) {
  std::string out = AsciiOnly(text, limit);
  if (out.starts_with(':')) out[0] = '_';
  if (out.find_first_not_of(' ') == std::string::npos) out = "-";
  return out;
}

}  // namespace

Status CheckNamespace(std::string_view name_space) {
  const bool characters = std::all_of(name_space.begin(), name_space.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("./-_#: ").find(c) != std::string_view::npos;
  });
  if (!name_space.empty() && name_space.size() <= kMaxName && characters &&
      !name_space.starts_with(':') && !name_space.starts_with("AWS/") &&
      name_space.find_first_not_of(' ') != std::string_view::npos) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(StrCat(
      "\"", name_space,
      "\" is no name space for metrics: 1 to 255 letters, digits and ./-_#: are possible, and "
      "neither AWS/ nor : at the beginning"));
}

MetricSeries Sanitised(MetricSeries series) {
  series.name = Name(series.name, kMaxName);
  if (series.dimensions.size() > kMaxDimensions) series.dimensions.resize(kMaxDimensions);
  for (auto& [name, value] : series.dimensions) {
    name = Name(name, kMaxName);
    value = AsciiOnly(value, kMaxDimensionValue);
    if (value.find_first_not_of(' ') == std::string::npos) value = "-";
  }
  return series;
}

bool IsMetricValue(double value) { return std::isfinite(value) && std::abs(value) <= 0x1p360; }

}  // namespace faultd
