#include "bench/report.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cstdio>
#include <thread>
#include <utility>

#include "base/file_io.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include <nlohmann/json.hpp>

namespace faultd::bench {
namespace {

std::string Number(double value) {
  return value >= 100 ? fmt::format("{:.0f}", value)
         : value >= 1 ? fmt::format("{:.2f}", value)
                      : fmt::format("{:.4f}", value);
}

}  // namespace

Row::Row(std::string name, const Samples& samples)
    : name_(std::move(name)),
      count_(samples.count()),
      median_(samples.MedianMs()),
      p99_(samples.QuantileMs(0.99)),
      worst_(samples.QuantileMs(1)) {}

Row::Row(std::string name, double value, std::string unit)
    : name_(std::move(name)), median_(value), unit_(std::move(unit)) {}

Row& Row::Add(std::string text, double ratio, std::string aim, bool met) {
  checks_.push_back({std::move(text), ratio, std::move(aim), met});
  return *this;
}

Row& Row::AimMedian(double at_most_ms) {
  return Add("p50", 0, fmt::format("<= {} ms", at_most_ms), median_ <= at_most_ms);
}

Row& Row::AimP99(double at_most_ms) {
  return Add("p99", 0, fmt::format("<= {} ms", at_most_ms), p99_ <= at_most_ms);
}

Row& Row::AimValue(double at_most) {
  return Add("", 0, fmt::format("<= {} {}", at_most, unit_), median_ <= at_most);
}

Row& Row::SlowerThan(const std::string& yardstick, const Samples& other, double aim_at_most) {
  const double ratio = median_ / other.MedianMs();
  return Add(fmt::format("{:.1f}x {}", ratio, yardstick), ratio,
             aim_at_most == 0 ? "" : fmt::format("<= {}x", aim_at_most),
             aim_at_most == 0 || ratio <= aim_at_most);
}

Row& Row::FasterThan(const std::string& yardstick, const Samples& other, double aim_at_least) {
  const double ratio = other.MedianMs() / median_;
  return Add(fmt::format("{:.1f}x faster than {}", ratio, yardstick), ratio,
             aim_at_least == 0 ? "" : fmt::format(">= {}x", aim_at_least),
             aim_at_least == 0 || ratio >= aim_at_least);
}

void Report::Section(std::string title) { parts_.push_back({std::move(title), {}}); }

Row& Report::Add(Row row) { return parts_.back().rows.emplace_back(std::move(row)); }

void Report::PrintLastSection() const {
  const Part& part = parts_.back();
  fmt::print("\n{:<58} {:>5} {:>9} {:>9} {:>9}\n", part.title, "n", "p50", "p99", "max");
  for (const Row& row : part.rows) {
    if (row.count_ > 0) {
      fmt::print("  {:<56} {:>5} {:>9} {:>9} {:>9} {}\n", row.name_, row.count_,
                 Number(row.median_), Number(row.p99_), Number(row.worst_), row.unit_);
    } else {
      fmt::print("  {:<56} {:>15} {}\n", row.name_, Number(row.median_), row.unit_);
    }
    for (const Row::Check& check : row.checks_) {
      const std::string verdict =
          check.aim.empty() ? "" : fmt::format("aim {} {}", check.aim, check.met ? "PASS" : "over");
      fmt::print("    {:<40} {}\n", check.text, verdict);
    }
  }
  fflush(stdout);
}

Status Report::WriteJson(const std::string& path) const {
  utsname host{};
  uname(&host);
  nlohmann::ordered_json json{{"faultd", FAULTD_VERSION},
                              {"kernel", host.release},
                              {"processors", std::thread::hardware_concurrency()}};
  for (const Part& part : parts_) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const Row& row : part.rows) {
      nlohmann::ordered_json entry{{"name", row.name_}, {"unit", row.unit_}};
      if (row.count_ > 0) {
        entry.update(
            {{"n", row.count_}, {"p50", row.median_}, {"p99", row.p99_}, {"max", row.worst_}});
      } else {
        entry["value"] = row.median_;
      }
      for (const Row::Check& check : row.checks_) {
        nlohmann::ordered_json comparison{{"text", check.text}};
        if (check.ratio > 0) comparison["ratio"] = check.ratio;
        if (!check.aim.empty()) comparison.update({{"aim", check.aim}, {"met", check.met}});
        entry["comparisons"].push_back(std::move(comparison));
      }
      rows.push_back(std::move(entry));
    }
    json["sections"].push_back({{"title", part.title}, {"figures", std::move(rows)}});
  }
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.valid()) return ErrnoStatus(errno, StrCat("create ", path));
  return WriteAll(file.get(), json.dump(2) + "\n", path);
}

}  // namespace faultd::bench
