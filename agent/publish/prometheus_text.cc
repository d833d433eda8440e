#include "publish/prometheus_text.h"

#include <array>
#include <charconv>

#include "base/strings.h"

namespace faultd {

void PrometheusText::Metric(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  StrAppend(&text_, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

void PrometheusText::Sample(Labels labels, double value) {
  text_ += name_;
  char before = '{';
  for (const auto& [label, text] : labels) {
    text_ += before;
    before = ',';
    StrAppend(&text_, label, "=\"");
    for (const char c : text) {
      if (c == '\\' || c == '"') text_ += '\\';
      if (c == '\n') {
        text_ += "\\n";
      } else {
        text_ += c;
      }
    }
    text_ += '"';
  }
  if (before == ',') text_ += '}';
  std::array<char, 400> number;  // the largest double has 309 digits
  const auto end =
      std::to_chars(number.data(), number.data() + number.size(), value, std::chars_format::fixed);
  StrAppend(&text_, " ", std::string_view(number.data(), end.ptr), "\n");
}

}  // namespace faultd
