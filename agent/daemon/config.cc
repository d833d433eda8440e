#include "daemon/config.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/file_io.h"
#include "base/ip.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "daemon/config_values.h"
#include "daemon/guards_section.h"
#include "daemon/probe_section.h"
#include "daemon/publish_section.h"
#include "http/url.h"

namespace faultd {
namespace {

using Reader = KeyReader<Config>;
using Table = KeyReaders<Config>;

Status ReadLogLevel(const toml::node& value, Config& config) {
  ASSIGN_OR_RETURN(config.log_level, ReadText(value));
  for (std::string_view level : {"debug", "info", "warn", "error"}) {
    if (config.log_level == level) return absl::OkStatus();
  }
  return Expected("\"debug\", \"info\", \"warn\" or \"error\"");
}

Status ReadSocketGroup(const toml::node& value, Config& config) {
  ASSIGN_OR_RETURN(config.socket_group, ReadText(value));
  return config.socket_group.empty() ? Expected("the name of a group") : absl::OkStatus();
}

Status ReadResolveInterval(const toml::node& value, Config& config) {
  return ReadDuration(value, std::chrono::seconds(1), std::chrono::hours(1),
                      config.lookups.interval);
}

Status ReadResolveGrace(const toml::node& value, Config& config) {
  return ReadDuration(value, std::chrono::seconds(0), std::chrono::hours(24), config.lookups.grace);
}

Status ReadSteering(const toml::node& value, Config& config) {
  const auto text = ReadText(value);
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

Status ReadLoadModules(const toml::node& value, Config& config) {
  ASSIGN_OR_RETURN(config.load_modules, ReadBool(value));
  return absl::OkStatus();
}

Status ReadProtect(const toml::node& value, Config& config) {
  return ReadList<std::string>(
      value, "a list of addresses, CIDRs and host names",
      [](const toml::node& element) -> StatusOr<std::string> {
        const auto text = ReadText(element);
        const bool name =
            text.ok() && !text->empty() && text->find_first_of(" :/") == std::string::npos;
        if (name || (text.ok() && IpPrefix::Parse(*text).ok())) return *text;
        return Expected("addresses, CIDRs and host names only");
      },
      config.protect);
}

Status ReadEcsAgent(const toml::node& value, Config& config) {
  ASSIGN_OR_RETURN(config.ecs_agent, ReadText(value));
  const auto url = Url::Parse(config.ecs_agent);
  return url.ok() ? absl::OkStatus() : Expected("an URL, such as \"http://127.0.0.1:51678\"");
}

Status ReadAssumeActive(const toml::node& value, Config& config) {
  ASSIGN_OR_RETURN(config.ecs.assume_active, ReadBool(value));
  return absl::OkStatus();
}

Status ReadRegion(const toml::node& value, Config& config) {
  ASSIGN_OR_RETURN(config.aws_region, ReadText(value));
  const bool good = std::all_of(config.aws_region.begin(), config.aws_region.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  return good ? absl::OkStatus() : Expected("the name of a region, such as \"eu-west-1\"");
}

Status ReadAuditSize(const toml::node& value, Config& config) {
  constexpr uint64_t kLeast = 64 << 10;
  constexpr uint64_t kMost = 128 << 20;
  uint64_t size = 0;
  if (!ReadSize(value, size).ok() || size < kLeast || size > kMost)
    return Expected("a size from \"64KiB\" to \"128MiB\", in quotes");
  config.audit.max_size = size;
  return absl::OkStatus();
}

Status ReadAuditKeep(const toml::node& value, Config& config) {
  const auto* number = value.as_integer();
  if (number == nullptr || **number < 1 || **number > 1000)
    return Expected("a whole number from 1 to 1000");
  config.audit.keep = static_cast<int>(**number);
  return absl::OkStatus();
}

Status ReadAuditDirectory(const toml::node& value, Config& config) {
  return ReadPath(value, config.audit.directory);
}

Status ReadGuards(const toml::node& value, Config& config) {
  return ReadGuardFiles(value, config.guards.files);
}

Status ReadCanary(const toml::node& value, Config& config) {
  ASSIGN_OR_RETURN(config.guards.canary, ReadText(value));
  return absl::OkStatus();
}

Status ReadCanaryGrace(const toml::node& value, Config& config) {
  return ReadDuration(value, std::chrono::seconds(1), std::chrono::hours(1),
                      config.guards.canary_grace);
}

Table TcpKeys() {
  const auto path = [](std::string TlsConfig::* member) -> Reader {
    return [=](const toml::node& value, Config& config) {
      return ReadPath(value, config.tcp.tls.*member);
    };
  };
  return {{"listen", [](const toml::node& value,
                        Config& config) { return ReadListen(value, config.tcp.listen); }},
          {"certificate", path(&TlsConfig::certificate)},
          {"key", path(&TlsConfig::key)},
          {"client_ca", path(&TlsConfig::client_ca)},
          {"crl", path(&TlsConfig::crl)},
          {"allow", [](const toml::node& value, Config& config) {
             return ReadPrincipals(value, config.tcp.tls.allow);
           }}};
}

Table AccessKeys() {
  const auto role = [](std::vector<std::string> AccessConfig::* member) -> Reader {
    return [=](const toml::node& value, Config& config) {
      return ReadPrincipals(value, config.access.*member);
    };
  };
  return {{"admins", role(&AccessConfig::admins)},
          {"operators", role(&AccessConfig::operators)},
          {"observers", role(&AccessConfig::observers)},
          {"anyone_may_revert", [](const toml::node& value, Config& config) -> Status {
             ASSIGN_OR_RETURN(config.access.anyone_may_revert, ReadBool(value));
             return absl::OkStatus();
           }}};
}

std::map<std::string_view, Table> WithPublishSections(std::map<std::string_view, Table> sections) {
  for (const auto& [section, keys] : PublishSections()) {
    for (const auto& [key, read] : keys) {
      sections[section][key] = [&read](const toml::node& value, Config& config) {
        return read(value, config.publish);
      };
    }
  }
  return sections;
}

const std::map<std::string_view, Table>& Sections() {
  static const std::map<std::string_view, Table> sections = WithPublishSections({
      {"daemon", {{"log_level", ReadLogLevel}, {"socket_group", ReadSocketGroup}}},
      {"tcp", TcpKeys()},
      {"access", AccessKeys()},
      {"audit",
       {{"directory", ReadAuditDirectory}, {"max_size", ReadAuditSize}, {"keep", ReadAuditKeep}}},
      {"network",
       {{"steering", ReadSteering},
        {"load_modules", ReadLoadModules},
        {"resolve_interval", ReadResolveInterval},
        {"resolve_grace", ReadResolveGrace}}},
      {"protect", {{"endpoints", ReadProtect}}},
      {"guards",
       {{"files", ReadGuards}, {"canary", ReadCanary}, {"canary_grace", ReadCanaryGrace}}},
      {"aws", {{"region", ReadRegion}}},
      {"ecs", {{"agent", ReadEcsAgent}, {"assume_active", ReadAssumeActive}}},
  });
  return sections;
}

void LoadSection(std::string_view section, const Table& readers, const toml::table& values,
                 Config& config, ConfigErrors& errors) {
  const size_t errors_before = errors.count();
  ReadKeys(section, readers, values, config, errors);
  // What is missing says nothing beside what is wrong.
  if (errors.count() > errors_before) return;
  Status whole = FinishPublishSection(section, config.publish);
  if (section == "tcp") whole = FinishTcpSection(config.tcp);
  if (!whole.ok()) errors.Add(values.source(), ToStd(whole.message()));
}

}  // namespace

StatusOr<Config> ParseConfig(std::string_view text, const std::string& name) {
  Config config;
  ConfigErrors errors(name);
  toml::parse_result parsed = toml::parse(text, name);
  if (!parsed) {
    errors.Add(parsed.error().source(), parsed.error().description());
    return errors.ToStatus();
  }
  for (const auto& [key, value] : parsed.table()) {
    auto section = Sections().find(key.str());
    if (key.str() == "probe") {
      config.probes = ReadProbes(value, errors);
    } else if (section == Sections().end()) {
      errors.Add(key.source(), StrCat("unknown section [", key.str(), "]; there are ",
                                      KeysOf(Sections()), " and [[probe]]"));
    } else if (!value.is_table()) {
      errors.Add(key.source(), StrCat(key.str(), ": expected a section, [", key.str(), "]"));
    } else {
      LoadSection(section->first, section->second, *value.as_table(), config, errors);
    }
  }
  if (auto guards = StandingGuards(config.guards, config.probes); guards.ok()) {
    config.standing_guards = *std::move(guards);
  } else {
    errors.Add(parsed.table()["guards"]["canary"].node()->source(),
               ToStd(guards.status().message()));
  }
  RETURN_IF_ERROR(errors.ToStatus());
  if (!parsed.table()["access"]["operators"])
    config.access.operators = {StrCat("group:", config.socket_group)};
  return config;
}

StatusOr<Config> LoadConfig(const std::string& path) {
  constexpr size_t kLargestFile = 8 << 20;  // 10,000 probes are about 2 MB
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open ", path));
  ASSIGN_OR_RETURN(const std::string text, ReadAll(fd.get(), kLargestFile, path));
  return ParseConfig(text, path);
}

}  // namespace faultd
