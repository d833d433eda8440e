#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "kernel/directory.h"

namespace faultd {

// Follows the deadlines of the records in a journal directory by inotify(7), so that watching costs
// nothing while nothing changes. Where there is none left, which containers of the same user may
// have used up (fs.inotify.max_user_instances), it looks now and then.
class DeadlineWatch {
 public:
  static StatusOr<DeadlineWatch> Open(const std::string& journal, std::string boot_id);

  // Readable when records have changed; then call Update. -1 without inotify.
  int fd() const { return inotify_.get(); }
  // Whether Update is to be called every second as well.
  bool Polls() const { return !inotify_.valid() || !complete_; }
  void Update();

  // The daemon has seen the fault gone: its record has no deadline any more, however late a disk
  // that stalls lets it be removed.
  void NoteGone(const std::string& id);
  // Its effect was over at `when`, but something of it is still on its way out: the daemon is at
  // it. kNever: however long it takes.
  static constexpr BootTime kNever = BootTime::max();
  void NoteGoing(const std::string& id, BootTime when);
  bool IsGone(const std::string& id) const;
  // A new fault has this id.
  void NoteBegun(const std::string& id);

  // The earliest deadline of any record of this boot that has one.
  std::optional<BootTime> Earliest() const;

 private:
  DeadlineWatch(std::unique_ptr<Directory> journal, std::string boot_id, UniqueFd inotify)
      : journal_(std::move(journal)), boot_id_(std::move(boot_id)), inotify_(std::move(inotify)) {}
  Status ReadAll();
  void ReadOne(const std::string& name);

  std::unique_ptr<Directory> journal_;
  std::string boot_id_;
  UniqueFd inotify_;
  bool complete_ = false;  // the directory could be listed when it last had to be
  // By the record's file.
  std::map<std::string, BootTime> deadlines_;
  std::map<std::string, BootTime> going_;  // those of which something is on its way out: seen when
  std::set<std::string> gone_;             // those whose fault is gone
};

}  // namespace faultd
