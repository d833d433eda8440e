#include "daemon/publish_section.h"

#include <string>

#include "absl/strings/numbers.h"
#include "aws/metric.h"
#include "base/strings.h"
#include "daemon/config_values.h"

namespace faultd {
namespace {

namespace asio = boost::asio;

constexpr char kPrometheusExpected[] =
    "an address of this host itself with a port, such as \"127.0.0.1:9464\", or "
    "\"unix:/run/faultd/metrics.sock\"";

// Turns the section on, whichever of its keys comes first.
template <typename T>
T& On(std::optional<T>& section) {
  return section ? *section : section.emplace();
}

Status ReadText(const toml::node& value, std::string& into) {
  ASSIGN_OR_RETURN(into, faultd::ReadText(value));
  return absl::OkStatus();
}

Status ReadBool(const toml::node& value, bool& into) {
  ASSIGN_OR_RETURN(into, faultd::ReadBool(value));
  return absl::OkStatus();
}

Status ReadNamespace(const toml::node& value, std::string& into) {
  RETURN_IF_ERROR(ReadText(value, into));
  const Status fit = CheckNamespace(into);
  return fit.ok() ? fit : Expected(StrCat("a name space of CloudWatch: ", ToStd(fit.message())));
}

// "127.0.0.1:80" or "[::1]:80".
StatusOr<asio::ip::tcp::endpoint> ParseEndpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  if (colon == std::string_view::npos || !absl::SimpleAtoi(ToAbsl(text.substr(colon + 1)), &port) ||
      port < 1 || port > 65535) {
    return Expected("an address and a port");
  }
  std::string host(text.substr(0, colon));
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error || address.is_v6() != brackets) return Expected("an address and a port");
  return asio::ip::tcp::endpoint(address, static_cast<uint16_t>(port));
}

Status ReadAgentAddress(const toml::node& value, EmfSink::Options& into) {
  std::string text;
  const Status read = ReadText(value, text);
  const auto endpoint = read.ok() ? ParseEndpoint(text) : read;
  if (!endpoint.ok()) {
    return Expected("the address and port of the CloudWatch agent, such as \"127.0.0.1:25888\"");
  }
  into.address = endpoint->address();
  into.port = endpoint->port();
  return absl::OkStatus();
}

Status ReadTransport(const toml::node& value, EmfSink::Options& into) {
  std::string text;
  if (!ReadText(value, text).ok() || (text != "udp" && text != "tcp")) {
    return Expected("\"udp\" or \"tcp\"");
  }
  into.tcp = text == "tcp";
  return absl::OkStatus();
}

Status ReadListen(const toml::node& value, PrometheusConfig& into) {
  constexpr std::string_view kUnix = "unix:";
  constexpr size_t kLongestPath = 100;  // of sun_path, with room for a suffix
  std::string text;
  RETURN_IF_ERROR(ReadText(value, text));
  if (text.starts_with(kUnix)) {
    into.path = text.substr(kUnix.size());
    const bool good = into.path.starts_with('/') && into.path.size() <= kLongestPath;
    return good ? absl::OkStatus() : Expected(kPrometheusExpected);
  }
  const auto endpoint = ParseEndpoint(text);
  if (!endpoint.ok() || !endpoint->address().is_loopback()) return Expected(kPrometheusExpected);
  into.address = *endpoint;
  return absl::OkStatus();
}

// Nobody can have asked for an empty one.
Status ReadHost(const toml::node& value, std::string& into) {
  RETURN_IF_ERROR(ReadText(value, into));
  return into.empty() ? Expected("the name of this host in dashboards") : absl::OkStatus();
}

}  // namespace

const std::map<std::string_view, std::map<std::string_view, PublishReader>>& PublishSections() {
  using std::chrono::hours;
  using std::chrono::minutes;
  using std::chrono::seconds;
  using Value = const toml::node&;
  using Config = PublishConfig&;
  static const std::map<std::string_view, std::map<std::string_view, PublishReader>> sections = {
      {"cloudwatch",
       {{"namespace",
         [](Value value, Config c) { return ReadNamespace(value, On(c.cloudwatch).name_space); }},
        {"host",
         [](Value value, Config c) { return ReadHost(value, On(c.cloudwatch).samples.host); }},
        {"latency",
         [](Value value, Config c) { return ReadBool(value, On(c.cloudwatch).samples.latency); }},
        {"interval",
         [](Value value, Config c) {
           return ReadDuration(value, seconds(10), hours(1), On(c.cloudwatch).interval);
         }},
        {"high_resolution",
         [](Value value, Config c) { return ReadBool(value, On(c.cloudwatch).high_resolution); }},
        {"keep",
         [](Value value, Config c) {
           return ReadDuration(value, minutes(1), hours(24), On(c.cloudwatch).keep);
         }}}},
      {"emf",
       {{"namespace",
         [](Value value, Config c) { return ReadNamespace(value, On(c.emf).agent.name_space); }},
        {"host", [](Value value, Config c) { return ReadHost(value, On(c.emf).samples.host); }},
        {"latency",
         [](Value value, Config c) { return ReadBool(value, On(c.emf).samples.latency); }},
        {"address", [](Value value, Config c) { return ReadAgentAddress(value, On(c.emf).agent); }},
        {"transport", [](Value value, Config c) { return ReadTransport(value, On(c.emf).agent); }},
        {"log_group",
         [](Value value, Config c) { return ReadText(value, On(c.emf).agent.log_group); }}}},
      {"prometheus",
       {{"listen", [](Value value, Config c) { return ReadListen(value, On(c.prometheus)); }}}},
  };
  return sections;
}

Status FinishPublishSection(std::string_view section, PublishConfig& config) {
  constexpr std::string_view kNamespace =
      ".namespace is missing: the name space of the metrics, such as \"Bookstore\"";
  if (section == "cloudwatch" && On(config.cloudwatch).name_space.empty()) {
    return absl::InvalidArgumentError(StrCat(section, kNamespace));
  }
  if (section == "emf" && On(config.emf).agent.name_space.empty()) {
    return absl::InvalidArgumentError(StrCat(section, kNamespace));
  }
  if (section == "prometheus") {
    const PrometheusConfig& prometheus = On(config.prometheus);
    if (prometheus.path.empty() && prometheus.address.port() == 0) {
      return absl::InvalidArgumentError(
          StrCat("prometheus.listen is missing: ", kPrometheusExpected));
    }
  }
  return absl::OkStatus();
}

}  // namespace faultd
