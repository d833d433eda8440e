#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "ctl/stress_texts.h"
#include "faultd/v1/fault_service.pb.h"

namespace faultd::ctl {

// The options of a command that injects a fault, as they were typed.
struct FaultTexts {
  // Name of the command: that of the arm in FaultSpec, with dashes.
  std::string kind;

  std::optional<std::string> delay;
  std::optional<std::string> jitter;
  std::optional<std::string> correlation;
  std::optional<std::string> distribution;
  std::optional<std::string> percent;
  std::optional<std::string> gilbert_elliott;
  std::optional<std::string> note;

  StressTexts stress;

  std::vector<std::string> to;
  std::vector<std::string> except;
  std::vector<std::string> interfaces;
  bool all_traffic = false;
  std::optional<std::string> direction;
  std::optional<std::string> protocol;
  std::optional<std::string> local_port;
  std::optional<std::string> flows_percent;

  std::optional<std::string> duration;
  std::optional<std::string> id;
  std::vector<std::string> labels;
  std::vector<std::string> stop_if;
  bool not_renewable = false;
};

// The request that the texts stand for. Only what the daemon cannot say as well is checked here:
// that each text can be read, and that one was given where it is needed. Errors begin with the
// option: `--delay: "5" is not a duration: write …`.
StatusOr<v1::InjectFaultRequest> ToRequest(const FaultTexts& texts);

}  // namespace faultd::ctl
