#include "ctl/fault_texts.h"

#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/proto_time.h"
#include "base/strings.h"
#include "base/units.h"
#include "ctl/endpoint.h"
#include "ctl/guard_texts.h"
#include "ctl/option_values.h"

namespace faultd::ctl {
namespace {

StatusOr<v1::Direction> ParseDirection(std::string_view text) {
  if (text == "egress") return v1::DIRECTION_EGRESS;
  if (text == "ingress") return v1::DIRECTION_INGRESS;
  if (text == "both") return v1::DIRECTION_BOTH;
  return OptionError(
      "--direction",
      StrCat("\"", text, "\" is not a direction; write egress, ingress or both (of this host)"));
}

constexpr std::array kDistributions = {
    Choice<v1::DelayDistribution>{"uniform", v1::DELAY_DISTRIBUTION_UNIFORM},
    Choice<v1::DelayDistribution>{"normal", v1::DELAY_DISTRIBUTION_NORMAL},
    Choice<v1::DelayDistribution>{"pareto", v1::DELAY_DISTRIBUTION_PARETO},
    Choice<v1::DelayDistribution>{"paretonormal", v1::DELAY_DISTRIBUTION_PARETONORMAL}};

StatusOr<uint32_t> ParseFlowsPercent(std::string_view text) {
  std::string_view number = text;
  if (!number.empty() && number.back() == '%') number.remove_suffix(1);
  uint32_t percent = 0;
  if (!absl::SimpleAtoi(ToAbsl(number), &percent) || percent < 1 || percent > 100) {
    return OptionError("--flows-percent",
                       StrCat("\"", text, "\" is not a whole percentage; write 1 to 100"));
  }
  return percent;
}

StatusOr<v1::Endpoint> EndpointOption(std::string_view option, std::string_view text) {
  auto endpoint = ParseEndpoint(text);
  if (!endpoint.ok()) return Annotate(endpoint.status(), option);
  return endpoint;
}

// The endpoints of --to, with --protocol and --local-port filled in.
Status FillEndpoints(const FaultTexts& texts, v1::NetworkTarget& target) {
  v1::Endpoint common;
  if (texts.protocol) {
    auto protocol = ParseProtocol(*texts.protocol);
    if (!protocol.ok()) return Annotate(protocol.status(), "--protocol");
    common.set_protocol(*protocol);
  }
  if (texts.local_port) {
    auto ports = ParsePorts(*texts.local_port);
    if (!ports.ok()) return Annotate(ports.status(), "--local-port");
    *common.mutable_local_ports() = *ports;
  }
  for (const std::string& text : texts.to) {
    ASSIGN_OR_RETURN(const v1::Endpoint endpoint, EndpointOption("--to", text));
    v1::Endpoint& added = *target.add_to();
    added = common;
    added.MergeFrom(endpoint);
    if (added.host().empty() && !added.has_ports() && !added.has_local_ports() &&
        added.protocol() <= v1::PROTOCOL_ANY) {
      return OptionError(
          "--to", StrCat("\"", text, "\" is every packet; if that is meant, say --all-traffic"));
    }
  }
  // A service of this host is a target by itself.
  if (texts.to.empty() && texts.local_port) *target.add_to() = common;
  return absl::OkStatus();
}

Status FillTarget(const FaultTexts& texts, v1::NetworkTarget& target) {
  if (texts.all_traffic) {
    for (auto [given, option] :
         {std::pair(!texts.to.empty(), "--to"), std::pair(texts.protocol.has_value(), "--protocol"),
          std::pair(texts.local_port.has_value(), "--local-port")}) {
      if (given) {
        return OptionError("--all-traffic", StrCat("means every packet, so ", option,
                                                   " cannot go with it; leave one of them out"));
      }
    }
    target.set_all_traffic(true);
  } else if (texts.to.empty() && !texts.local_port) {
    return OptionError("--to",
                       "is missing: say which packets, e.g. --to 10.0.0.0/8:5432/tcp (repeat for "
                       "several), or --all-traffic");
  }
  RETURN_IF_ERROR(FillEndpoints(texts, target));
  for (const std::string& text : texts.except) {
    ASSIGN_OR_RETURN(*target.add_except(), EndpointOption("--except", text));
  }
  if (texts.direction) {
    ASSIGN_OR_RETURN(const v1::Direction direction, ParseDirection(*texts.direction));
    target.set_direction(direction);
  }
  for (const std::string& name : texts.interfaces) target.add_interfaces(name);
  if (texts.flows_percent) {
    ASSIGN_OR_RETURN(const uint32_t percent, ParseFlowsPercent(*texts.flows_percent));
    target.set_flows_percent(percent);
  }
  return absl::OkStatus();
}

Status FillLatency(const FaultTexts& texts, v1::FaultSpec& spec) {
  v1::Latency& latency = *spec.mutable_latency();
  if (!texts.delay) return OptionError("--delay", "is missing: write e.g. --delay 100ms");
  ASSIGN_OR_RETURN(const auto delay, DurationOption("--delay", *texts.delay));
  *latency.mutable_delay() = ToProto(delay);
  if (texts.jitter) {
    ASSIGN_OR_RETURN(const auto jitter, DurationOption("--jitter", *texts.jitter));
    *latency.mutable_jitter() = ToProto(jitter);
  }
  if (texts.correlation) {
    ASSIGN_OR_RETURN(const double percent, PercentOption("--correlation", *texts.correlation));
    latency.set_correlation_percent(percent);
  }
  if (texts.distribution) {
    ASSIGN_OR_RETURN(const auto distribution, ChoiceOption("--distribution", *texts.distribution,
                                                           kDistributions, "a distribution"));
    latency.set_distribution(distribution);
  }
  return FillTarget(texts, *latency.mutable_target());
}

StatusOr<v1::GilbertElliott> ParseGilbertElliott(std::string_view text) {
  std::vector<double> numbers;
  for (absl::string_view part : absl::StrSplit(ToAbsl(text), ',')) {
    ASSIGN_OR_RETURN(const double percent, PercentOption("--gilbert-elliott", ToStd(part)));
    numbers.push_back(percent);
  }
  if (numbers.size() < 2 || numbers.size() > 4) {
    return OptionError(
        "--gilbert-elliott",
        StrCat("\"", text, "\" has ", numbers.size(),
               " numbers; write P,R[,LOSS_IN_BAD[,LOSS_IN_GOOD]] in per cent, e.g. 1,25"));
  }
  v1::GilbertElliott model;
  model.set_good_to_bad_percent(numbers[0]);
  model.set_bad_to_good_percent(numbers[1]);
  if (numbers.size() > 2) model.set_loss_in_bad_percent(numbers[2]);
  if (numbers.size() > 3) model.set_loss_in_good_percent(numbers[3]);
  return model;
}

Status FillLoss(const FaultTexts& texts, v1::FaultSpec& spec) {
  v1::Loss& loss = *spec.mutable_loss();
  if (texts.percent.has_value() == texts.gilbert_elliott.has_value()) {
    return OptionError("--percent", texts.percent ? "cannot go with --gilbert-elliott; give one"
                                                  : "is missing: write e.g. --percent 7, or "
                                                    "--gilbert-elliott 1,25 for bursts");
  }
  if (texts.percent) {
    ASSIGN_OR_RETURN(const double percent, PercentOption("--percent", *texts.percent));
    loss.set_percent(percent);
  } else {
    ASSIGN_OR_RETURN(*loss.mutable_gilbert_elliott(), ParseGilbertElliott(*texts.gilbert_elliott));
  }
  if (texts.correlation) {
    ASSIGN_OR_RETURN(const double percent, PercentOption("--correlation", *texts.correlation));
    loss.set_correlation_percent(percent);
  }
  return FillTarget(texts, *loss.mutable_target());
}

Status FillBlackhole(const FaultTexts& texts, v1::FaultSpec& spec) {
  return FillTarget(texts, *spec.mutable_blackhole()->mutable_target());
}

Status FillCpuFault(const FaultTexts& texts, v1::FaultSpec& spec) {
  return FillCpu(texts.stress, *spec.mutable_cpu());
}

Status FillMemoryFault(const FaultTexts& texts, v1::FaultSpec& spec) {
  return FillMemory(texts.stress, *spec.mutable_memory());
}

Status FillDiskFillFault(const FaultTexts& texts, v1::FaultSpec& spec) {
  return FillDiskFill(texts.stress, *spec.mutable_disk_fill());
}

Status FillDiskIoFault(const FaultTexts& texts, v1::FaultSpec& spec) {
  return FillDiskIo(texts.stress, *spec.mutable_disk_io());
}

Status FillEcsDrain(const FaultTexts&, v1::FaultSpec& spec) {
  spec.mutable_ecs_drain();
  return absl::OkStatus();
}

Status FillNoop(const FaultTexts& texts, v1::FaultSpec& spec) {
  spec.mutable_noop()->set_note(texts.note.value_or(""));
  return absl::OkStatus();
}

struct Kind {
  std::string_view name;
  Status (*fill)(const FaultTexts&, v1::FaultSpec&);
};
constexpr std::array kKinds = {Kind{"latency", FillLatency},
                               Kind{"loss", FillLoss},
                               Kind{"blackhole", FillBlackhole},
                               Kind{"cpu", FillCpuFault},
                               Kind{"memory", FillMemoryFault},
                               Kind{"disk-fill", FillDiskFillFault},
                               Kind{"disk-io", FillDiskIoFault},
                               Kind{"ecs-drain", FillEcsDrain},
                               Kind{"noop", FillNoop}};

}  // namespace

StatusOr<v1::InjectFaultRequest> ToRequest(const FaultTexts& texts) {
  v1::InjectFaultRequest request;
  for (const Kind& kind : kKinds) {
    if (kind.name == texts.kind) RETURN_IF_ERROR(kind.fill(texts, *request.mutable_spec()));
  }
  if (texts.duration) {
    ASSIGN_OR_RETURN(const auto duration, DurationOption("--for", *texts.duration));
    *request.mutable_duration() = ToProto(duration);
  }
  request.set_id(texts.id.value_or(""));
  for (const std::string& label : texts.labels) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0) {
      return OptionError("--label",
                         StrCat("\"", label, "\" is not a label; write KEY=VALUE, e.g. run=42"));
    }
    (*request.mutable_labels())[label.substr(0, equals)] = label.substr(equals + 1);
  }
  request.set_not_renewable(texts.not_renewable);
  for (const std::string& text : texts.stop_if) {
    ASSIGN_OR_RETURN(*request.add_guards(), ParseGuard(text));
  }
  return request;
}

}  // namespace faultd::ctl
