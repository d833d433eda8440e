// The composition root: what the daemon is made of, in the order in which it starts.
#include "daemon/app.h"

#include <linux/capability.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "audit/audit_log.h"
#include "aws/environment.h"
#include "aws/host_ecs.h"
#include "aws/imds.h"
#include "aws/session.h"
#include "base/file_io.h"
#include "base/strings.h"
#include "base/threads.h"
#include "daemon/agent_description.h"
#include "daemon/asio_loop.h"
#include "daemon/fault_ends.h"
#include "daemon/guardian_process.h"
#include "daemon/host_file_systems.h"
#include "daemon/host_resolver.h"
#include "daemon/limits.h"
#include "daemon/notify.h"
#include "daemon/policy_capabilities.h"
#include "daemon/policy_file.h"
#include "daemon/protection.h"
#include "daemon/publishing.h"
#include "daemon/system_resolver.h"
#include "daemon/takeover.h"
#include "daemon/tcp_listener.h"
#include "daemon/unix_listener.h"
#include "daemon/worker_thread.h"
#include "engine/engine.h"
#include "engine/state_paths.h"
#include "guards/host_guards.h"
#include "guards/host_probes.h"
#include "http/host_files.h"
#include "http/name_lookup.h"
#include "kernel/directory.h"
#include "kernel/file_lock.h"
#include "probe/probes.h"
#include "rpc/agent_service.h"
#include "rpc/fault_service.h"
#include "rpc/probe_service.h"
#include "rpc/server.h"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>

namespace faultd {
namespace {

// gRPC waits for ever when it once could not start a thread.
constexpr std::chrono::seconds kLongestStartOfGrpc{10};
// How long the end may take once all faults are reverted.
constexpr std::chrono::seconds kLongestGoodbye{5};

Status MakeDirectory(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return absl::OkStatus();
  return ErrnoStatus(errno, StrCat("make directory ", path));
}

std::string ProgramBeside(std::string_view name) {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  const std::string self(path, length > 0 ? static_cast<size_t>(length) : 0);
  return StrCat(self.substr(0, self.rfind('/') + 1), name);
}

class App {
 public:
  explicit App(const AppOptions& options)
      : options_(options), loop_(context_), dns_(loop_), notifier_(loop_, clock_) {}

  Status Start();
  Status Run();

 private:
  Status StartDiskThreads();
  void OpenAws();
  void StartServing();
  boost::asio::awaitable<void> ServeUnix(UniqueFd connection);
  Status Listen();
  void RefreshProtection();
  void GiveMemoryBackLater();
  void ReloadOnHangUp();
  boost::asio::awaitable<void> ReloadPolicy();
  boost::asio::awaitable<void> Describe(std::function<void(v1::Agent)> done);
  void WaitForLever();
  void Stop();

