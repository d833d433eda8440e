#include "faults/stress/core_list.h"

#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"

namespace faultd {

StatusOr<std::vector<int>> ParseCoreList(std::string_view text) {
  constexpr int kMost = 8191;
  std::set<int> cores;
  for (absl::string_view term : absl::StrSplit(ToAbsl(text), ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(term, absl::MaxSplits('-', 1));
    int first = 0;
    int last = 0;
    if (!absl::SimpleAtoi(ends.front(), &first) || !absl::SimpleAtoi(ends.back(), &last) ||
        first < 0 || last < first || last > kMost) {
      return absl::InvalidArgumentError(
          StrCat("\"", text, "\" is not a list of cores; write numbers and ranges, e.g. 0-3,7"));
    }
    for (int core = first; core <= last; ++core) cores.insert(core);
  }
  return std::vector<int>(cores.begin(), cores.end());
}

std::string FormatCoreList(const std::vector<int>& cores) {
  std::string text;
  for (size_t i = 0; i < cores.size();) {
    size_t end = i;
    while (end + 1 < cores.size() && cores[end + 1] == cores[end] + 1) ++end;
    StrAppend(&text, text.empty() ? "" : ",", cores[i]);
    if (end > i) StrAppend(&text, "-", cores[end]);
    i = end + 1;
  }
  return text;
}

}  // namespace faultd
