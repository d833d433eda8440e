#include "base/stderr_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/file_io.h"
#include "base/job_queue.h"
#include "base/strings.h"
#include "base/threads.h"
#include "base/unique_fd.h"

namespace faultd {
namespace {

// As in st_mode; 0 when there is no stderr.
mode_t ModeOfStderr() {
  struct stat info{};
  return fstat(STDERR_FILENO, &info) == 0 ? info.st_mode : 0;
}

// Writes to stderr's file on a thread of its own, which may wait for the disk as long as it has to.
class FileThread {
 public:
  // nullptr when no thread is to be had.
  static std::unique_ptr<FileThread> Start() {
    auto lines = std::make_shared<Lines>();
    const Status started = StartDetachedThread([lines] {
      // What it has besides would stay open when the daemon is killed while the disk stalls.
      KeepStandardDescriptors().IgnoreError();
      lines->jobs.Run();
    });
    return started.ok() ? std::make_unique<FileThread>(std::move(lines)) : nullptr;
  }
  ~FileThread() { lines_->jobs.Close(); }
  FileThread(const FileThread&) = delete;
  FileThread& operator=(const FileThread&) = delete;

  // Returns when it is written, as the log is read when something has happened; but then not for
  // long, and not at all while the disk stalls. False when too much waits already.
  bool Write(std::string text) {
    constexpr std::chrono::milliseconds kPatience{200};
    constexpr size_t kMost = 1000;
    if (lines_->waiting >= kMost) return false;
    const bool stalls = lines_->waiting++ > 0;
    std::promise<void> said;
    const std::future<void> written = said.get_future();
    lines_->jobs.Add(
        [&waiting = lines_->waiting, text = std::move(text), said = std::move(said)]() mutable {
          WriteToStderr(text);
          --waiting;
          said.set_value();
        });
    if (!stalls) written.wait_for(kPatience);
    return true;
  }

  // The thread has them as well, as it may outlive this.
  struct Lines {
    JobQueue jobs;
    std::atomic<size_t> waiting = 0;
  };
  explicit FileThread(std::shared_ptr<Lines> lines) : lines_(std::move(lines)) {}

 private:
  const std::shared_ptr<Lines> lines_;
};

// Those that spdlog's own sinks have.
std::string_view ColourOf(spdlog::level::level_enum level) {
  constexpr std::string_view kColours[] = {"\033[37m",        "\033[36m",        "\033[32m",
                                           "\033[33m\033[1m", "\033[31m\033[1m", "\033[1m\033[41m"};
  return kColours[level];
}

class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit StderrSink(FileLog file)
      : file_(file == FileLog::kByThread && S_ISREG(ModeOfStderr()) ? FileThread::Start()
                                                                    : nullptr) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t formatted;
    formatter_->format(message, formatted);
    std::string line(formatted.data(), formatted.size());
    if (coloured_ && message.color_range_end > message.color_range_start) {
      line.insert(message.color_range_end, "\033[m");
      line.insert(message.color_range_start, ColourOf(message.level));
    }
    if (lost_ > 0)
      line = StrCat("(", lost_, " lines of this log were lost: nobody took them)\n", line);
    lost_ = Take(std::move(line)) ? 0 : lost_ + 1;
  }
  void flush_() override {}

 private:
  bool Take(std::string line) const {
    if (file_ != nullptr) return file_->Write(std::move(line));
    return WriteToStderr(line);
  }

  const bool coloured_ = isatty(STDERR_FILENO) != 0;
  const std::unique_ptr<FileThread> file_;  // nullptr: directly
  uint64_t lost_ = 0;
};

}  // namespace

bool WriteToStderr(std::string_view text) {
  const mode_t mode = ModeOfStderr();
  if (S_ISREG(mode)) return WriteAll(STDERR_FILENO, text, "stderr").ok();
  if (S_ISSOCK(mode)) {
    const ssize_t sent = send(STDERR_FILENO, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(text.size());
  }
  pollfd room{.fd = STDERR_FILENO, .events = POLLOUT};
  if (poll(&room, 1, 0) != 1 || room.revents != POLLOUT) return false;  // also when nobody reads it
  // A description of its file of our own: with O_NONBLOCK on the one that others may have as well,
  // their writes would fail. The thread may have a table of its own.
  const UniqueFd own(
      open("/proc/thread-self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND | O_CLOEXEC));
  return WriteAll(own.valid() ? own.get() : STDERR_FILENO, text, "stderr").ok();
}

spdlog::sink_ptr MakeStderrSink(FileLog file) { return std::make_shared<StderrSink>(file); }

}  // namespace faultd
