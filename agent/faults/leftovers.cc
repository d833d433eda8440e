#include "faults/leftovers.h"

#include "base/strings.h"
#include "faults/until_gone.h"

namespace faultd {
namespace {

std::string NameOfStray(const std::string& id) {
  return StrCat("the stress process or cgroup of fault ", id);
}

// A killed process takes a moment to go.
Status EndStray(const std::string& id, Host& host) {
  StressProcesses& stress = host.kernel.stress();
  ASSIGN_OR_RETURN(const std::string parent, stress.CgroupParent());
  return Annotate(StepUntilGone([&] { return stress.End(id, parent); }), NameOfStray(id));
}

}  // namespace

StatusOr<std::vector<std::string>> FindLeftovers(Host& host) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, host.network.FindLeftovers());
  ASSIGN_OR_RETURN(const std::vector<std::string> strays, host.kernel.stress().ListStrays());
  for (const std::string& id : strays) names.push_back(NameOfStray(id));
  return names;
}

Status SweepNetwork(Host& host, const std::function<void(const std::string& name)>& found) {
  Status status;
  auto network = host.network.FindLeftovers();
  MergeStatus(status, network.status());
  if (network.ok()) {
    for (const std::string& name : *network) found(name);
  }
  // What cannot be listed is removed all the same.
  if (!network.ok() || !network->empty()) {
    MergeStatus(status,
                Annotate(host.network.Remove("").status(), "remove what is tagged as ours"));
  }
  return status;
}

Status SweepLeftovers(Host& host, const std::function<void(const std::string& name)>& found) {
  Status status = SweepNetwork(host, found);
  auto strays = host.kernel.stress().ListStrays();
  MergeStatus(status, strays.status());
  if (!strays.ok()) return status;
  for (const std::string& id : *strays) {
    found(NameOfStray(id));
    MergeStatus(status, EndStray(id, host));
  }
  return status;
}

}  // namespace faultd
