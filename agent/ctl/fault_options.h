#pragma once

#include <optional>
#include <string>

#include "ctl/fault_texts.h"

namespace CLI {
class App;
}  // namespace CLI

namespace faultd::ctl {

// What else the commands that inject a fault take.
struct InjectTexts {
  FaultTexts fault;
  bool hold = false;
  bool dry_run = false;
  std::optional<std::string> grace;
  std::optional<std::string> wait_drained;
};

// Adds a subcommand for each kind of fault. The texts must outlive the parsing.
void AddFaultCommands(CLI::App& app, InjectTexts& texts);

}  // namespace faultd::ctl