  const AppOptions& options_;
  SystemClock clock_;
  boost::asio::io_context context_{1};
  AsioLoop loop_;
  SystemResolver dns_;
  SystemdNotifier notifier_;
  AgentFacts facts_;
  std::optional<FileLock> lock_;  // goes last
  std::unique_ptr<Directory> state_directory_;
  std::unique_ptr<Directory> directory_;
  std::optional<Journal> journal_;
  std::unique_ptr<WorkerThread> worker_;
  std::unique_ptr<AuditLog> audit_;
  std::optional<SafetyLever> lever_;
  std::unique_ptr<Kernel> kernel_;
  std::optional<AwsSession> aws_;
  std::optional<HostResolver> resolver_;
  std::optional<HostEcs> ecs_api_;
  std::optional<EcsDrains> ecs_;
  std::optional<Probes> probes_;
  std::optional<HostProbes> host_probes_;
  std::optional<HostGuards> guards_;
  std::optional<NetworkPlane> network_;
  HostFileSystems file_systems_{loop_, clock_};
  std::optional<Host> host_;
  std::optional<Engine> engine_;
  std::optional<GuardianProcess> guardian_;
  std::optional<Protection> protection_;
  std::optional<Publishing> publishing_;
  Peers peers_;
  std::optional<FaultService> fault_service_;
  std::optional<AgentService> agent_service_;
  std::optional<ProbeService> probe_service_;
  std::optional<Access> access_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<UnixListener> listener_;
  std::unique_ptr<TcpListener> tcp_listener_;
  std::optional<boost::asio::signal_set> end_signals_;
  boost::asio::signal_set hang_up_{context_, SIGHUP};
  boost::asio::signal_set lever_signal_{context_, SIGUSR1};
  std::thread shutdown_;
  Status failure_;  // why it stops by itself
  bool protection_armed_ = false;
  bool giving_memory_back_ = false;
};

Status App::Start() {
  const StatePaths paths{options_.state_dir};
  RETURN_IF_ERROR(MakeDirectory(paths.directory, 0700));
  RETURN_IF_ERROR(MakeDirectory(options_.runtime_dir, 0755));
  ASSIGN_OR_RETURN(facts_.boot_id, ReadBootId());
  facts_.os = OsName();
  facts_.started = clock_.WallNow();
  // First of all: the lock in a directory of somebody else would keep nobody out.
  ASSIGN_OR_RETURN(state_directory_, OpenDirectory(paths.directory));
  ASSIGN_OR_RETURN(directory_, OpenDirectory(paths.journal()));
  journal_.emplace(*directory_);
  // Threads that wait for disks, before there is anything that must go when the daemon is killed.
  ASSIGN_OR_RETURN(worker_, WorkerThread::Start(loop_));
  RETURN_IF_ERROR(StartDiskThreads());
  ASSIGN_OR_RETURN(audit_, AuditLog::Start(options_.config.audit, clock_));
  ASSIGN_OR_RETURN(lock_, TakeLock(paths.lock()));
  // Before it has the lock there is nothing to put back, so they may just end it.
  end_signals_.emplace(context_, SIGTERM, SIGINT);
  lever_.emplace(*state_directory_);
  if (Status refusal = lever_->Refusal(); !refusal.ok())
    spdlog::warn("{}", std::string(refusal.message()));
  RETURN_IF_ERROR(Annotate(PutHostBack(paths, *journal_, facts_.boot_id, clock_), "recovery"));
  const std::string stress =
      options_.stress.empty() ? ProgramBeside("faultd-stress") : options_.stress;
  ASSIGN_OR_RETURN(kernel_, OpenLinuxKernel(options_.config.steering,
                                            {.path = stress, .state_dir = paths.directory}));
  kernel_->features();
  network_.emplace(*kernel_, clock_);
  OpenAws();
  host_.emplace(Host{.kernel = *kernel_,
                     .network = *network_,
                     .file_systems = &file_systems_,
                     .ecs = &*ecs_,
                     .journal_directory = paths.journal()});
  engine_.emplace(*host_, *journal_, *worker_, loop_, *resolver_, clock_, facts_.boot_id,
                  options_.config.lookups);
  engine_->SetPolicy(options_.policy);
  engine_->SetSafetyLever(&*lever_);
  AuditFaultEnds(*engine_, *audit_);
  probes_.emplace(context_, clock_, options_.config.probes);
  host_probes_.emplace(*probes_);
  guards_.emplace(context_, loop_, clock_, *host_probes_, aws_->api,
                  HostGuards::Options{.standing = options_.config.standing_guards});
  engine_->SetGuardWatcher(&*guards_);
  guardian_.emplace(
      loop_, options_.guardian.empty() ? ProgramBeside("faultd-guardian") : options_.guardian,
      options_.state_dir);
  RETURN_IF_ERROR(guardian_->Start());
  engine_->WatchRecords(
      [this](const std::string& id, Engine::RecordNews news) { guardian_->Tell(id, news); });
  publishing_.emplace(
      loop_, clock_, *aws_, options_.config.publish,
      Publishing::Place{options_.state_dir, options_.config.socket_group, facts_.boot_id},
      *engine_);
  publishing_->Start();
  probes_->Watch([this](const ProbeHistory& probe) { publishing_->Note(probe); });
  probes_->Start();
  RETURN_IF_ERROR(Annotate(engine_->TakeUpRecords(), "recovery"));
  protection_.emplace(loop_, *resolver_, options_.config.protect, options_.config.aws_region,
                      [this](const ProtectedEndpoints& endpoints) {
                        const Status status = network_->SetProtected(BuildProtection(endpoints));
                        if (!status.ok()) spdlog::error("{}", std::string(status.message()));
                      });
  protection_->Refresh([this] { StartServing(); });
  return absl::OkStatus();
}

Status App::StartDiskThreads() {
  // What the resolver runs may be plugins of others.
  RETURN_IF_ERROR(boost::asio::use_service<NameLookup>(context_).Start(
      [] { TryToKeepCapabilities(0, "the thread that looks up names"); }));
  // Credentials may be in the home of somebody else.
  return boost::asio::use_service<HostFiles>(context_).Start([] {
    TryToKeepCapabilities(CapabilityBit(CAP_DAC_OVERRIDE),
                          "the thread that reads files of the host");
  });
}

void App::OpenAws() {
  const Environment environment = ProcessEnvironment();
  aws_.emplace(MakeAwsSession(context_, clock_, environment, options_.config.aws_region));
  const bool has_metadata =
      IsEc2Instance() || environment.contains("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  HostResolver::Find find;
  if (has_metadata)
    find = [this](AddressGroup group) { return FindPrefixes(*aws_, std::move(group)); };
  resolver_.emplace(loop_, clock_, dns_, std::move(find), HostResolver::Options());
  ecs_api_.emplace(context_, *aws_, options_.config.ecs_agent, has_metadata);
  ecs_.emplace(*ecs_api_, clock_, options_.config.ecs);
  ecs_->Look().IgnoreError();  // so that the first who asks is told
}

void App::StartServing() {
  if (listener_ != nullptr || shutdown_.joinable()) return;
  access_.emplace(options_.config.access, peers_, *audit_);
  fault_service_.emplace(*engine_, loop_, clock_, *access_);
  agent_service_.emplace(
      [this](std::function<void(v1::Agent)> done) {
        boost::asio::co_spawn(context_, Describe(std::move(done)), boost::asio::detached);
      },
      *engine_, loop_, *access_);
  probe_service_.emplace(*probes_, loop_, *access_);
  Status listening = Listen();
  if (listening.ok()) listening = KeepCapabilities(CapabilitiesUnder(options_.policy));
  if (!listening.ok()) {
    failure_ = listening;
    return Stop();
  }
  engine_->WatchCount([this, before = size_t{0}](size_t active) mutable {
    notifier_.SetStatus(StrCat(active, " active faults"));
    if (active == 0) GiveMemoryBackLater();
    if (active <= std::exchange(before, active)) return;
    protection_->RefreshConnections();
    if (!std::exchange(protection_armed_, true))
      protection_->Refresh([this] { RefreshProtection(); });
  });
  notifier_.Ready("No active faults");
  spdlog::info("faultd {} is ready, steering with {}", FAULTD_VERSION, kernel_->steering().name());
}

Status App::Listen() {
  const TcpConfig& tcp = options_.config.tcp;
  // gRPC's threads need none, and what clients send is theirs to read.
  const auto start = [&]() -> Status {
    ASSIGN_OR_RETURN(
        server_, RpcServer::Start({&*fault_service_, &*agent_service_, &*probe_service_}, peers_,
                                  tcp.listen.empty() ? std::nullopt : std::optional(tcp.tls)));
    return absl::OkStatus();
  };
  const Status started = DoWithoutCapabilities(start, kLongestStartOfGrpc);
  if (absl::IsDeadlineExceeded(started)) {
    // Nothing was injected yet, and what there was is reverted.
    spdlog::error("gRPC has not started within {} s; leaving", kLongestStartOfGrpc.count());
    std::_Exit(1);
  }
  RETURN_IF_ERROR(started);
  const std::string path = options_.runtime_dir + "/faultd.sock";
  ASSIGN_OR_RETURN(
      listener_,
      UnixListener::Open(loop_, path, options_.config.socket_group, [this](UniqueFd connection) {
        boost::asio::co_spawn(context_, ServeUnix(std::move(connection)), boost::asio::detached);
      }));
  spdlog::info("listening on {}", path);
  if (tcp.listen.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(tcp_listener_, TcpListener::Open(loop_, tcp.listen, [this](UniqueFd connection) {
                     server_->ServeTls(std::move(connection));
                   }));
  const auto endpoint = tcp_listener_->endpoint();
  protection_->SetListeningPort(endpoint.port());
  spdlog::info("listening on {}, port {}", endpoint.address().to_string(), endpoint.port());
  return absl::OkStatus();
}

// Who it is is known from the kernel; only for people he has a name, which waits for no disk.
boost::asio::awaitable<void> App::ServeUnix(UniqueFd connection) {
  constexpr std::chrono::milliseconds kLongest{200};
  std::string name = "?";
  if (const auto uid = UnixUser(connection.get())) {
    const auto look = [uid = *uid]() -> StatusOr<std::string> { return UserName(uid); };
    auto found = co_await ReadHostFiles(look, std::chrono::steady_clock::now() + kLongest);
    if (found.ok()) name = *std::move(found);
  }
  if (listener_ != nullptr) server_->ServeUnix(std::move(connection), name);
}

// Only while there is something to protect from, so that an idle daemon never wakes up.
void App::RefreshProtection() {
  constexpr std::chrono::seconds kInterval{60};
  loop_.At(clock_.Now() + kInterval, [this] {
    if (engine_->active_count() == 0) {
      protection_armed_ = false;
      return;
    }
    protection_->Refresh([this] { RefreshProtection(); });
  });
}

// What faults have used stays with the allocator, in between what is kept. Done when it is quiet,
// so that those who inject one fault after the other do not pay for it.
void App::GiveMemoryBackLater() {
  constexpr std::chrono::seconds kQuiet{10};
  if (std::exchange(giving_memory_back_, true)) return;
  loop_.At(clock_.Now() + kQuiet, [this] {
    giving_memory_back_ = false;
    if (engine_->active_count() == 0) malloc_trim(/*pad=*/0);
  });
}

void App::ReloadOnHangUp() {
  hang_up_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    boost::asio::co_spawn(context_, ReloadPolicy(), boost::asio::detached);
    ReloadOnHangUp();
  });
}

boost::asio::awaitable<void> App::Describe(std::function<void(v1::Agent)> done) {
  constexpr std::chrono::milliseconds kLongest{500};
  const auto look = [directory = host_->journal_directory] { return RecordsSetAside(directory); };
  const auto set_aside = co_await ReadHostFiles(look, std::chrono::steady_clock::now() + kLongest);
  v1::Agent agent =
      DescribeAgent(*host_, facts_, set_aside, engine_->active_count(), guardian_->pid());
  *agent.mutable_safety_lever() = lever_->state();
  done(std::move(agent));
}

boost::asio::awaitable<void> App::ReloadPolicy() {
  const auto load = [path = options_.policy_path] { return LoadPolicy(path); };
  auto policy = co_await ReadHostFiles(load);
  if (policy.ok()) {
    const CapabilitySet held = CapabilitiesUnder(options_.policy);
    engine_->SetPolicy(WithinCapabilities(*std::move(policy), held));
    spdlog::info("{} is in force", options_.policy_path);
  } else {
    spdlog::error("the policy stays as it was: {}", std::string(policy.status().message()));
  }
}

Status App::Run() {
  notifier_.StartWatchdog();
  ReloadOnHangUp();
  end_signals_->async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    spdlog::info("{}: reverting all faults", strsignal(signal));
    Stop();
  });
  WaitForLever();
  context_.run();
  if (shutdown_.joinable()) shutdown_.join();
  RETURN_IF_ERROR(failure_);
  return listener_ == nullptr && server_ == nullptr
             ? absl::OkStatus()
             : absl::InternalError("the loop ended by itself");
}

