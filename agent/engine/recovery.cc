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

// Nothing for other kinds.
v1::NetworkUndo* NetworkPartOf(v1::JournalRecord& record) {
  v1::Undo& undo = *record.mutable_undo();
  if (undo.has_latency()) return undo.mutable_latency();
  if (undo.has_loss()) return undo.mutable_loss();
  if (undo.has_blackhole()) return undo.mutable_blackhole();
  return nullptr;
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

Status Recover(Journal& journal, Host& host, const std::string& boot_id, const RecoveryLog& log,
               const SeenGone& seen_gone) {
  // Packets before anything else: they need no record, and records may be on a disk that does not
  // answer. What goes wrong here is tried again, and told, below.
  std::vector<std::string> swept;
  SweepNetwork(host, [&](const std::string& name) { swept.push_back(name); }).IgnoreError();

  Status status;
  RecordEnds ends;
  auto content = journal.ReadAll();
  MergeStatus(status, content.status());
  bool of_network = false;
  if (content.ok()) {
    for (v1::JournalRecord& record : content->records) {
      if (v1::NetworkUndo* undo = NetworkPartOf(record)) {
        of_network = true;
        if (seen_gone(record.id())) undo->clear_clsact_interfaces();
      }
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
  if (!of_network) std::ranges::for_each(swept, log_unknown);
  MergeStatus(status, SweepLeftovers(host, log_unknown));
  // Last, because a disk that stalls must not keep anything from being reverted.
  for (const std::string& id : ends.removed) MergeStatus(status, journal.Remove(id));
  for (const std::string& name : ends.aside) MergeStatus(status, journal.SetAside(name));
  return status;
}

}  // namespace faultd
