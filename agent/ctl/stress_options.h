#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ctl/stress_texts.h"

namespace CLI {
class App;
}  // namespace CLI

namespace faultd::ctl {

// Makes the subcommand for a kind of fault.
using AddCommand = std::function<CLI::App*(const std::string& kind, const std::string& help)>;

// Adds the subcommands for stress, and answers with them. The texts must outlive the parsing.
std::vector<CLI::App*> AddStressCommands(const AddCommand& add, StressTexts& texts);

}  // namespace faultd::ctl
