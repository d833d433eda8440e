#include "guardian/deadlines.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "engine/journal.h"
#include "faults/fault_kind.h"

namespace faultd {

StatusOr<DeadlineWatch> DeadlineWatch::Open(const std::string& journal, std::string boot_id) {
  UniqueFd inotify(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  // Records appear by rename and go by unlink or rename.
  if (inotify.valid() &&
      inotify_add_watch(inotify.get(), journal.c_str(),
                        IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR) < 0)
    inotify.Reset();
  ASSIGN_OR_RETURN(std::unique_ptr<Directory> directory, OpenDirectory(journal));
  DeadlineWatch watch(std::move(directory), std::move(boot_id), std::move(inotify));
  RETURN_IF_ERROR(watch.ReadAll());
  return watch;
}

void DeadlineWatch::Update() {
  if (Polls()) ReadAll().IgnoreError();  // looks again in a second
  alignas(inotify_event) char buffer[16 << 10];
  ssize_t got;
  while ((got = read(inotify_.get(), buffer, sizeof(buffer))) > 0) {
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if ((event->mask & IN_Q_OVERFLOW) != 0) {
        ReadAll().IgnoreError();  // as above
      } else if (event->len > 0) {
        ReadOne(event->name);
      }
    }
  }
}

void DeadlineWatch::NoteGone(const std::string& id) {
  const std::string name = Journal::FileOf(id);
  deadlines_.erase(name);
  going_.erase(name);
  gone_.insert(name);
}

void DeadlineWatch::NoteGoing(const std::string& id, BootTime when) {
  const std::string name = Journal::FileOf(id);
  if (deadlines_.contains(name)) going_.insert_or_assign(name, when);
}

bool DeadlineWatch::IsGone(const std::string& id) const {
  return gone_.contains(Journal::FileOf(id));
}

void DeadlineWatch::NoteBegun(const std::string& id) {
  going_.erase(Journal::FileOf(id));
  gone_.erase(Journal::FileOf(id));
}

std::optional<BootTime> DeadlineWatch::Earliest() const {
  std::optional<BootTime> earliest;
  for (const auto& [name, written] : deadlines_) {
    const auto going = going_.find(name);
    const BootTime deadline = going == going_.end() ? written : std::max(written, going->second);
    if (deadline < earliest.value_or(kNever)) earliest = deadline;
  }
  return earliest;
}

Status DeadlineWatch::ReadAll() {
  const StatusOr<std::vector<std::string>> names = journal_->List();
  complete_ = names.ok();
  RETURN_IF_ERROR(names.status());
  std::set<std::string> known = gone_;
  for (const auto& [name, deadline] : deadlines_) known.insert(name);
  known.insert(names->begin(), names->end());
  for (const std::string& name : known) ReadOne(name);
  return absl::OkStatus();
}

// What cannot be read has no deadline; it is dealt with by the recovery after the daemon's death.
void DeadlineWatch::ReadOne(const std::string& name) {
  deadlines_.erase(name);
  if (!name.ends_with(".record")) return;
  const StatusOr<std::string> content = journal_->Read(name);
  if (absl::IsNotFound(content.status())) {
    going_.erase(name);
    gone_.erase(name);
  }
  if (!content.ok() || gone_.contains(name)) return;
  StatusOr<v1::JournalRecord> record = DecodeRecord(*content);
  if (!record.ok() || record->boot_id() != boot_id_) return;
  // A remote one may be past its deadline because the network is: that does not mean that the
  // daemon hangs.
  const FaultKind* kind = KindOf(record->undo());
  if (kind == nullptr || !kind->remote) {
    deadlines_[name] = BootTime(record->deadline_boottime_ns());
  }
}

}  // namespace faultd
