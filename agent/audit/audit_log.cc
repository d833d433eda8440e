#include "audit/audit_log.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"

namespace faultd {
namespace {

size_t SizeOf(const AuditEntry& entry) {
  return sizeof(entry) + entry.request.size() + entry.actor.size() + entry.result.message().size();
}

void LogEntry(const AuditEntry& entry, const std::string& line) {
  const LogSubject subject{
      .fault_id = entry.fault, .actor = entry.actor, .method = entry.method, .audit = line};
  const LogAbout about(subject);
  spdlog::info("audit: {}{}{} by {}: {}, {}", entry.method, entry.fault.empty() ? "" : " of ",
               entry.fault, entry.actor, entry.allowed ? "allowed" : "denied",
               ToStd(entry.result.ok() ? "OK" : entry.result.message()));
}

}  // namespace

StatusOr<std::unique_ptr<AuditLog>> AuditLog::Start(AuditPlace place, const Clock& clock) {
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(place), clock));
  StatusOr<std::thread> thread = StartDiskThread([log = log.get()] { log->Run(); });
  RETURN_IF_ERROR(Annotate(thread.status(), "the thread that writes the audit log"));
  log->thread_ = *std::move(thread);
  return log;
}

AuditLog::~AuditLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void AuditLog::Append(AuditEntry entry) {
  entry.time = clock_.WallNow();
  {
    const std::lock_guard lock(mutex_);
    if (!Admit(entry)) {
      ++dropped_;
      return;
    }
    queued_bytes_ += SizeOf(entry);
    queue_.push_back(std::move(entry));
  }
  changed_.notify_all();
}

bool AuditLog::Admit(const AuditEntry& entry) {
  if (queued_bytes_ > kMostQueuedBytes) return false;
  if (entry.result.ok()) return true;
  const auto second = std::chrono::floor<std::chrono::seconds>(clock_.Now());
  if (std::exchange(failure_second_, second) != second) failures_ = 0;
  return ++failures_ <= kMostFailures;
}

void AuditLog::Flush() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.empty() && !writing_; });
}

void AuditLog::Run() {
  // How soon what was written is made to survive a loss of power, and what could not be is tried
  // again. Nobody wakes up when there is nothing to do.
  constexpr std::chrono::seconds kLater{1};
  std::unique_lock lock(mutex_);
  const auto woken = [this] { return stopping_ || !queue_.empty(); };
  while (!stopping_ || !queue_.empty() || dropped_ > 0) {
    if (!unsynced_ && missing_ == 0) {
      changed_.wait(lock, woken);
    } else {
      changed_.wait_for(lock, kLater, woken);
    }
    const std::deque<AuditEntry> batch = std::exchange(queue_, {});
    queued_bytes_ = 0;
    const uint64_t dropped = std::exchange(dropped_, 0);
    writing_ = true;
    lock.unlock();
    if (dropped > 0) {
      Missed(dropped, absl::ResourceExhaustedError(
                          StrCat("there were more than ", kMostFailures,
                                 " failures a second, or more than the disk takes")));
    }
    for (const AuditEntry& entry : batch) Write(entry);
    if (batch.empty()) {
      WriteMissing();
      if (std::exchange(unsynced_, false)) file_.Sync().IgnoreError();
    }
    lock.lock();
    writing_ = false;
    changed_.notify_all();
  }
  lock.unlock();
  WriteMissing();
  file_.Sync().IgnoreError();
  file_.Close();  // its descriptors are those of this thread
}

void AuditLog::Write(const AuditEntry& entry) {
  StatusOr<std::string> line =
      WriteMissing() ? file_.Append(entry) : absl::UnavailableError(why_missing_);
  LogEntry(entry, line.ok() ? *line : "");
  if (!line.ok()) return Missed(1, line.status());
  unsynced_ = true;
}

// Whether there is no line missing that the log does not tell of.
bool AuditLog::WriteMissing() {
  if (missing_ == 0) return true;
  const AuditEntry note{
      .time = clock_.WallNow(),
      .actor = "faultd",
      .method = "AuditLog",
      .rule = "own",
      .result = absl::DataLossError(StrCat(missing_, missing_ == 1 ? " line" : " lines",
                                           " could not be written: ", why_missing_))};
  if (Status written = file_.Append(note).status(); !written.ok()) {
    why_missing_ = std::string(written.message());
    return false;
  }
  spdlog::warn("audit: {}", std::string(note.result.message()));
  missing_ = 0;
  unsynced_ = true;
  return true;
}

void AuditLog::Missed(uint64_t lines, const Status& why) {
  if (std::exchange(missing_, missing_ + lines) == 0) {
    spdlog::error("audit: lines are missing until this is better: {}", std::string(why.message()));
  }
  why_missing_ = std::string(why.message());
}

}  // namespace faultd
