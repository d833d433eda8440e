// The undo records: written before the host is changed, and removed after the change is gone.
#include <utility>

#include "engine/engine.h"

namespace faultd {

// Between a plan, its record and its change, which may take as long as the disk does, nothing else
// is planned or written; reverting waits for nobody.
void Engine::InTurn(std::function<void()> begin) {
  if (std::exchange(turn_taken_, true)) {
    turns_.push_back(std::move(begin));
  } else {
    begin();
  }
}

void Engine::EndTurn() {
  turn_taken_ = !turns_.empty();
  if (turns_.empty()) return;
  loop_.Post([alive = alive_, next = std::move(turns_.front())] {
    if (*alive) next();
  });
  turns_.pop_front();
}

void Engine::WriteRecord(const Entry& entry, BootTime deadline,
                         std::function<void(const Status&)> done) {
  v1::JournalRecord record;
  record.set_id(entry.fault.id());
  record.set_boot_id(boot_id_);
  record.set_deadline_boottime_ns(deadline.count());
  *record.mutable_undo() = entry.undo;
  *record.mutable_spec() = entry.fault.spec();
  *record.mutable_create_time() = entry.fault.create_time();
  record.set_actor(entry.fault.actor());
  *record.mutable_labels() = entry.fault.labels();
  record.set_writer_version(FAULTD_VERSION);
  worker_.Run([&journal = journal_, record = std::move(record)] { return journal.Write(record); },
              [alive = alive_, done = std::move(done)](const Status& written) {
                if (*alive) done(written);
              });
}

// What is still being written for the fault is written before that, because the worker keeps the
// order; nothing more is, once it is reverted.
void Engine::RemoveRecord(Entry& entry) {
  const std::string& id = entry.fault.id();
  TellOfRecord(id, RecordNews::kGone);
  worker_.Run(
      [&journal = journal_, id, remote = entry.kind->remote]() -> Status {
        RETURN_IF_ERROR(journal.Remove(id));
        // To revert it once more after a loss of power might undo what others did there meanwhile.
        return remote ? journal.Sync() : absl::OkStatus();
      },
      [this, alive = alive_, id](const Status& removed) {
        if (!*alive) return;
        Entry& over = *Find(id);
        if (removed.ok()) return Finish(over);
        RetryRevert(over, removed);
      });
}

void Engine::TellOfRecord(const std::string& id, RecordNews news) const {
  if (tell_of_record_) tell_of_record_(id, news);
}

}  // namespace faultd
