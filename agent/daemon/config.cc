#include "daemon/config.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>

#define TOML_EXCEPTIONS 0
#include "base/file_io.h"
#include "base/ip.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "base/units.h"
#include "daemon/guards_section.h"
#include <toml++/toml.h>

namespace faultd {
namespace {

// Reads one value into the config, or says what was expected of it.
using Reader = std::function<Status(const toml::node& value, Config& config)>;
using Table = std::map<std::string_view, Reader>;

Status Expected(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("expected ", what));
}

StatusOr<std::string> Text(const toml::node& value) {
  if (!value.is_string()) return Expected("a string");
  return **value.as_string();
}

Status ReadLogLevel(const toml::node& value, Config& config) {
  ASSIGN_OR_RETURN(config.log_level, Text(value));
  for (std::string_view level : {"debug", "info", "warn", "error"}) {
    if (config.log_level == level) return absl::OkStatus();
  }
  return Expected("\"debug\", \"info\", \"warn\" or \"error\"");
}

Status ReadSocketGroup(const toml::node& value, Config& config) {
  ASSIGN_OR_RETURN(config.socket_group, Text(value));
  return config.socket_group.empty() ? Expected("the name of a group") : absl::OkStatus();
}

Status ReadDuration(const toml::node& value, std::chrono::nanoseconds least,
                    std::chrono::nanoseconds most, std::chrono::nanoseconds& into) {
  const auto text = Text(value);
  const auto duration = text.ok() ? ParseDuration(*text) : text.status();
  if (!duration.ok() || *duration < least || *duration > most) {
    return Expected(StrCat("a duration from \"", FormatDuration(least), "\" to \"",
                           FormatDuration(most), "\", in quotes"));
  }
  into = *duration;
  return absl::OkStatus();
}

Status ReadMaxLease(const toml::node& value, Config& config) {
  return ReadDuration(value, kShortestLease, std::chrono::hours(7 * 24), config.limits.max_lease);
}

Status ReadResolveInterval(const toml::node& value, Config& config) {
  return ReadDuration(value, std::chrono::seconds(1), std::chrono::hours(1),
                      config.limits.resolve_interval);
}

Status ReadResolveGrace(const toml::node& value, Config& config) {
  return ReadDuration(value, std::chrono::seconds(0), std::chrono::hours(24),
                      config.limits.resolve_grace);
}

Status ReadMaxFaults(const toml::node& value, Config& config) {
  const auto* number = value.as_integer();
  if (number == nullptr || **number < 1 || **number > 10'000)
    return Expected("a whole number from 1 to 10000");
  config.limits.max_active_faults = static_cast<size_t>(**number);
  return absl::OkStatus();
}

Status ReadSteering(const toml::node& value, Config& config) {
  const auto text = Text(value);
  if (text.ok() && *text == "auto") {
    config.steering = SteeringChoice::kAuto;
  } else if (text.ok() && *text == "nftables") {
    config.steering = SteeringChoice::kNftables;
  } else if (text.ok() && *text == "flower") {
    config.steering = SteeringChoice::kFlower;
  } else {
    return Expected("\"auto\", \"nftables\" or \"flower\"");
  }
  return absl::OkStatus();
}

Status ReadSize(const toml::node& value, uint64_t& into) {
  const auto text = Text(value);
  const auto size = text.ok() ? ParseSize(*text) : text.status();
  if (!size.ok()) return Expected("a size such as \"256MiB\", in quotes");
  into = *size;
  return absl::OkStatus();
}

Status ReadMemoryReserve(const toml::node& value, Config& config) {
  return ReadSize(value, config.stress.memory_reserve);
}

Status ReadJournalReserve(const toml::node& value, Config& config) {
  return ReadSize(value, config.stress.journal_reserve);
}

Status ReadProtect(const toml::node& value, Config& config) {
  const auto* list = value.as_array();
  if (list == nullptr) return Expected("a list of addresses, CIDRs and host names");
  for (const toml::node& element : *list) {
    const auto text = Text(element);
    if (!text.ok() || text->empty() || text->find_first_of(" :/") != std::string::npos) {
      if (!text.ok() || !IpPrefix::Parse(*text).ok())
        return Expected("addresses, CIDRs and host names only");
    }
    config.protect.push_back(*text);
  }
  return absl::OkStatus();
}

Status ReadRegion(const toml::node& value, Config& config) {
  ASSIGN_OR_RETURN(config.aws_region, Text(value));
  const bool good = std::all_of(config.aws_region.begin(), config.aws_region.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  return good ? absl::OkStatus() : Expected("the name of a region, such as \"eu-west-1\"");
}

Status ReadGuards(const toml::node& value, Config& config) {
  return ReadGuardFiles(value, config.guard_files);
}

const std::map<std::string_view, Table>& Sections() {
  static const std::map<std::string_view, Table> sections = {
      {"daemon", {{"log_level", ReadLogLevel}, {"socket_group", ReadSocketGroup}}},
      {"limits", {{"max_lease", ReadMaxLease}, {"max_active_faults", ReadMaxFaults}}},
      {"network",
       {{"steering", ReadSteering},
        {"resolve_interval", ReadResolveInterval},
        {"resolve_grace", ReadResolveGrace}}},
      {"stress", {{"memory_reserve", ReadMemoryReserve}, {"journal_reserve", ReadJournalReserve}}},
      {"protect", {{"endpoints", ReadProtect}}},
      {"guards", {{"files", ReadGuards}}},
      {"aws", {{"region", ReadRegion}}},
  };
  return sections;
}

template <typename Map>
std::string KeysOf(const Map& map) {
  std::string keys;
  for (const auto& [key, value] : map) StrAppend(&keys, keys.empty() ? "" : ", ", key);
  return keys;
}

class Loader {
 public:
  explicit Loader(const std::string& name) : name_(name) {}

  StatusOr<Config> Load(std::string_view text) {
    toml::parse_result parsed = toml::parse(text, name_);
    if (!parsed) {
      Complain(parsed.error().source(), parsed.error().description());
      return absl::InvalidArgumentError(errors_);
    }
    for (const auto& [key, value] : parsed.table()) {
      auto section = Sections().find(key.str());
      if (section == Sections().end()) {
        Complain(key.source(),
                 StrCat("unknown section [", key.str(), "]; there are ", KeysOf(Sections())));
      } else if (!value.is_table()) {
        Complain(key.source(), StrCat(key.str(), ": expected a section, [", key.str(), "]"));
      } else {
        LoadSection(section->first, section->second, *value.as_table());
      }
    }
    if (!errors_.empty()) return absl::InvalidArgumentError(errors_);
    return config_;
  }

 private:
  void LoadSection(std::string_view section, const Table& readers, const toml::table& values) {
    for (const auto& [key, value] : values) {
      auto reader = readers.find(key.str());
      if (reader == readers.end()) {
        Complain(key.source(), StrCat("unknown key ", section, ".", key.str(), "; [", section,
                                      "] has ", KeysOf(readers)));
      } else if (Status read = reader->second(value, config_); !read.ok()) {
        Complain(value.source(), StrCat(section, ".", key.str(), ": ", ToStd(read.message())));
      }
    }
  }

  void Complain(const toml::source_region& where, std::string_view what) {
    StrAppend(&errors_, errors_.empty() ? "" : "\n", name_, ":", where.begin.line, ":",
              where.begin.column, ": ", what);
  }

  const std::string name_;
  Config config_;
  std::string errors_;
};

}  // namespace

StatusOr<Config> ParseConfig(std::string_view text, const std::string& name) {
  return Loader(name).Load(text);
}

StatusOr<Config> LoadConfig(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open ", path));
  ASSIGN_OR_RETURN(const std::string text, ReadAll(fd.get(), 1 << 20, path));
  return ParseConfig(text, path);
}

}  // namespace faultd
