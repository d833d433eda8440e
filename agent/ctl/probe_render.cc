#include "ctl/probe_render.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>

#include "absl/strings/str_join.h"
#include "base/proto_time.h"
#include "base/strings.h"
#include "ctl/render.h"

namespace faultd::ctl {
namespace {

constexpr std::string_view kRed = "\033[31m";
constexpr std::string_view kPlain = "\033[0m";
constexpr std::array kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

std::string Red(std::string_view text, const Output::Style& style) {
  return style.color ? StrCat(kRed, text, kPlain) : std::string(text);
}

const char* StateWord(v1::ProbeState state) {
  return state == v1::PROBE_STATE_UP ? "up" : state == v1::PROBE_STATE_DOWN ? "down" : "unknown";
}

uint64_t LatencyOf(const v1::ProbeResult& result) {
  return static_cast<uint64_t>(std::max<int64_t>(FromProto(result.latency()).count(), 1));
}

// Columns that a text takes; there are no colours in it.
size_t WidthOf(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string LatencyWords(const google::protobuf::Duration& latency) {
  constexpr std::array kUnits = {"ns", "us", "ms", "s"};
  auto value = static_cast<double>(FromProto(latency).count());
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g%s", value, kUnits[unit]);
  return text;
}

std::string Sparkline(const v1::Probe& probe, const Output::Style& style) {
  uint64_t least = UINT64_MAX;
  for (const auto& result : probe.results()) {
    if (result.up()) least = std::min(least, LatencyOf(result));
  }
  std::string line;
  for (const auto& result : probe.results()) {
    if (!result.up()) {
      line += Red(style.utf8 ? "✗" : "x", style);
      continue;
    }
    const auto doublings = static_cast<size_t>(std::bit_width(LatencyOf(result) / least) - 1);
    const size_t step = std::min(doublings, kBlocks.size() - 1);
    StrAppend(&line, style.utf8 ? kBlocks[step] : StrCat(step + 1));
  }
  return line;
}

std::string ProbeTable(const std::vector<v1::Probe>& probes, const Output::Style& style) {
  constexpr size_t kGap = 2;
  constexpr size_t kState = 3;
  using Row = std::array<std::string, 6>;
  std::vector<Row> rows = {{"NAME", "KIND", "TARGET", "STATE", "IN A ROW", "LATENCY"}};
  std::vector<std::string> tails = {"LAST RESULTS"};
  for (const v1::Probe& probe : probes) {
    const bool known = !probe.results().empty();
    const v1::ProbeResult last = known ? *probe.results().rbegin() : v1::ProbeResult();
    rows.push_back({probe.name(), probe.kind(), probe.target(), StateWord(probe.state()),
                    known ? StrCat(probe.consecutive()) : "-",
                    known ? LatencyWords(last.latency()) : "-"});
    tails.push_back(Sparkline(probe, style));
    if (!last.error().empty()) StrAppend(&tails.back(), std::string(kGap, ' '), last.error());
  }
  std::array<size_t, std::tuple_size_v<Row>> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], WidthOf(row[i]));
  }
  std::vector<std::string> lines;
  for (size_t n = 0; n < rows.size(); ++n) {
    std::string line;
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string& cell = rows[n][i];
      StrAppend(&line, i == kState && cell == "down" ? Red(cell, style) : cell,
                std::string(widths[i] + kGap - WidthOf(cell), ' '));
    }
    line += tails[n];
    line.resize(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
  return absl::StrJoin(lines, "\n");
}

std::string ResultLine(const v1::ProbeResult& result, uint32_t consecutive) {
  std::string line = StrCat(FormatClock(result.time().seconds()), " ", result.probe(),
                            result.up() ? " up, " : " down, ", consecutive, " in a row, ",
                            LatencyWords(result.latency()));
  if (!result.error().empty()) StrAppend(&line, ": ", result.error());
  return line;
}

}  // namespace faultd::ctl
