#include "daemon/probe_section.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "absl/strings/numbers.h"
#include "base/ip.h"
#include "base/units.h"

namespace faultd {
namespace {

constexpr size_t kMostProbes = 10'000;

using Reader = std::function<Status(const toml::node& value, ProbeConfig& probe)>;

bool IsNameCharacter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool IsHost(std::string_view text) {
  return !text.empty() && text.size() <= 253 &&
         std::all_of(text.begin(), text.end(), IsNameCharacter);
}

Status ReadName(const toml::node& value, ProbeConfig& probe) {
  constexpr size_t kLongest = 255;
  const auto text = ReadText(value);
  if (!text.ok() || text->empty() || text->size() > kLongest ||
      !std::all_of(text->begin(), text->end(), IsNameCharacter)) {
    return Expected("a name of 1 to 255 letters, digits, \".\", \"_\" and \"-\"");
  }
  // An event of the embedded metric format has these beside its metrics.
  if (*text == "Host" || *text == "_aws") return Expected("another name: this one is taken");
  probe.name = *text;
  return absl::OkStatus();
}

Status ReadTarget(const toml::node& value, ProbeConfig& probe) {
  ASSIGN_OR_RETURN(probe.target, ReadText(value));
  return absl::OkStatus();
}

Status ReadKind(const toml::node& value, ProbeConfig& probe) {
  static const std::map<std::string_view, ProbeKind> kinds = {
      {"tcp", ProbeKind::kTcp}, {"http", ProbeKind::kHttp}, {"dns", ProbeKind::kDns}};
  const auto text = ReadText(value);
  const auto kind = text.ok() ? kinds.find(*text) : kinds.end();
  if (kind == kinds.end()) return Expected("\"tcp\", \"http\" or \"dns\"");
  probe.kind = kind->second;
  return absl::OkStatus();
}

Status ReadInterval(const toml::node& value, ProbeConfig& probe) {
  return ReadDuration(value, std::chrono::seconds(1), std::chrono::hours(1), probe.interval);
}

Status ReadTimeout(const toml::node& value, ProbeConfig& probe) {
  return ReadDuration(value, std::chrono::milliseconds(100), std::chrono::minutes(1),
                      probe.timeout);
}

Status ReadPath(const toml::node& value, ProbeConfig& probe) {
  const auto text = ReadText(value);
  const auto sendable = [](char c) { return c > ' ' && c < '\x7f' && c != '#'; };
  if (!text.ok() || !text->starts_with('/') || !std::all_of(text->begin(), text->end(), sendable)) {
    return Expected("a path such as \"/health\", percent-encoded where it needs to be");
  }
  probe.path = *text;
  return absl::OkStatus();
}

Status ReadTls(const toml::node& value, ProbeConfig& probe) {
  ASSIGN_OR_RETURN(probe.tls, ReadBool(value));
  return absl::OkStatus();
}

Status ReadVerifyTls(const toml::node& value, ProbeConfig& probe) {
  ASSIGN_OR_RETURN(probe.verify, ReadBool(value));
  return absl::OkStatus();
}

// 200 or "200-399".
Status ReadStatus(const toml::node& value, ProbeConfig& probe) {
  std::string text =
      value.is_integer() ? StrCat(**value.as_integer()) : ReadText(value).value_or("");
  const size_t dash = std::min(text.find('-'), text.size());
  const std::string least = text.substr(0, dash);
  const std::string most = dash < text.size() ? text.substr(dash + 1) : least;
  if (!absl::SimpleAtoi(least, &probe.least_status) ||
      !absl::SimpleAtoi(most, &probe.most_status) || probe.least_status < 100 ||
      probe.most_status > 599 || probe.least_status > probe.most_status) {
    return Expected("a status from 100 to 599, or a range such as \"200-399\", in quotes");
  }
  return absl::OkStatus();
}

const std::map<std::string_view, Reader>& Readers() {
  static const std::map<std::string_view, Reader> readers = {
      {"name", ReadName}, {"target", ReadTarget},        {"kind", ReadKind},
      {"path", ReadPath}, {"interval", ReadInterval},    {"timeout", ReadTimeout},
      {"tls", ReadTls},   {"verify_tls", ReadVerifyTls}, {"status", ReadStatus},
  };
  return readers;
}

// "host:port", "10.0.0.5:5432" or "[fd00::5]:5432".
bool SplitHostPort(const std::string& target, ProbeConfig& probe) {
  const size_t colon = target.rfind(':');
  int port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(target.substr(colon + 1), &port) ||
      port < 1 || port > 65535) {
    return false;
  }
  probe.port = static_cast<uint16_t>(port);
  probe.host = target.substr(0, colon);
  if (probe.host.starts_with('[') && probe.host.ends_with(']')) {
    probe.host = probe.host.substr(1, probe.host.size() - 2);
    const auto address = IpAddress::Parse(probe.host);
    return address.ok() && probe.host.find(':') != std::string::npos;
  }
  return IsHost(probe.host);
}

Status CheckTarget(ProbeConfig& probe) {
  if (probe.kind != ProbeKind::kDns) {
    return SplitHostPort(probe.target, probe)
               ? absl::OkStatus()
               : Expected("host:port, such as \"db.example.com:5432\" or \"[fd00::5]:443\"");
  }
  probe.host = probe.target;
  return IsHost(probe.host) && !IpAddress::Parse(probe.host).ok()
             ? absl::OkStatus()
             : Expected("a name without a port, such as \"db.example.com\"");
}

class ProbeReader {
 public:
  ProbeReader(size_t index, const toml::table& table, ConfigErrors& errors)
      : section_(StrCat("probe[", index, "]")), table_(table), errors_(errors) {}

