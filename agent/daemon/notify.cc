#include "daemon/notify.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace faultd {
namespace {

// sd_notify(3) without libsystemd, whose version of it waits for a manager that does not read its
// messages: then no lease would end. What finds no room is left out, unless
// `flags` says otherwise.
void Send(const std::string& message, int flags = MSG_DONTWAIT) {
  const char* path = getenv("NOTIFY_SOCKET");
  if (path == nullptr) return;
  sockaddr_un address{.sun_family = AF_UNIX};
  const size_t length = strlen(path);
  if ((path[0] != '/' && path[0] != '@') || length >= sizeof(address.sun_path)) return;
  memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // an abstract name, unix(7)
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (sendto(fd.get(), message.data(), message.size(), flags | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address),
             static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length)) < 0) {
    spdlog::debug("notify {}: {}", path, strerror(errno));
  }
}

uint64_t NumberFrom(const char* variable) {
  const char* text = getenv(variable);
  uint64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : 0;
}

}  // namespace

// Nothing is active yet, and without this message systemd would end the daemon.
void SystemdNotifier::Ready(const std::string& status) {
  Send(StrCat("READY=1\nSTATUS=", status), /*flags=*/0);
}

void SystemdNotifier::SetStatus(const std::string& status) { Send(StrCat("STATUS=", status)); }

void SystemdNotifier::Stopping() { Send("STOPPING=1\nSTATUS=Reverting all faults"); }

// The variables of sd_watchdog_enabled(3).
void SystemdNotifier::StartWatchdog() {
  const uint64_t watchdog_us = NumberFrom("WATCHDOG_USEC");
  const uint64_t pid = NumberFrom("WATCHDOG_PID");
  if (watchdog_us == 0 || (pid != 0 && pid != static_cast<uint64_t>(getpid()))) return;
  interval_ = std::chrono::microseconds(watchdog_us / 4);
  Ping();
}

void SystemdNotifier::Ping() {
  Send("WATCHDOG=1");
  loop_.At(clock_.Now() + interval_, [this] { Ping(); });
}

}  // namespace faultd
