#include "engine/recovery.h"

#include <algorithm>

#include "base/strings.h"
#include "faults/leftovers.h"
#include "faults/until_gone.h"

namespace faultd {
namespace {

// What becomes of the records once everything is reverted.
struct RecordEnds {
  std::vector<std::string> removed;  // ids
  std::vector<std::string> aside;    // names of files
};

bool IsOfNetwork(const v1::JournalRecord& record) {
  const v1::Undo& undo = record.undo();
  return undo.has_latency() || undo.has_loss() || undo.has_blackhole();
}

Status RecoverRecord(const v1::JournalRecord& record, Host& host, const std::string& boot_id,
                     const RecoveryLog& tell, RecordEnds& ends) {
  const FaultKind* kind = KindOf(record.undo());
  const auto log = [&](const std::string& line) { tell(line, AboutRecord(record)); };
  if (kind == nullptr) {
    // Written by another version that knows more kinds; what it left must stay findable.
    log(StrCat("fault ", record.id(),
               ": of a kind that this version does not know; record set aside"));
    ends.aside.push_back(Journal::FileOf(record.id()));
    return absl::OkStatus();
  }
  if (kind->remote) {
    log(StrCat("fault ", record.id(), ": ", kind->name,
               " needs the network to be reverted: left to faultd, which does it when it runs"));
    return absl::OkStatus();
  }
  if (record.boot_id() != boot_id && !kind->survives_reboot) {
    log(StrCat("fault ", record.id(), ": ", kind->name, " ended with the boot it was made in"));
  } else {
    const auto revert = [&] { return kind->revert(record.id(), record.undo(), host); };
    RETURN_IF_ERROR(Annotate(StepUntilGone(revert), StrCat("revert fault ", record.id())));
    log(StrCat("fault ", record.id(), ": ", kind->name, " reverted"));
  }
  ends.removed.push_back(record.id());
  return absl::OkStatus();
}

}  // namespace

LogSubject AboutRecord(const v1::JournalRecord& record) {
  const FaultKind* kind = KindOf(record.undo());
  return {.fault_id = record.id(),
          .kind = kind == nullptr ? "" : std::string(kind->name),
          .state = "REVERTING",
          .actor = record.actor()};
}

Status Recover(Journal& journal, Host& host, const std::string& boot_id, const RecoveryLog& log) {
  // Packets before anything else: they need no record, and records may be on a disk that does not
  // answer. What goes wrong here is tried again, and told, below.
  std::vector<std::string> swept;
  SweepNetwork(host, [&](const std::string& name) { swept.push_back(name); }).IgnoreError();

  Status status;
  RecordEnds ends;
  auto content = journal.ReadAll();
  MergeStatus(status, content.status());
  if (content.ok()) {
    for (const v1::JournalRecord& record : content->records) {
      MergeStatus(status, RecoverRecord(record, host, boot_id, log, ends));
    }
    for (const auto& [name, problem] : content->unreadable) {
      // Out of memory or descriptors says nothing about the record.
      if (absl::IsResourceExhausted(problem) && ErrnoOf(problem) != 0) {
        MergeStatus(status, problem);
        continue;
      }
      log(StrCat(ToStd(problem.message()), "; set aside"), {});
      ends.aside.push_back(name);
    }
  }
  const auto log_unknown = [&](const std::string& name) {
    log(StrCat("removed ", name, ", which no record speaks of"), {});
  };
  if (!content.ok() || std::ranges::none_of(content->records, IsOfNetwork))
    std::ranges::for_each(swept, log_unknown);
  MergeStatus(status, SweepLeftovers(host, log_unknown));
  // Last, because a disk that stalls must not keep anything from being reverted.
  for (const std::string& id : ends.removed) MergeStatus(status, journal.Remove(id));
  for (const std::string& name : ends.aside) MergeStatus(status, journal.SetAside(name));
  return status;
}

}  // namespace faultd