  ProbeConfig Read(std::set<std::string>& names) {
    ProbeConfig probe;
    for (const auto& [key, value] : table_) {
      const auto reader = Readers().find(key.str());
      if (reader == Readers().end()) {
        errors_.Add(key.source(), StrCat("unknown key ", section_, ".", key.str(),
                                         "; [[probe]] has ", KeysOf(Readers())));
      } else {
        Note(key.str(), reader->second(value, probe));
      }
    }
    if (Require("name") && !probe.name.empty() && !names.insert(probe.name).second) {
      Note("name", absl::AlreadyExistsError(StrCat("there is a probe \"", probe.name,
                                                   "\" above; give it another name")));
    }
    if (Require("target") && table_["target"].is_string()) Note("target", CheckTarget(probe));
    if (probe.timeout > probe.interval) {
      Note(table_.contains("timeout") ? "timeout" : "interval",
           absl::InvalidArgumentError(StrCat(
               "the timeout, ", FormatDuration(probe.timeout), ", is longer than the interval, ",
               FormatDuration(probe.interval), "; write a shorter timeout")));
    }
    if (probe.kind != ProbeKind::kHttp) {
      for (std::string_view key : {"path", "tls", "verify_tls", "status"})
        Refuse(key, "only goes with kind = \"http\"; leave it out");
    } else if (!probe.tls) {
      Refuse("verify_tls", "only goes with tls = true; leave it out");
    }
    return probe;
  }

 private:
  void Note(std::string_view key, const Status& status) {
    if (status.ok()) return;
    const toml::node* value = table_.get(key);
    errors_.Add(value != nullptr ? value->source() : table_.source(),
                StrCat(section_, ".", key, ": ", ToStd(status.message())));
  }

  bool Require(std::string_view key) {
    if (table_.contains(key)) return true;
    Note(key, absl::NotFoundError("is missing"));
    return false;
  }

  void Refuse(std::string_view key, std::string_view why) {
    if (table_.contains(key)) Note(key, absl::InvalidArgumentError(ToAbsl(why)));
  }

  const std::string section_;
  const toml::table& table_;
  ConfigErrors& errors_;
};

}  // namespace

std::vector<ProbeConfig> ReadProbes(const toml::node& value, ConfigErrors& errors) {
  std::vector<ProbeConfig> probes;
  if (!value.is_array_of_tables()) {
    errors.Add(value.source(), "probe: expected sections [[probe]], one for each");
    return probes;
  }
  const toml::array& tables = *value.as_array();
  if (tables.size() > kMostProbes) {
    errors.Add(value.source(), StrCat("probe: there are ", tables.size(), " probes, at most ",
                                      kMostProbes, " are possible"));
    return probes;
  }
  std::set<std::string> names;
  for (size_t i = 0; i < tables.size(); ++i) {
    probes.push_back(ProbeReader(i, *tables[i].as_table(), errors).Read(names));
  }
  return probes;
}

}  // namespace faultd
