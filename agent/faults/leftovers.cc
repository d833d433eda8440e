#include "faults/leftovers.h"

#include <chrono>
#include <thread>

#include "base/strings.h"

namespace faultd {
namespace {

StatusOr<std::vector<std::string>> StressLeftovers(Host& host, std::vector<std::string>& names) {
  ASSIGN_OR_RETURN(std::vector<std::string> strays, host.kernel.stress().ListStrays());
  for (const std::string& id : strays)
    names.push_back(StrCat("the stress process or cgroup of fault ", id));
  return strays;
}

// A killed process takes a moment to go.
Status EndStray(const std::string& id, Host& host) {
  constexpr std::chrono::milliseconds kPause{2};
  constexpr int kTries = 2000;
  StressProcesses& stress = host.kernel.stress();
  ASSIGN_OR_RETURN(const std::string parent, stress.CgroupParent());
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(const bool gone, stress.End(id, parent));
    if (gone) return absl::OkStatus();
    std::this_thread::sleep_for(kPause);
  }
  return absl::DeadlineExceededError(StrCat("the stress process of fault ", id, " does not end"));
}

}  // namespace

StatusOr<std::vector<std::string>> FindLeftovers(Host& host) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, host.network.FindLeftovers());
  RETURN_IF_ERROR(StressLeftovers(host, names).status());
  return names;
}

Status SweepLeftovers(Host& host, const std::function<void(const std::string& name)>& found) {
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
  std::vector<std::string> names;
  auto strays = StressLeftovers(host, names);
  MergeStatus(status, strays.status());
  if (!strays.ok()) return status;
  for (const std::string& name : names) found(name);
  for (const std::string& id : *strays) MergeStatus(status, EndStray(id, host));
  return status;
}

}  // namespace faultd
