// A file system that is full: a stress process takes its blocks or its inodes.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "base/units.h"
#include "faults/stress/disk_room.h"
#include "faults/stress/stress_fault.h"

namespace faultd {
namespace {

constexpr char kPathField[] = "spec.disk_fill.path";

Status Validate(const v1::DiskFill& fill) {
  RETURN_IF_ERROR(ValidatePath(fill.path(), kPathField));
  switch (fill.amount_case()) {
    case v1::DiskFill::kBytes:
      if (fill.bytes() > 0) return absl::OkStatus();
      return FieldError("spec.disk_fill.bytes", "is 0; write how many bytes to take");
    case v1::DiskFill::kPercentFull:
      return ValidateShare(fill.percent_full(), "spec.disk_fill.percent_full");
    case v1::DiskFill::kLeaveFreeBytes:
      return absl::OkStatus();
    case v1::DiskFill::kInodesPercentFull:
      return ValidateShare(fill.inodes_percent_full(), "spec.disk_fill.inodes_percent_full");
    case v1::DiskFill::AMOUNT_NOT_SET:
      break;
  }
  return FieldError("spec.disk_fill",
                    "says no amount; give bytes, percent_full, leave_free_bytes or "
                    "inodes_percent_full");
}

struct Goal {
  DiskRoom room;
  uint64_t bytes = 0;
  uint64_t inodes = 0;
  bool limited = false;  // less than asked for, for the journal's sake
};

uint64_t Share(double percent, uint64_t whole) {
  return static_cast<uint64_t>(std::ceil(percent / 100 * static_cast<double>(whole)));
}

Status AlreadyThere(const std::string& what) {
  return PreconditionError("DISK", "room", StrCat(what, "; there is nothing to take"));
}

StatusOr<Goal> InodeGoal(double percent, DiskRoom room) {
  const FileSystemFacts& facts = room.facts;
  if (facts.total_inodes == 0) {
    return PreconditionError("DISK", facts.type,
                             StrCat("a file system of type ", facts.type,
                                    " has no fixed number of inodes to run out of"));
  }
  const uint64_t used = facts.total_inodes - std::min(facts.free_inodes, facts.total_inodes);
  const uint64_t wanted = Share(percent, facts.total_inodes);
  if (wanted <= used) {
    return AlreadyThere(StrCat(used, " of ", facts.total_inodes, " inodes are in use already"));
  }
  Goal goal;
  goal.inodes = std::min(wanted - used, room.MostInodes());
  goal.limited = goal.inodes < wanted - used && room.keep_inodes > 0;
  goal.room = std::move(room);
  return goal;
}

StatusOr<Goal> ByteGoal(const v1::DiskFill& fill, DiskRoom room) {
  const FileSystemFacts& facts = room.facts;
  Goal goal;
  if (fill.amount_case() == v1::DiskFill::kBytes) {
    if (fill.bytes() > room.Most()) {
      return PreconditionError(
          "DISK", "room",
          StrCat(FormatSize(fill.bytes()), " is more than there is: ", WordsFor(room), "; ask for ",
                 FormatSize(room.Most()), " at most"));
    }
    goal.bytes = fill.bytes();
  } else {
    const uint64_t reachable = facts.used_bytes + facts.free_bytes;
    const uint64_t used_then = fill.amount_case() == v1::DiskFill::kPercentFull
                                   ? Share(fill.percent_full(), reachable)
                                   : reachable - std::min(fill.leave_free_bytes(), reachable);
    if (used_then <= facts.used_bytes) {
      return AlreadyThere(StrCat("it is ", std::round(facts.PercentFull() * 10) / 10,
                                 " % full already, with ", FormatSize(facts.free_bytes), " free"));
    }
    goal.bytes = std::min(used_then - facts.used_bytes, room.Most());
    goal.limited = goal.bytes < used_then - facts.used_bytes && room.keep_free > 0;
  }
  goal.room = std::move(room);
  return goal;
}

StatusOr<Goal> GoalFor(const v1::DiskFill& fill, Host& host) {
  ASSIGN_OR_RETURN(DiskRoom room, FindDiskRoom(fill.path(), kPathField, host));
  ASSIGN_OR_RETURN(Goal goal, fill.amount_case() == v1::DiskFill::kInodesPercentFull
                                  ? InodeGoal(fill.inodes_percent_full(), std::move(room))
                                  : ByteGoal(fill, std::move(room)));
  if (goal.bytes == 0 && goal.inodes == 0) {
    return PreconditionError("DISK", "room", StrCat("nothing can be taken: ", WordsFor(goal.room)));
  }
  return goal;
}

// How full it will be of what is taken, blocks or inodes.
Status CheckFullness(const Goal& goal, Host& host) {
  const FileSystemFacts& facts = goal.room.facts;
  const double full =
      goal.inodes > 0 ? Percent(facts.total_inodes -
                                    std::min(facts.free_inodes, facts.total_inodes) + goal.inodes,
                                facts.total_inodes)
                      : Percent(facts.used_bytes + goal.bytes, facts.used_bytes + facts.free_bytes);
  return CheckAtMost("spec.disk_fill", full, "stress.max_disk_percent_full",
                     host.stress_policy.max_disk_percent_full);
}

StatusOr<FaultPlan> Plan(const v1::DiskFill& fill, Host& host, StressFiles& files) {
  ASSIGN_OR_RETURN(const Goal goal, GoalFor(fill, host));
  RETURN_IF_ERROR(CheckFullness(goal, host));
  const std::string& path = goal.room.facts.path;
  files = goal.room.Files(/*named=*/goal.inodes > 0);
  FaultPlan plan;
  const std::string amount =
      goal.inodes > 0 ? StrCat(goal.inodes, " inodes") : FormatSize(goal.bytes);
  plan.summary = StrCat("disk_fill ", path, " by ", amount);
  plan.changes.push_back(goal.inodes > 0 ? StrCat("make ", goal.inodes, " empty files in ",
                                                  StressProcesses::FilesDirectory("<id>", path))
                                         : StrCat("take ", amount, " of ", goal.room.facts.type,
                                                  " at ", path, " with a file that has no name"));
  if (goal.limited) {
    plan.warnings.push_back(
        StrCat("the journal is on this file system and keeps its reserve, so "
               "only ",
               amount, " are taken"));
  }
  if (goal.room.facts.type == "tmpfs")
    plan.warnings.push_back("a tmpfs is memory: filling it takes memory from the host");
  return plan;
}

StatusOr<v1::StressOrder> OrderFor(const std::string& id, const v1::DiskFill& fill,
                                   const v1::StressUndo& undo, Host& host) {
  ASSIGN_OR_RETURN(const Goal goal, GoalFor(fill, host));
  v1::StressOrder order;
  v1::DiskFillOrder& out = *order.mutable_disk_fill();
  *out.mutable_spec() = fill;
  out.mutable_spec()->set_path(undo.path());
  out.set_directory(StressProcesses::FilesDirectory(id, undo.path()));
  out.set_bytes(goal.bytes);
  out.set_inodes(goal.inodes);
  out.set_keep_free_bytes(goal.room.keep_free);
  return order;
}

void Survey(const v1::FaultSpec& spec, Host& host, std::function<void(Status)> done) {
  SurveyDisk(spec.disk_fill().path(), host, std::move(done));
}

Capability Report(Host&) {
  return {CapabilityState::kAvailable, "on any file system that is not read-only", ""};
}

}  // namespace

DEFINE_STRESS_FAULT(disk_fill, true, Survey);

}  // namespace faultd
