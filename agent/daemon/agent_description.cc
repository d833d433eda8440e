#include "daemon/agent_description.h"

#include <sys/utsname.h>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file_io.h"
#include "base/proto_time.h"
#include "base/strings.h"
#include "engine/journal.h"
#include "faults/leftovers.h"
#include "kernel/directory.h"

namespace faultd {
namespace {

v1::Capability::State ToProto(CapabilityState state) {
  switch (state) {
    case CapabilityState::kAvailable:
      return v1::Capability::AVAILABLE;
    case CapabilityState::kLimited:
      return v1::Capability::LIMITED;
    case CapabilityState::kUnavailable:
      return v1::Capability::UNAVAILABLE;
    case CapabilityState::kNotApplicable:
      return v1::Capability::NOT_APPLICABLE;
  }
  return v1::Capability::STATE_UNSPECIFIED;
}

v1::Capability ToProto(const FaultKind& kind, const Capability& capability) {
  v1::Capability proto;
  proto.set_kind(std::string(kind.name));
  proto.set_state(ToProto(capability.state));
  proto.set_reason(capability.reason);
  proto.set_remedy(capability.remedy);
  return proto;
}

void AddLeftover(v1::Agent& agent, std::string_view type, const std::string& name,
                 std::string_view detail) {
  v1::Leftover* leftover = agent.add_leftovers();
  leftover->set_type(std::string(type));
  leftover->set_name(name);
  leftover->set_detail(std::string(detail));
}

}  // namespace

std::string OsName() {
  const auto text = ReadSmallFile("/etc/os-release");
  if (!text.ok()) return "";
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (!absl::ConsumePrefix(&line, "PRETTY_NAME=")) continue;
    absl::ConsumePrefix(&line, "\"");
    absl::ConsumeSuffix(&line, "\"");
    return std::string(line);
  }
  return "";
}

StatusOr<std::vector<std::string>> RecordsSetAside(const std::string& directory) {
  ASSIGN_OR_RETURN(const auto opened, OpenDirectory(directory));
  return Journal(*opened).ListSetAside();
}

v1::Agent DescribeAgent(Host& host, const AgentFacts& facts,
                        const StatusOr<std::vector<std::string>>& set_aside, size_t active_faults,
                        int guardian_pid) {
  v1::Agent agent;
  agent.set_version(FAULTD_VERSION);
  utsname names{};
  uname(&names);
  agent.set_hostname(names.nodename);
  agent.set_kernel(names.release);
  agent.set_boot_id(facts.boot_id);
  agent.set_os(facts.os);
  *agent.mutable_start_time() = ToTimestamp(facts.started);
  for (const FaultKind* kind : FaultKinds())
    *agent.add_capabilities() = ToProto(*kind, kind->capability(host));
  agent.set_active_faults(static_cast<int>(active_faults));
  agent.set_guardian_pid(guardian_pid);
  if (auto leftovers = FindLeftovers(host); leftovers.ok()) {
    for (const std::string& name : *leftovers) {
      AddLeftover(agent, "kernel", name,
                  "belongs to no active fault; restarting faultd removes it");
    }
  }
  constexpr char kSetAside[] = "set-aside record";
  if (!set_aside.ok()) {
    AddLeftover(agent, kSetAside, "?", ToStd(set_aside.status().message()));
    return agent;
  }
  for (const std::string& name : *set_aside) {
    AddLeftover(agent, kSetAside, name,
                "could not be read; look at it, then delete it from the journal directory");
  }
  return agent;
}

}  // namespace faultd
