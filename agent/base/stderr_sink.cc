#include "base/stderr_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "base/file_io.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace faultd {
namespace {

// A description of stderr's file of our own, as others may have that of stderr: with O_NONBLOCK on
// that, their writes would fail. The thread may have a table of its own. Not for sockets, which can
// be asked for each write; not valid when there is none to be had.
UniqueFd OpenWithoutWaiting() {
  return UniqueFd(
      open("/proc/thread-self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND | O_CLOEXEC));
}

// As fopencookie(3) wants it. It never fails, or the stream would be in an error state. Called with
// the mutex of the sinks.
ssize_t TakeLines(void*, const char* data, size_t size) {
  static uint64_t lost = 0;
  const std::string_view text(data, size);
  const std::string notice =
      lost == 0 ? "" : StrCat("(", lost, " lines of this log were lost: nobody has read it)\n");
  if (WriteToStderr(StrCat(notice, text))) {
    lost = 0;
  } else {
    ++lost;
  }
  return static_cast<ssize_t>(size);
}

}  // namespace

bool WriteToStderr(std::string_view text) {
  struct stat info{};
  if (fstat(STDERR_FILENO, &info) != 0) return false;
  if (S_ISREG(info.st_mode)) return WriteAll(STDERR_FILENO, text, "stderr").ok();
  if (S_ISSOCK(info.st_mode)) {
    const ssize_t sent = send(STDERR_FILENO, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(text.size());
  }
  pollfd room{.fd = STDERR_FILENO, .events = POLLOUT};
  if (poll(&room, 1, 0) != 1 || room.revents != POLLOUT) return false;  // also when nobody reads it
  const UniqueFd own = OpenWithoutWaiting();
  return WriteAll(own.valid() ? own.get() : STDERR_FILENO, text, "stderr").ok();
}

spdlog::sink_ptr MakeStderrSink() {
  // There for good, as stderr itself.
  static FILE* const stream = [] {
    FILE* made = fopencookie(nullptr, "w", {.write = TakeLines});
    // A line at a time; one that is longer than the buffer is lost, or not, in parts.
    if (made != nullptr) setvbuf(made, nullptr, _IOLBF, BUFSIZ);
    return made != nullptr ? made : stderr;
  }();
  const auto colours =
      isatty(STDERR_FILENO) != 0 ? spdlog::color_mode::always : spdlog::color_mode::never;
  return std::make_shared<spdlog::sinks::ansicolor_sink<spdlog::details::console_mutex>>(stream,
                                                                                         colours);
}

}  // namespace faultd
