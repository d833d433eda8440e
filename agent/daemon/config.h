#pragma once

#include <string>
#include <vector>

#include "audit/audit_file.h"
#include "base/status.h"
#include "daemon/guards_section.h"
#include "daemon/publish_config.h"
#include "daemon/remote_section.h"
#include "engine/engine.h"
#include "kernel/kernel.h"
#include "probe/probe_config.h"
#include "rpc/access.h"

namespace faultd {

// /etc/faultd/faultd.toml, with the defaults of keys that are not there. The shipped file documents
// every key.
struct Config {
  std::string log_level = "info";
  std::string socket_group = "faultd";
  TcpConfig tcp;
  AccessConfig access;  // operators: without the key, the socket's group
  AuditPlace audit;
  NameLookups lookups;
  SteeringChoice steering = SteeringChoice::kAuto;
  bool load_modules = true;          // kernel modules that a fault lacks
  std::vector<std::string> protect;  // addresses, CIDRs and names that are never cut off
  GuardsConfig guards;
  std::vector<v1::Guard> standing_guards;  // what they are, for HostGuards
  std::string aws_region;                  // empty: from the environment or the instance metadata
  std::string ecs_agent = "http://127.0.0.1:51678";  // its introspection endpoint
  EcsPolicy ecs;
  std::vector<ProbeConfig> probes;
  PublishConfig publish;
};

// INVALID_ARGUMENT with all errors, a line each: "<path>:<line>:<column>: <key>: <what is wrong>".
// NOT_FOUND when there is no file.
StatusOr<Config> LoadConfig(const std::string& path);
// The same for a text; `name` stands for the path in errors.
StatusOr<Config> ParseConfig(std::string_view text, const std::string& name);

}  // namespace faultd
