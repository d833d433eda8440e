#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "ctl/hosts.h"

namespace CLI {
class App;
}  // namespace CLI

namespace faultd::ctl {

// To which hosts a command goes when it goes to several.
struct FleetOptions {
  std::vector<Host> hosts;  // empty: it goes to options.address
  size_t select = 0;        // so many of them, chosen at random
  size_t parallel = 16;     // so many at the same time
  bool all_or_nothing = false;
};

// What CLI11 fills.
struct FleetTexts {
  std::vector<std::string> hosts;
  std::optional<std::string> hosts_file;
  std::optional<std::string> select;
  std::optional<std::string> parallel;
  bool all_or_nothing = false;
};

// The texts must outlive the parsing.
void AddFleetOptions(CLI::App& app, FleetTexts& texts);

// INVALID_ARGUMENT naming the option.
StatusOr<FleetOptions> ToFleet(const FleetTexts& texts);

}  // namespace faultd::ctl
