// The files that the owner of a host writes, and the values in them. An input is a letter and a
// text: c for faultd.toml, p for policy.toml; d, s, i, u and w for a duration, a size, an address,
// a URL and a window.
#include <algorithm>
#include <charconv>

#include "base/ip.h"
#include "base/strings.h"
#include "base/units.h"
#include "daemon/config.h"
#include "daemon/policy_file.h"
#include "engine/policy.h"
#include "fuzz/check.h"
#include "http/url.h"

namespace faultd {
namespace {

constexpr std::string_view kFile = "file.toml";

bool TakeNumber(std::string_view& line, size_t& number) {
  const auto read = std::from_chars(line.data(), line.data() + line.size(), number);
  line.remove_prefix(static_cast<size_t>(read.ptr - line.data()));
  return read.ec == std::errc() && TakeLetter(line) == ':';
}

// "file:<line>:<column>: <what is wrong>", where there is such a line.
void CheckPlace(const Status& error, std::string_view text) {
  CheckError(error);
  const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  std::string_view rest = ToStd(error.message());
  const bool named = rest.starts_with(kFile);
  if (named) rest.remove_prefix(kFile.size());
  size_t line = 0;
  size_t column = 0;
  const bool placed =
      named && TakeLetter(rest) == ':' && TakeNumber(rest, line) && TakeNumber(rest, column);
  Check(placed && rest.size() > 2 && line >= 1 && line <= lines && column >= 1,
        "an error says where it is and what", error.ToString());
}

void CheckDuration(std::chrono::nanoseconds duration) {
  const std::string text = FormatDuration(duration);
  const auto read = ParseDuration(text);
  Check(read.ok() && *read == duration && duration.count() >= 0, "a duration reads back", text);
}

void CheckConfig(std::string_view text) {
  const auto config = ParseConfig(text, std::string(kFile));
  if (!config.ok()) return CheckPlace(config.status(), text);
  CheckDuration(config->lookups.interval);
  CheckDuration(config->guards.canary_grace);
  for (const ProbeConfig& probe : config->probes) {
    Check(!probe.name.empty() && !probe.host.empty() && probe.timeout <= probe.interval,
          "a probe is complete", probe.name);
    Check(probe.kind == ProbeKind::kDns || probe.port != 0, "a probe has a port", probe.name);
  }
  const auto has_canary = [&](const v1::Guard& guard) { return guard.has_probe(); };
  Check(config->guards.canary.empty() ||
            std::any_of(config->standing_guards.begin(), config->standing_guards.end(), has_canary),
        "a canary is watched", config->guards.canary);
}

void CheckPolicy(std::string_view text) {
  const auto policy = ParsePolicy(text, std::string(kFile));
  if (!policy.ok()) return CheckPlace(policy.status(), text);
  CheckDuration(policy->max_lease);
  CheckDuration(policy->max_lease_all_traffic);
  const auto refused = CheckWish(*policy, {"latency", std::chrono::hours(24), true},
                                 std::chrono::hours(24 * 365 * 55));
  if (!refused.ok()) {
    CheckError(refused);
    Check(!DetailsOf(refused).rule.empty(), "a refusal names the rule", refused.ToString());
  }
}

void CheckWindow(std::string_view text) {
  const auto window = TimeWindow::Parse(text);
  if (!window.ok()) return CheckError(window.status());
  Check(TimeWindow::Parse(window->text()).ok(), "a window reads back", window->text());
  const absl::Time now = absl::FromUnixSeconds(1'750'000'000);
  const auto until = OpenUntil({*window}, now, now + absl::Hours(24));
  Check(!until || *until > now, "an open window ends later", window->text());
}

void CheckSize(std::string_view text) {
  const auto size = ParseSize(text);
  if (!size.ok()) return CheckError(size.status());
  Check(*size < uint64_t{1} << 63, "a size is below 2^63", text);
  const auto again = ParseSize(StrCat(*size));
  Check(again.ok() && *again == *size, "a number of bytes reads back", text);
}

void CheckAddress(std::string_view text) {
  const auto prefix = IpPrefix::Parse(text);
  if (!prefix.ok()) return CheckError(prefix.status());
  const auto again = IpPrefix::Parse(prefix->ToString());
  Check(again.ok() && again->range() == prefix->range() && again->ToString() == prefix->ToString(),
        "a CIDR reads back", prefix->ToString());
  Check(prefix->range().first <= prefix->range().last, "a range has a first address", text);
}

void CheckUrl(std::string_view text) {
  const auto url = Url::Parse(text);
  if (!url.ok()) return CheckError(url.status());
  const auto again = Url::Parse(url->Origin() + url->target);
  Check(again.ok() && *again == *url, "an URL reads back", url->Origin());
  Check(PercentDecode(PercentEncode(text)) == text, "what is encoded decodes to the same", text);
}

}  // namespace
}  // namespace faultd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace faultd;
  std::string_view input = TextOf(data, size);
  switch (TakeLetter(input)) {
    case 'c':
      CheckConfig(input);
      break;
    case 'p':
      CheckPolicy(input);
      break;
    case 'd':
      if (const auto duration = ParseDuration(input); duration.ok()) CheckDuration(*duration);
      break;
    case 's':
      CheckSize(input);
      break;
    case 'i':
      CheckAddress(input);
      break;
    case 'u':
      CheckUrl(input);
      break;
    case 'w':
      CheckWindow(input);
      break;
    default:
      break;
  }
  return 0;
}
