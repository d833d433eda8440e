#include "support/test_host.h"

#include <spdlog/spdlog.h>

#include <cstdlib>

#include "engine/recovery.h"

namespace faultd {
namespace {

constexpr char kJournalDirectory[] = "/var/lib/faultd/journal";
constexpr uint64_t kGiB = 1 << 30;

}  // namespace

std::ostream& operator<<(std::ostream& out, const HostSnapshot& snapshot) {
  out << snapshot.kernel;
  for (const auto& [name, content] : snapshot.files) {
    out << "  file " << name << " (" << content.size() << " bytes)\n";
  }
  return out << snapshot.ecs;
}

TestHost::Process::Process(TestHost& on)
    : network(on.kernel, on.clock),
      ecs(on.ecs, on.clock, on.ecs_policy),
      host{.kernel = on.kernel,
           .network = network,
           .file_systems = &on.file_systems,
           .ecs = &ecs,
           .journal_directory = kJournalDirectory},
      journal(on.directory),
      engine(host, journal, on.worker, on.loop, on.resolver, on.clock, on.boot_id, {}) {}

TestHost::TestHost(SteeringKind kind) : kernel(script, kind) {
  // Thousands of lives are lived.
  if (std::getenv("FAULTD_TEST_LOG") == nullptr) spdlog::set_level(spdlog::level::off);
  kernel.AddInterface("eth0");
  kernel.AddInterface("eth1", /*default_route=*/false);
  for (const auto& [path, device] : {std::pair(kJournalDirectory, 1), std::pair("/data", 2)}) {
    file_systems.there[path] = {.path = path,
                                .type = "ext4",
                                .device = static_cast<uint64_t>(device),
                                .total_bytes = 100 * kGiB,
                                .used_bytes = 40 * kGiB,
                                .free_bytes = 55 * kGiB,
                                .total_inodes = 100'000,
                                .free_inodes = 90'000};
  }
  process_ = std::make_unique<Process>(*this);
}

TestHost::~TestHost() = default;

void TestHost::Restart() {
  process_.reset();
  loop.Clear();
  worker.Clear();
  ecs.Clear();
  script.Reset();
  kernel.Crash();
  process_ = std::make_unique<Process>(*this);
}

void TestHost::RestartAfterPowerLoss() {
  process_.reset();
  directory.LosePower();
  kernel.Reboot();
  boot_id += "'";
  Restart();
}

StatusOr<std::vector<std::string>> TestHost::RunRecovery(const SeenGone& seen_gone) {
  std::vector<std::string> lines;
  RETURN_IF_ERROR(Recover(
      journal(), host(), boot_id,
      [&](const std::string& line, const LogSubject&) { lines.push_back(line); }, seen_gone));
  RETURN_IF_ERROR(engine().TakeUpRecords());
  loop.RunFor(std::chrono::minutes(1));
  return lines;
}

StatusOr<FaultPlan> PlanOf(const v1::FaultSpec& spec, const ResolvedNames& names, Host& host) {
  const FaultKind& kind = *KindOf(spec);
  Status surveyed;
  if (kind.survey != nullptr)
    kind.survey(spec, host, [&surveyed](const Status& status) { surveyed = status; });
  RETURN_IF_ERROR(surveyed);
  return kind.plan(spec, names, host);
}

}  // namespace faultd
