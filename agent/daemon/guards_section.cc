#include "daemon/guards_section.h"

#include <algorithm>
#include <filesystem>

namespace faultd {

Status ReadGuardFiles(const toml::node& value, std::vector<std::string>& files) {
  constexpr char kExpected[] = "a list of absolute paths of files, such as [\"/run/faultd/HALT\"]";
  return ReadList<std::string>(
      value, kExpected,
      [&](const toml::node& element) -> StatusOr<std::string> {
        const auto text = ReadText(element);
        if (!text.ok() || !text->starts_with('/') || text->ends_with('/') ||
            std::filesystem::path(*text).lexically_normal().native() != *text) {
          return Expected(kExpected);
        }
        return *text;
      },
      files);
}

StatusOr<std::vector<v1::Guard>> StandingGuards(const GuardsConfig& config,
                                                const std::vector<ProbeConfig>& probes) {
  std::vector<v1::Guard> guards;
  for (const std::string& file : config.files) guards.emplace_back().mutable_file()->set_path(file);
  if (config.canary.empty()) return guards;
  const auto probe = std::find_if(probes.begin(), probes.end(), [&](const ProbeConfig& each) {
    return each.name == config.canary;
  });
  if (probe == probes.end()) {
    return absl::InvalidArgumentError(
        StrCat("guards.canary: there is no [[probe]] with the name \"", config.canary, "\""));
  }
  v1::ProbeGuard& canary = *guards.emplace_back().mutable_probe();
  canary.set_probe(config.canary);
  const auto failures =
      (config.canary_grace + probe->interval - std::chrono::nanoseconds(1)) / probe->interval;
  canary.set_consecutive(static_cast<uint32_t>(std::clamp<int64_t>(failures, 1, 1000)));
  return guards;
}

}  // namespace faultd
