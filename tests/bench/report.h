#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/status.h"
#include "bench/samples.h"

namespace faultd::bench {

// One measured figure, with what it is compared to. Comparisons are of medians.
class Row {
 public:
  Row(std::string name, const Samples& samples);
  Row(std::string name, double value, std::string unit);

  Row& AimMedian(double at_most_ms);
  Row& AimP99(double at_most_ms);
  Row& AimValue(double at_most);
  // "2.1x bare netlink": how many times longer than the yardstick this takes; 0: no aim.
  Row& SlowerThan(const std::string& yardstick, const Samples& other, double aim_at_most = 0);
  // "7.5x faster than nft": how many times longer the other one takes.
  Row& FasterThan(const std::string& yardstick, const Samples& other, double aim_at_least = 0);

 private:
  friend class Report;
  struct Check {
    std::string text;
    double ratio = 0;  // 0: none
    std::string aim;   // empty: none
    bool met = true;
  };
  Row& Add(std::string text, double ratio, std::string aim, bool met);

  std::string name_;
  size_t count_ = 0;
  double median_ = 0;  // or the value
  double p99_ = 0;
  double worst_ = 0;
  std::string unit_ = "ms";
  std::vector<Check> checks_;
};

// All figures of a run, as a table for people and as JSON.
class Report {
 public:
  void Section(std::string title);
  Row& Add(Row row);
  void PrintLastSection() const;
  Status WriteJson(const std::string& path) const;

 private:
  struct Part {
    std::string title;
    std::deque<Row> rows;
  };
  std::vector<Part> parts_;
};

}  // namespace faultd::bench
