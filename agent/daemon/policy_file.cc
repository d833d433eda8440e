#include "daemon/policy_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/file_io.h"
#include "base/ip.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "daemon/config_values.h"
#include "daemon/remote_section.h"
#include "engine/request.h"
#include "faults/fault_kind.h"

namespace faultd {
namespace {

using Readers = KeyReaders<Policy>;

template <typename T>
Status ReadNumber(const toml::node& value, T least, T most, T& into) {
  const auto number = (std::is_floating_point_v<T> ? value.is_number() : value.is_integer())
                          ? value.value<T>()
                          : std::nullopt;
  if (!number || !(*number >= least && *number <= most))
    return Expected(StrCat("a number from ", least, " to ", most));
  into = *number;
  return absl::OkStatus();
}

Status ReadMaxLease(const toml::node& value, std::chrono::nanoseconds& into) {
  return ReadDuration(value, kShortestLease, kLongestLease, into);
}

Status ReadMaxActive(const toml::node& value, size_t& into) {
  return ReadNumber<size_t>(value, 0, 10'000, into);
}

StatusOr<std::string> ReadKind(std::string_view name) {
  std::string known;
  for (const FaultKind* kind : FaultKinds()) {
    if (kind->name == name) return std::string(name);
    StrAppend(&known, known.empty() ? "" : ", ", kind->name);
  }
  return Expected(StrCat("kinds of faults, of ", known));
}

Status ReadKinds(const toml::node& value, Policy& policy) {
  return ReadList<std::string>(
      value, "a list of kinds of faults",
      [](const toml::node& element) -> StatusOr<std::string> {
        ASSIGN_OR_RETURN(const std::string name, ReadText(element));
        return ReadKind(name);
      },
      policy.kinds.emplace());
}

Status ReadMaxActivePerKind(const toml::node& value, Policy& policy) {
  const auto* table = value.as_table();
  if (table == nullptr) return Expected("a table such as { cpu = 1, latency = 10 }");
  for (const auto& [key, number] : *table) {
    ASSIGN_OR_RETURN(const std::string kind, ReadKind(key.str()));
    RETURN_IF_ERROR(ReadMaxActive(number, policy.max_active_per_kind[kind]));
  }
  return absl::OkStatus();
}

Status ReadWindows(const toml::node& value, Policy& policy) {
  return ReadList<TimeWindow>(
      value, "a list of windows such as \"Mon-Fri 09:00-16:00 Europe/Paris\"",
      [](const toml::node& element) -> StatusOr<TimeWindow> {
        ASSIGN_OR_RETURN(const std::string text, ReadText(element));
        return TimeWindow::Parse(text);
      },
      policy.windows);
}

// 5432, "5432" or "5000-5100".
bool ReadPorts(const toml::node& value, v1::PortRange& ports) {
  const std::string text =
      value.is_integer() ? StrCat(**value.as_integer()) : value.value_or(std::string());
  const char* const end = text.data() + text.size();
  uint16_t first = 0;
  std::from_chars_result read = std::from_chars(text.data(), end, first);
  uint16_t last = first;
  if (read.ec == std::errc() && read.ptr != end && *read.ptr == '-')
    read = std::from_chars(read.ptr + 1, end, last);
  ports.set_first(first);
  ports.set_last(last);
  return read.ec == std::errc() && read.ptr == end && first >= 1 && first <= last;
}

StatusOr<v1::Endpoint> ReadEndpoint(const toml::node& value) {
  static const std::map<std::string_view, v1::Protocol> kProtocols = {
      {"tcp", v1::PROTOCOL_TCP}, {"udp", v1::PROTOCOL_UDP}, {"icmp", v1::PROTOCOL_ICMP}};
  const auto* table = value.as_table();
  if (table == nullptr || table->empty()) {
    return Expected(
        "tables with cidr, ports, local_ports or protocol, such as { cidr = \"10.0.0.0/8\", ports "
        "= "
        "\"5432\" }");
  }
  v1::Endpoint endpoint;
  for (const auto& [key, each] : *table) {
    const std::string text = each.value_or(std::string());
    if (key.str() == "cidr") {
      if (!IpPrefix::Parse(text).ok())
        return Expected("a cidr such as \"10.0.0.0/8\", \"2001:db8::/32\" or \"10.0.0.1\"");
      endpoint.set_host(text);
    } else if (key.str() == "ports" || key.str() == "local_ports") {
      const bool local = key.str() == "local_ports";
      if (!ReadPorts(each, local ? *endpoint.mutable_local_ports() : *endpoint.mutable_ports()))
        return Expected(StrCat(key.str(), " such as \"5432\" or \"5000-5100\""));
    } else if (const auto protocol = kProtocols.find(text);
               key.str() == "protocol" && protocol != kProtocols.end()) {
      endpoint.set_protocol(protocol->second);
    } else if (key.str() == "protocol") {
      return Expected("protocol \"tcp\", \"udp\" or \"icmp\"");
    } else {
      return Expected(StrCat("cidr, ports, local_ports or protocol, not ", key.str()));
    }
  }
  if (endpoint.protocol() == v1::PROTOCOL_ICMP &&
      (endpoint.has_ports() || endpoint.has_local_ports())) {
    return Expected("no ports beside protocol \"icmp\", which has none");
  }
  return endpoint;
}

Status ReadEndpoints(const toml::node& value, std::vector<v1::Endpoint>& into) {
  return ReadList<v1::Endpoint>(
      value, "a list of tables such as { cidr = \"10.0.0.0/8\", ports = \"5432\" }", ReadEndpoint,
      into);
}

Status ReadPaths(const toml::node& value, Policy& policy) {
  return ReadList<std::string>(
      value, "a list of absolute paths of directories",
      [](const toml::node& element) -> StatusOr<std::string> {
        std::string path;
        RETURN_IF_ERROR(ReadPath(element, path));
        return path;
      },
      policy.stress.paths.emplace());
}

KeyReader<Policy> Percent(double StressPolicy::* member) {
  return [=](const toml::node& value, Policy& policy) {
    return ReadNumber<double>(value, 0, 100, policy.stress.*member);
  };
}

KeyReader<Policy> Size(uint64_t StressPolicy::* member) {
  return [=](const toml::node& value, Policy& policy) {
    return ReadSize(value, policy.stress.*member);
  };
}

const std::map<std::string_view, Readers>& Sections() {
  static const std::map<std::string_view, Readers> sections = {
      {"faults",
       {{"dry_run_only",
         [](const toml::node& value, Policy& policy) -> Status {
           ASSIGN_OR_RETURN(policy.dry_run_only, ReadBool(value));
           return absl::OkStatus();
         }},
        {"kinds", ReadKinds},
        {"max_lease", [](const toml::node& value,
                         Policy& policy) { return ReadMaxLease(value, policy.max_lease); }},
        {"max_lease_all_traffic",
         [](const toml::node& value, Policy& policy) {
           return ReadMaxLease(value, policy.max_lease_all_traffic);
         }},
        {"max_active", [](const toml::node& value,
                          Policy& policy) { return ReadMaxActive(value, policy.max_active); }},
        {"max_active_per_kind", ReadMaxActivePerKind},
        {"windows", ReadWindows}}},
      {"network",
       {{"allow",
         [](const toml::node& value, Policy& policy) {
           return ReadEndpoints(value, policy.network.allow.emplace());
         }},
        {"deny", [](const toml::node& value,
                    Policy& policy) { return ReadEndpoints(value, policy.network.deny); }}}},
      {"stress",
       {{"max_cpu_load_percent", Percent(&StressPolicy::max_cpu_load_percent)},
        {"max_cpu_cores_percent", Percent(&StressPolicy::max_cpu_cores_percent)},
        {"max_memory_percent", Percent(&StressPolicy::max_memory_percent)},
        {"max_disk_percent_full", Percent(&StressPolicy::max_disk_percent_full)},
        {"max_disk_io_threads",
         [](const toml::node& value, Policy& policy) {
           return ReadNumber<uint32_t>(value, 0, 256, policy.stress.max_disk_io_threads);
         }},
        {"memory_reserve", Size(&StressPolicy::memory_reserve)},
        {"journal_reserve", Size(&StressPolicy::journal_reserve)},
        {"paths", ReadPaths}}},
  };
  return sections;
}

}  // namespace

StatusOr<Policy> ParsePolicy(std::string_view text, const std::string& name) {
  Policy policy;
  ConfigErrors errors(name);
  const toml::parse_result parsed = toml::parse(text, name);
  if (!parsed) {
    errors.Add(parsed.error().source(), parsed.error().description());
    return errors.ToStatus();
  }
  for (const auto& [key, value] : parsed.table()) {
    const auto section = Sections().find(key.str());
    if (section == Sections().end()) {
      errors.Add(key.source(),
                 StrCat("unknown section [", key.str(), "]; there are ", KeysOf(Sections())));
    } else if (!value.is_table()) {
      errors.Add(key.source(), StrCat(key.str(), ": expected a section, [", key.str(), "]"));
    } else {
      ReadKeys(section->first, section->second, *value.as_table(), policy, errors);
    }
  }
  RETURN_IF_ERROR(errors.ToStatus());
  return policy;
}

StatusOr<Policy> LoadPolicy(const std::string& path) {
  constexpr size_t kLargestFile = 1 << 20;
  // O_NONBLOCK: a FIFO in its place must not hold up the daemon.
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid() && errno != ELOOP) return ErrnoStatus(errno, StrCat("open ", path));
  struct stat inode{};
  if (fd.valid() && fstat(fd.get(), &inode) != 0) return ErrnoStatus(errno, StrCat("stat ", path));
  if (!S_ISREG(inode.st_mode) || inode.st_uid != 0 || (inode.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::PermissionDeniedError(StrCat(
        path, " must be a regular file of root that nobody else can write; `chown root:root ", path,
        " && chmod 644 ", path, "`, once you trust what is in it"));
  }
  ASSIGN_OR_RETURN(const std::string text, ReadAll(fd.get(), kLargestFile, path));
  return ParsePolicy(text, path);
}

}  // namespace faultd
