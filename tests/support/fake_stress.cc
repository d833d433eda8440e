// Stress processes and the machine of the fake kernel.
#include <cerrno>
#include <set>
#include <stdexcept>

#include "base/proto_status.h"
#include "base/strings.h"
#include "faultd/v1/stress_process.pb.h"
#include "support/fake_kernel.h"

namespace faultd {
namespace {

v1::StressOrder ParseOrder(const std::string& text) {
  v1::StressOrder order;
  if (!order.ParseFromString(text) || order.kind_case() == v1::StressOrder::KIND_NOT_SET)
    throw std::logic_error("Start: malformed order");
  return order;
}

v1::StressReport FirstReport(const v1::StressOrder& order) {
  v1::StressReport report;
  v1::Effect& effect = *report.mutable_effect();
  switch (order.kind_case()) {
    case v1::StressOrder::kCpu:
      effect.mutable_cpu()->set_requested_percent(order.cpu().spec().load_percent());
      break;
    case v1::StressOrder::kMemory:
      effect.mutable_memory()->set_requested_bytes(order.memory().bytes());
      break;
    case v1::StressOrder::kDiskFill:
      effect.mutable_disk_fill()->set_requested_bytes(order.disk_fill().bytes());
      break;
    default:
      effect.mutable_disk_io();
  }
  return report;
}

// Files with names are made for inodes only.
std::string DirectoryOf(const v1::StressOrder& order) {
  return order.disk_fill().inodes() > 0 ? order.disk_fill().directory() : "";
}

}  // namespace

StatusOr<std::string> FakeKernel::FakeStress::CgroupParent() { return kCgroupParent; }

bool FakeKernel::FakeStress::Started(const std::string& id) const { return known_.contains(id); }

Status FakeKernel::FakeStress::Start(const std::string& id, const std::string& cgroup_parent,
                                     const std::string& order) {
  if (known_.contains(id)) throw std::logic_error("Start: started already");
  if (cgroup_parent != kCgroupParent) throw std::logic_error("Start: not below our cgroup");
  const v1::StressOrder parsed = ParseOrder(order);
  KernelState& state = kernel_.state_;
  RETURN_IF_ERROR(kernel_.script_.Run(StrCat("make cgroup ", id), [&] {
    state.cgroups.insert(id);
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(kernel_.script_.Run(StrCat("start process ", id), [&] {
    state.stress_processes.insert(id);
    return absl::OkStatus();
  }));
  known_[id] = {};
  return kernel_.script_.Run(StrCat("send order ", id), [&] {
    known_[id].order = parsed;
    if (const std::string directory = DirectoryOf(parsed); !directory.empty())
      state.tagged_directories.insert(directory);
    return absl::OkStatus();
  });
}

StatusOr<std::optional<std::string>> FakeKernel::FakeStress::Report(const std::string& id) {
  return kernel_.script_.Run(
      StrCat("read report ", id), [&]() -> StatusOr<std::optional<std::string>> {
        if (!known_.contains(id) || !kernel_.state_.stress_processes.contains(id))
          return absl::DataLossError("the stress process ended by itself");
        Known& known = known_[id];
        if (!known.error.ok()) {
          v1::StressReport report;
          *report.mutable_error() = ToProto(known.error);
          return report.SerializeAsString();
        }
        // The first answer takes a while.
        if (known.looks++ == 0) return std::nullopt;
        return FirstReport(known.order).SerializeAsString();
      });
}

StatusOr<bool> FakeKernel::FakeStress::End(const std::string& id,
                                           const std::string& cgroup_parent) {
  KernelState& state = kernel_.state_;
  ASSIGN_OR_RETURN(const bool dead,
                   kernel_.script_.Run(StrCat("kill process ", id), [&]() -> StatusOr<bool> {
                     // It takes a while to go.
                     const bool was_there = state.stress_processes.erase(id) > 0;
                     return !was_there;
                   }));
  if (!dead) return false;
  known_.erase(id);
  if (cgroup_parent.empty()) return true;
  return kernel_.script_.Run(StrCat("remove cgroup ", id), [&]() -> StatusOr<bool> {
    state.cgroups.erase(id);
    return true;
  });
}

StatusOr<bool> FakeKernel::FakeStress::RemoveFiles(const std::string& id,
                                                   const StressFiles& files) {
  if (kernel_.state_.stress_processes.contains(id))
    throw std::logic_error("RemoveFiles: the process is still there");
  const std::string directory = FilesDirectory(id, files.path);
  return kernel_.script_.Run(StrCat("remove ", directory), [&]() -> StatusOr<bool> {
    const bool was_there = kernel_.state_.tagged_directories.erase(directory) > 0;
    return !was_there;
  });
}

StatusOr<std::vector<std::string>> FakeKernel::FakeStress::ListStrays() {
  return kernel_.script_.Run("list stress", [&]() -> StatusOr<std::vector<std::string>> {
    std::set<std::string> ids = kernel_.state_.stress_processes;
    ids.insert(kernel_.state_.cgroups.begin(), kernel_.state_.cgroups.end());
    for (const auto& [id, known] : known_) ids.erase(id);
    return std::vector<std::string>(ids.begin(), ids.end());
  });
}

void FakeKernel::FakeStress::Forget() {
  known_.clear();
  kernel_.state_.stress_processes.clear();
}

void FakeKernel::FakeStress::FailWith(const std::string& id, Status error) {
  known_.at(id).error = std::move(error);
}

StatusOr<std::vector<int>> FakeKernel::FakeMachine::UsableCores() { return cores; }
StatusOr<double> FakeKernel::FakeMachine::CpuQuota() { return quota; }
StatusOr<MemoryFacts> FakeKernel::FakeMachine::Memory() { return memory; }

}  // namespace faultd
