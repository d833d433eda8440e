#include "ctl/hosts.h"

#include <algorithm>
#include <iterator>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file_io.h"
#include "base/strings.h"
#include "ctl/address.h"

namespace faultd::ctl {

StatusOr<Host> ParseHost(std::string_view text) {
  ASSIGN_OR_RETURN(std::string address, ParseAddress(text));
  return Host{std::string(text), std::move(address)};
}

StatusOr<std::vector<Host>> ReadHostsFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path));
  std::vector<Host> hosts;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    auto host = ParseHost(ToStd(line));
    if (!host.ok()) return Annotate(host.status(), StrCat(path, ":", number));
    if (hosts.size() == kMostHosts) {
      return absl::InvalidArgumentError(StrCat(
          path, ":", number, ": is one host too many; at most ", kMostHosts, " are allowed"));
    }
    hosts.push_back(*std::move(host));
  }
  if (hosts.empty()) return absl::InvalidArgumentError(path + ": has no hosts; write one per line");
  return hosts;
}

StatusOr<size_t> ParseSelection(std::string_view text, size_t hosts) {
  if (text == "ALL") return hosts;
  absl::string_view number = ToAbsl(text);
  const bool percent = absl::ConsumePrefix(&number, "PERCENT(");
  size_t value = 0;
  if ((!percent && !absl::ConsumePrefix(&number, "COUNT(")) || !absl::ConsumeSuffix(&number, ")") ||
      !absl::SimpleAtoi(number, &value) || value == 0) {
    return absl::InvalidArgumentError(
        StrCat("\"", text, "\" is not a selection; write COUNT(2), PERCENT(25) or ALL, in quotes"));
  }
  const size_t most = percent ? 100 : hosts;
  if (value > most) {
    return absl::InvalidArgumentError(
        StrCat(text, percent ? " is more than all" : StrCat(" is more than there are hosts"),
               "; write at most ", percent ? "PERCENT(" : "COUNT(", most, ")"));
  }
  return percent ? std::max<size_t>(1, hosts * value / 100) : value;
}

std::vector<Host> Choose(const std::vector<Host>& hosts, size_t count) {
  std::vector<Host> chosen;
  std::sample(hosts.begin(), hosts.end(), std::back_inserter(chosen), count, std::random_device());
  return chosen;
}

}  // namespace faultd::ctl