// For when no client gets through.
void App::WaitForLever() {
  lever_signal_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    audit_->Append({.actor = "faultd",
                    .method = "SetSafetyLever",
                    .request = R"({"engaged":true,"reason":"SIGUSR1"})",
                    .rule = "own"});
    engine_->EngageLever("SIGUSR1", "a signal", [](const v1::SafetyLever&) {});
    WaitForLever();
  });
}

// The reverse of the start. Reverting comes first; the calls of clients need the loop to end.
void App::Stop() {
  notifier_.Stopping();
  listener_.reset();
  tcp_listener_.reset();
  engine_->Shutdown([this] {
    spdlog::info("all faults are reverted");
    publishing_->Stop();
    // Perhaps gRPC waits for ever; all that the host needs is done.
    loop_.At(clock_.Now() + kLongestGoodbye, [] {
      spdlog::warn("connections are not closed after {} s; leaving all the same",
                   kLongestGoodbye.count());
      std::_Exit(0);
    });
    StatusOr<std::thread> closing = StartThread([this] {
      server_.reset();
      loop_.Post([this] {
        guardian_->StopWatching();
        context_.stop();
      });
    });
    if (!closing.ok()) {
      spdlog::warn("{}; leaving without closing connections",
                   std::string(closing.status().message()));
      std::_Exit(0);
    }
    shutdown_ = *std::move(closing);
  });
}

}  // namespace

Status RunApp(const AppOptions& options) {
  signal(SIGPIPE, SIG_IGN);
  RaiseFileLimit();
  StayInMemory();
  RETURN_IF_ERROR(RefuseSystemCalls(options.config.load_modules));
  // The socket is given to its group.
  RETURN_IF_ERROR(KeepCapabilities(CapabilitiesUnder(Policy()) | CapabilityBit(CAP_CHOWN)));
  App app(options);
  RETURN_IF_ERROR(app.Start());
  return app.Run();
}

}  // namespace faultd
