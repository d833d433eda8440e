#include "base/stderr_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/file_io.h"
#include "base/strings.h"
#include "base/threads.h"
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

bool IsFile() {
  struct stat info{};
  return fstat(STDERR_FILENO, &info) == 0 && S_ISREG(info.st_mode);
}

// Writes to stderr's file on a thread of its own, which may wait for the disk as long as it has to.
class FileThread {
 public:
  // nullptr when no thread is to be had.
  static std::shared_ptr<FileThread> Start() {
    auto file = std::make_shared<FileThread>();
    const Status started = StartDetachedThread([file] { file->Run(); });
    return started.ok() ? file : nullptr;
  }

  // Returns when it is written, as the log is read when something has happened; but then not for
  // long, and not at all while the disk stalls. False when too much waits already.
  bool Write(std::string_view text) {
    constexpr std::chrono::milliseconds kPatience{200};
    constexpr size_t kMost = 1000;  // lines
    std::unique_lock lock(mutex_);
    if (texts_.size() >= kMost) return false;
    texts_.emplace_back(text);
    const uint64_t number = ++taken_;
    changed_.notify_all();
    stalls_ = stalls_ || !changed_.wait_for(lock, kPatience, [&] { return written_ >= number; });
    return true;
  }

 private:
  void Run() {
    // What it has besides would stay open when the daemon is killed while the disk stalls.
    KeepStandardDescriptors().IgnoreError();
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return !texts_.empty(); });
      const std::string text = std::move(texts_.front());
      texts_.pop_front();
      lock.unlock();
      WriteToStderr(text);
      lock.lock();
      ++written_;
      if (texts_.empty()) stalls_ = false;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> texts_;
  uint64_t taken_ = 0;
  uint64_t written_ = 0;
  bool stalls_ = false;
};

// What the stream for spdlog writes to.
struct Lines {
  std::shared_ptr<FileThread> file;  // nullptr: directly
  uint64_t lost = 0;
};

// As fopencookie(3) wants it. It never fails, or the stream would be in an error state. Called with
// the mutex of the sinks.
ssize_t TakeLine(void* cookie, const char* data, size_t size) {
  auto& [file, lost] = *static_cast<Lines*>(cookie);
  std::string text(data, size);
  if (lost > 0) text = StrCat("(", lost, " lines of this log were lost: nobody took them)\n", text);
  lost = (file != nullptr ? file->Write(text) : WriteToStderr(text)) ? 0 : lost + 1;
  return static_cast<ssize_t>(size);
}

using Stream = std::unique_ptr<FILE, int (*)(FILE*)>;

// Empty without memory.
Stream OpenStream(FileLog file) {
  auto lines = std::make_unique<Lines>();
  if (file == FileLog::kByThread && IsFile()) lines->file = FileThread::Start();
  const auto forget = [](void* cookie) {
    delete static_cast<Lines*>(cookie);
    return 0;
  };
  Stream stream(fopencookie(lines.get(), "w", {.write = TakeLine, .close = forget}), fclose);
  if (stream == nullptr) return stream;
  static_cast<void>(lines.release());  // NOLINT(bugprone-unused-return-value): the stream has it
  // A line at a time; one that is longer than the buffer is lost, or not, in parts.
  setvbuf(stream.get(), nullptr, _IOLBF, BUFSIZ);
  return stream;
}

spdlog::color_mode Colours() {
  return isatty(STDERR_FILENO) != 0 ? spdlog::color_mode::always : spdlog::color_mode::never;
}

struct StreamOwner {
  Stream stream;
};

// The stream is there before the library's part of the sink, and goes after it.
class StderrSink final : StreamOwner,
                         public spdlog::sinks::ansicolor_sink<spdlog::details::console_mutex> {
 public:
  explicit StderrSink(Stream opened)
      : StreamOwner{std::move(opened)},
        ansicolor_sink(stream != nullptr ? stream.get() : stderr, Colours()) {}
};

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

spdlog::sink_ptr MakeStderrSink(FileLog file) {
  return std::make_shared<StderrSink>(OpenStream(file));
}

}  // namespace faultd
