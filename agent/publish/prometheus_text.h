#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace faultd {

// Writes the text format of Prometheus, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
class PrometheusText {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // Begins a metric, whose samples follow. `type` is "gauge" or "counter"; `help` has no newline
  // and no backslash.
  void Metric(std::string_view name, std::string_view type, std::string_view help);
  void Sample(Labels labels, double value);

  const std::string& text() const { return text_; }

 private:
  std::string name_;
  std::string text_;
};

}  // namespace faultd
