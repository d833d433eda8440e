#include "bench/daemon.h"

#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "base/file_io.h"
#include "base/strings.h"
#include "bench/commands.h"
#include "bench/require.h"
#include "engine/journal.h"

namespace faultd::bench {
namespace {

namespace fs = std::filesystem;

constexpr timeval kPatience{.tv_sec = 120, .tv_usec = 0};

// The daemon answers no call without a deadline.
class CallContext : public grpc::ClientContext {
 public:
  CallContext() {
    set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(kPatience.tv_sec));
  }
};

std::string MakeDirectory(const fs::path& parent) {
  std::string path = parent / "faultd-bench-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) Require(ErrnoStatus(errno, StrCat("make ", path)));
  return path;
}

UniqueFd BindNotifySocket(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX};
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience)) != 0) {
    Require(ErrnoStatus(errno, StrCat("listen on ", path)));
  }
  return fd;
}

void Require(const grpc::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.error_message());
}

pid_t ParentOf(const std::string& pid) {
  const auto stat = ReadSmallFile(StrCat("/proc/", pid, "/stat"));
  const size_t name_end = stat.ok() ? stat->rfind(')') : std::string::npos;
  return name_end == std::string::npos ? 0 : atoi(stat->c_str() + name_end + 4);
}

}  // namespace

Daemon::Daemon(std::string programs, const std::string& parent)
    : programs_(std::move(programs)),
      state_(MakeDirectory(parent)),
      // Paths of sockets must be short, and those of build directories are not.
      runtime_(MakeDirectory(fs::temp_directory_path())) {
  std::ofstream(runtime_ + "/faultd.toml") << "[audit]\ndirectory = \"" << runtime_ << "/audit\"\n";
  const std::string notify = runtime_ + "/notify";
  ready_ = BindNotifySocket(notify);
  setenv("NOTIFY_SOCKET", notify.c_str(), 1);
}

Daemon::~Daemon() {
  try {
    if (process_) {
      Kill();
      WaitUntilGone();
    }
  } catch (const std::exception& error) {
    fprintf(stderr, "the daemon may be left running: %s\n", error.what());
  }
  std::error_code ignored;
  for (const std::string& directory : {state_, runtime_}) fs::remove_all(directory, ignored);
}

void Daemon::Start() {
  char text[512];
  while (recv(ready_.get(), text, sizeof(text), MSG_DONTWAIT) > 0) {
    // What an earlier one said.
  }
  const pid_t pid = Spawn({programs_ + "/faultd", "--config", runtime_ + "/faultd.toml",
                           "--state-dir", state_, "--runtime-dir", runtime_},
                          runtime_ + "/log");
  process_ = Require(Process::Open(pid));
  for (;;) {
    const ssize_t got = recv(ready_.get(), text, sizeof(text) - 1, 0);
    if (got < 0) {
      const auto log = ReadSmallFile(runtime_ + "/log");
      throw std::runtime_error("faultd is not ready:\n" + log.value_or(""));
    }
    text[got] = '\0';
    if (strstr(text, "READY=1") != nullptr) break;
  }
}

// Apart from Start, which is timed.
void Daemon::FindGuardian() {
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (isdigit(name[0]) != 0 && ParentOf(name) == pid()) {
      guardian_ = Require(Process::Open(atoi(name.c_str())));
      return;
    }
  }
  throw std::runtime_error("faultd has no guardian");
}

bool Daemon::running() const { return !process_->IsGone(); }

std::string Daemon::LogTail() const {
  constexpr std::streamoff kTail = 4096;
  std::ifstream file(runtime_ + "/log", std::ios::ate);
  file.seekg(std::max<std::streamoff>(0, file.tellg() - kTail));
  return {std::istreambuf_iterator<char>(file), {}};
}

pid_t Daemon::guardian_pid() {
  if (!guardian_) FindGuardian();
  return guardian_->pid();
}

void Daemon::Stop() {
  guardian_pid();
  Disconnect();
  Require(process_->Signal(SIGTERM));
  WaitUntilGone();
}

void Daemon::Kill() {
  guardian_pid();
  Require(process_->Signal(SIGKILL));
}

void Daemon::WaitUntilGone() {
  Disconnect();
  Wait(process_->pid());
  Require(guardian_->WaitUntilGone(static_cast<int>(kPatience.tv_sec) * 1000));
  process_.reset();
  guardian_.reset();
}

v1::FaultService::Stub& Daemon::faults() {
  if (faults_ == nullptr) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    faults_ = v1::FaultService::NewStub(
        grpc::CreateCustomChannel(address(), grpc::InsecureChannelCredentials(), arguments));
  }
  return *faults_;
}

void Daemon::Disconnect() { faults_.reset(); }

void Daemon::Inject(const v1::InjectFaultRequest& request) {
  CallContext context;
  v1::InjectFaultResponse response;
  Require(faults().InjectFault(&context, request, &response));
}

void Daemon::Revert(const std::string& id) {
  CallContext context;
  v1::RevertFaultRequest request;
  request.set_id(id);
  v1::RevertFaultResponse response;
  Require(faults().RevertFault(&context, request, &response));
}

void Daemon::RevertAll() {
  CallContext context;
  v1::RevertAllResponse response;
  Require(faults().RevertAll(&context, {}, &response));
}

void Daemon::Get(const std::string& id) {
  CallContext context;
  v1::GetFaultRequest request;
  request.set_id(id);
  v1::GetFaultResponse response;
  Require(faults().GetFault(&context, request, &response));
}

void Daemon::List() {
  v1::ListFaultsRequest request;
  request.set_page_size(1000);
  do {
    CallContext context;
    v1::ListFaultsResponse response;
    Require(faults().ListFaults(&context, request, &response));
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
}

void Daemon::WaitForEffect(const std::string& id) {
  for (;;) {
    CallContext context;
    v1::GetFaultRequest request;
    request.set_id(id);
    v1::GetFaultResponse response;
    Require(faults().GetFault(&context, request, &response));
    const v1::Effect& effect = response.fault().effect();
    if (effect.cpu().achieved_percent() > 0 || effect.disk_io().operations() > 0 ||
        (effect.has_memory() &&
         effect.memory().resident_bytes() >= effect.memory().requested_bytes()) ||
        (effect.has_disk_fill() &&
         effect.disk_fill().allocated_bytes() >= effect.disk_fill().requested_bytes())) {
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void Daemon::WaitUntilOver(const std::string& id) {
  grpc::ClientContext context;
  v1::WatchFaultsRequest request;
  request.set_id(id);
  auto stream = faults().WatchFaults(&context, request);
  v1::WatchFaultsResponse event;
  while (stream->Read(&event)) {
  }
  Require(stream->Finish());
}

v1::JournalRecord Daemon::RecordOf(const std::string& id) {
  const auto directory = Require(OpenDirectory(journal()));
  return Require(DecodeRecord(Require(directory->Read(id + ".record"))));
}

BootTime Daemon::DeadlineOf(const std::string& id) {
  return BootTime(RecordOf(id).deadline_boottime_ns());
}

}  // namespace faultd::bench
