#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "audit/audit_file.h"
#include "base/clock.h"
#include "base/status.h"

namespace faultd {

// The record of who changed what on this host: a line in the log's files and one in the journal for
// every entry. A thread of its own writes, so that no disk holds up whoever has something to tell;
// what cannot be written is counted, and the count is written as soon as possible. So are failures
// beyond kMostFailures a second, or a flood of them would push everything else out. Used from any
// thread. Opens nothing before the first entry; see StartDiskThread for when to start it.
class AuditLog {
 public:
  // RESOURCE_EXHAUSTED when no thread is to be had.
  static StatusOr<std::unique_ptr<AuditLog>> Start(AuditPlace place, const Clock& clock);
  // Writes what there is to write, as long as that takes.
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // The time is that of the call.
  void Append(AuditEntry entry);
  // Returns when everything that was appended before is written, or has failed to be.
  void Flush();

  static constexpr int kMostFailures = 20;

 private:
  static constexpr size_t kMostQueuedBytes = 8 << 20;

  AuditLog(AuditPlace place, const Clock& clock) : clock_(clock), file_(std::move(place)) {}
  void Run();
  void Write(const AuditEntry& entry);
  bool WriteMissing();
  void Missed(uint64_t lines, const Status& why);
  bool Admit(const AuditEntry& entry);

  const Clock& clock_;
  // Of the thread.
  AuditFile file_;
  bool unsynced_ = false;
  uint64_t missing_ = 0;
  std::string why_missing_;

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::deque<AuditEntry> queue_;
  size_t queued_bytes_ = 0;
  uint64_t dropped_ = 0;
  std::chrono::seconds failure_second_{0};
  int failures_ = 0;  // in that second
  bool writing_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace faultd
