// faultd: the daemon.
#include <cstdio>

#include "base/journal_sink.h"
#include "base/log.h"
#include "daemon/app.h"
#include "daemon/policy_file.h"
#include "rpc/grpc_log.h"
#include "rpc/tls.h"
#include <CLI/CLI.hpp>

// NOLINTNEXTLINE(bugprone-exception-escape): one ends it, and the guardian puts the host back
int main(int argc, char** argv) {
  constexpr char kDefaultConfig[] = "/etc/faultd/faultd.toml";
  constexpr char kDefaultPolicy[] = "/etc/faultd/policy.toml";
  CLI::App command("faultd: on-host fault injection with leases", "faultd");
  faultd::AppOptions options;
  std::string config_path = kDefaultConfig;
  options.policy_path = kDefaultPolicy;
  bool check_config = false;
  command.add_option("--config", config_path, "Configuration file")->capture_default_str();
  command.add_flag("--check-config", check_config,
                   "Check the configuration and the policy and exit");
  command.add_option("--policy", options.policy_path, "What faults are allowed on this host")
      ->capture_default_str();
  command.add_option("--state-dir", options.state_dir, "Where the journal is kept")
      ->capture_default_str();
  command.add_option("--runtime-dir", options.runtime_dir, "Where the socket is made")
      ->capture_default_str();
  command.add_option("--guardian", options.guardian,
                     "The guardian program (default: beside this one)");
  command.add_option("--stress", options.stress,
                     "The program for stress (default: beside this one)");
  command.set_version_flag("--version", std::string("faultd ") + FAULTD_VERSION);
  try {
    command.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return command.exit(error) == 0 ? 0 : 2;
  }
  auto config = faultd::LoadConfig(config_path);
  const bool no_file = absl::IsNotFound(config.status()) && config_path == kDefaultConfig;
  if (no_file && !check_config) config = faultd::ParseConfig("", config_path);
  if (!config.ok()) {
    fprintf(stderr, "%s\n", std::string(config.status().message()).c_str());
    return 2;
  }
  auto policy = faultd::LoadPolicy(options.policy_path);
  const bool no_policy = absl::IsNotFound(policy.status()) && options.policy_path == kDefaultPolicy;
  if (no_policy) policy = faultd::Policy();
  if (!policy.ok()) {
    fprintf(stderr, "%s\n", std::string(policy.status().message()).c_str());
    return 2;
  }
  if (check_config) {
    printf("%s: OK\n%s: %s\n", config_path.c_str(), options.policy_path.c_str(),
           no_policy ? "not there; the defaults are in force" : "OK");
    return 0;
  }
  options.policy = *std::move(policy);
  options.config = *std::move(config);
  faultd::AllowTls13Only();
  faultd::SetUpLogging(faultd::LogFormat::kAuto, spdlog::level::from_str(options.config.log_level),
                       faultd::MakeJournalSink("faultd"));
  faultd::TakeOverGrpcLog();
  const faultd::Status status = faultd::RunApp(options);
  if (!status.ok()) spdlog::critical("{}", std::string(status.message()));
  return status.ok() ? 0 : 1;
}
