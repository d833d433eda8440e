#include "engine/recovery.h"

#include <chrono>
#include <thread>

#include "base/strings.h"
#include "faults/leftovers.h"

namespace faultd {
namespace {

// Calls revert until nothing is on its way out any more.
Status RevertFully(const FaultKind& kind, const v1::JournalRecord& record, Host& host) {
  constexpr std::chrono::milliseconds kPause{2};
  constexpr int kTries = 2000;
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(const bool done, kind.revert(record.id(), record.undo(), host));
    if (done) return absl::OkStatus();
    std::this_thread::sleep_for(kPause);
  }
  return absl::DeadlineExceededError("something of it is still on its way out");
}

Status RecoverRecord(Journal& journal, const v1::JournalRecord& record, Host& host,
                     const std::string& boot_id, const RecoveryLog& log) {
  const FaultKind* kind = KindOf(record.undo());
  if (kind == nullptr) {
    // Written by another version that knows more kinds; what it left must stay findable.
    log(StrCat("fault ", record.id(),
               ": of a kind that this version does not know; record set aside"));
    return journal.SetAside(record.id() + ".record");
  }
  if (record.boot_id() != boot_id && !kind->survives_reboot) {
    log(StrCat("fault ", record.id(), ": ", kind->name, " ended with the boot it was made in"));
  } else {
    RETURN_IF_ERROR(
        Annotate(RevertFully(*kind, record, host), StrCat("revert fault ", record.id())));
    log(StrCat("fault ", record.id(), ": ", kind->name, " reverted"));
  }
  return journal.Remove(record.id());
}

}  // namespace

Status Recover(Journal& journal, Host& host, const std::string& boot_id, const RecoveryLog& log) {
  Status status;
  auto content = journal.ReadAll();
  MergeStatus(status, content.status());
  if (content.ok()) {
    for (const v1::JournalRecord& record : content->records) {
      MergeStatus(status, RecoverRecord(journal, record, host, boot_id, log));
    }
    for (const auto& [name, problem] : content->unreadable) {
      // Out of memory or descriptors says nothing about the record.
      if (absl::IsResourceExhausted(problem) && ErrnoOf(problem) != 0) {
        MergeStatus(status, problem);
        continue;
      }
      log(StrCat(ToStd(problem.message()), "; set aside"));
      MergeStatus(status, journal.SetAside(name));
    }
  }
  MergeStatus(status, SweepLeftovers(host, [&log](const std::string& name) {
                log(StrCat("removing ", name, ", which no record speaks of"));
              }));
  return status;
}

}  // namespace faultd
