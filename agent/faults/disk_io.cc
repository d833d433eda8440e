// Disk I/O stress: threads of a stress process read and write a file.
#include <algorithm>
#include <bit>

#include "base/strings.h"
#include "base/units.h"
#include "faults/stress/disk_room.h"
#include "faults/stress/stress_fault.h"

namespace faultd {
namespace {

constexpr char kPathField[] = "spec.disk_io.path";
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kDefaultFile = 256 * kMiB;
constexpr uint64_t kMostBuffers = 512 * kMiB;

Status Validate(const v1::DiskIo& io) {
  RETURN_IF_ERROR(ValidatePath(io.path(), kPathField));
  if (io.has_threads() && (io.threads() < 1 || io.threads() > 256)) {
    return FieldError("spec.disk_io.threads",
                      StrCat(io.threads(), " is out of range; write 1 to 256"));
  }
  const uint32_t block = io.has_block_bytes() ? io.block_bytes() : 4096;
  if (block < 512 || block > 16 * kMiB || !std::has_single_bit(block)) {
    return FieldError("spec.disk_io.block_bytes",
                      StrCat(block, " is out of range; write a power of two from 512 to 16777216"));
  }
  const uint64_t buffers = uint64_t{std::max(io.threads(), 1U)} * block;
  if (buffers > kMostBuffers) {
    return FieldError(
        "spec.disk_io.block_bytes",
        StrCat("blocks of ", FormatSize(block), " for ", io.threads(), " threads take ",
               FormatSize(buffers), " of memory; take fewer threads or smaller blocks (at most ",
               FormatSize(kMostBuffers), ")"));
  }
  if (io.read_percent() > 100) {
    return FieldError("spec.disk_io.read_percent",
                      StrCat(io.read_percent(), " is out of range; write 0 to 100"));
  }
  if (io.has_pattern() && (io.pattern() == v1::ACCESS_PATTERN_UNSPECIFIED ||
                           !v1::AccessPattern_IsValid(io.pattern()))) {
    return FieldError("spec.disk_io.pattern",
                      StrCat(static_cast<int>(io.pattern()),
                             " is not a pattern; take ACCESS_PATTERN_RANDOM or "
                             "ACCESS_PATTERN_SEQUENTIAL, or leave it out for random"));
  }
  if (io.has_file_bytes() && (io.file_bytes() < kMiB || io.file_bytes() > kMiB * kMiB)) {
    return FieldError("spec.disk_io.file_bytes",
                      StrCat(io.file_bytes(), " is out of range; write 1MiB to 1TiB in bytes"));
  }
  if (io.has_file_bytes() && io.file_bytes() < block) {
    return FieldError("spec.disk_io.file_bytes",
                      StrCat(io.file_bytes(), " is less than one block of ", block, " bytes"));
  }
  if (io.limit_case() == v1::DiskIo::kOperationsPerSecond && io.operations_per_second() == 0) {
    return FieldError("spec.disk_io.operations_per_second",
                      "is 0; write 1 or more, or leave it out for no limit");
  }
  if (io.limit_case() == v1::DiskIo::kBytesPerSecond && io.bytes_per_second() < block) {
    return FieldError(
        "spec.disk_io.bytes_per_second",
        StrCat(io.bytes_per_second(), " is less than one block of ", block, " bytes a second"));
  }
  return absl::OkStatus();
}

uint64_t FileBytes(const v1::DiskIo& io) {
  if (io.has_file_bytes()) return io.file_bytes();
  return std::max<uint64_t>(kDefaultFile, io.block_bytes());
}

StatusOr<FaultPlan> Plan(const v1::DiskIo& io, Host& host, StressFiles& files) {
  ASSIGN_OR_RETURN(const DiskRoom room, FindDiskRoom(io.path(), kPathField, host));
  if (FileBytes(io) > room.Most()) {
    return PreconditionError(
        "DISK", "room",
        StrCat("a file of ", FormatSize(FileBytes(io)), " is more than there is: ", WordsFor(room),
               "; set file_bytes to less"));
  }
  const uint32_t threads = io.has_threads() ? io.threads() : 1;
  if (const uint32_t most = host.stress_policy.max_disk_io_threads; threads > most) {
    return DeniedError("stress.max_disk_io_threads",
                       StrCat("spec.disk_io.threads: ", threads,
                              " are more than this host's policy allows (rule "
                              "stress.max_disk_io_threads: ",
                              most, "); ask for ", most, " at most"));
  }
  const std::string& path = room.facts.path;
  files = room.Files(/*named=*/false);
  const uint32_t reads = io.has_read_percent() ? io.read_percent() : 50;
  FaultPlan plan;
  plan.summary = StrCat("disk_io ", path, ", ", threads, threads == 1 ? " thread, " : " threads, ",
                        io.pattern() == v1::ACCESS_PATTERN_SEQUENTIAL ? "sequential " : "random ",
                        FormatSize(io.has_block_bytes() ? io.block_bytes() : 4096), " blocks, ",
                        reads, "% reads");
  if (io.limit_case() == v1::DiskIo::kOperationsPerSecond)
    plan.summary += StrCat(", at most ", io.operations_per_second(), " operations/s");
  if (io.limit_case() == v1::DiskIo::kBytesPerSecond)
    plan.summary += StrCat(", at most ", FormatSize(io.bytes_per_second()), "/s");
  plan.changes.push_back(StrCat("write a file of ", FormatSize(FileBytes(io)),
                                " that has no name to ", path, ", then read and write it"));
  return plan;
}

StatusOr<v1::StressOrder> OrderFor(const std::string& id, const v1::DiskIo& io,
                                   const v1::StressUndo& undo, Host&) {
  v1::StressOrder order;
  *order.mutable_disk_io()->mutable_spec() = io;
  order.mutable_disk_io()->mutable_spec()->set_path(undo.path());
  order.mutable_disk_io()->mutable_spec()->set_file_bytes(FileBytes(io));
  order.mutable_disk_io()->set_directory(StressProcesses::FilesDirectory(id, undo.path()));
  return order;
}

void Survey(const v1::FaultSpec& spec, Host& host, std::function<void(Status)> done) {
  SurveyDisk(spec.disk_io().path(), host, std::move(done));
}

Capability Report(Host&) {
  return {CapabilityState::kAvailable, "on any file system that is not read-only", ""};
}

}  // namespace

DEFINE_STRESS_FAULT(disk_io, true, Survey);

}  // namespace faultd
