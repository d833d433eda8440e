// faultctl: the command line client of faultd.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string_view>

#include "ctl/commands.h"
#include "ctl/fleet.h"
#include "ctl/stop_watcher.h"

namespace faultd::ctl {
namespace {

// Also for command lines that cannot be understood.
bool Has(std::span<const char* const> arguments, std::string_view flag) {
  return std::find(arguments.begin(), arguments.end(), flag) != arguments.end();
}

Failure UsageFailure(const Status& error) {
  Failure failure{.exit = ExitCode::kUsage, .message = std::string(error.message())};
  failure.status.set_code(static_cast<int>(error.code()));
  failure.status.set_message(failure.message);
  return failure;
}

ExitCode Main(int argc, const char* const* argv) {
  // A reader that went away shows as an error of the write.
  std::signal(SIGPIPE, SIG_IGN);
  // gRPC would log failed connections to stderr, beside our own message.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);

  const std::span arguments(argv, static_cast<size_t>(argc));
  const Output::Style style = StyleOfStdout(Has(arguments, "--json"), Has(arguments, "--brief"));
  Output output(std::cout, std::cerr, style);
  const auto options = ParseOptions(argc, argv);
  if (!options.ok()) return output.Fail(UsageFailure(options.status()));
  if (options->command == Command::kHelp) {
    std::cout << options->help << std::flush;
    return ExitCode::kDone;
  }
  UniqueFd stop;
  if (IsStream(*options) || options->fleet.all_or_nothing) {
    auto caught = CatchStopSignals();
    if (!caught.ok()) return output.Fail(UsageFailure(caught.status()));
    stop = std::move(*caught);
  }
  Transport transport;
  if (NeedsTls(*options)) {
    auto loaded = LoadTransport(options->tls);
    if (!loaded.ok()) return output.Fail(UsageFailure(loaded.status()));
    transport = std::move(*loaded);
  }
  if (!options->fleet.hosts.empty())
    return RunFleet(*options, transport, std::cout, std::cerr, style, stop.get());
  Client client(options->address, options->timeout, transport);
  return Run(*options, client, output, stop.get());
}

}  // namespace
}  // namespace faultd::ctl

int main(int argc, char** argv) { return static_cast<int>(faultd::ctl::Main(argc, argv)); }
