#include "faults/stress/disk_room.h"

#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "base/units.h"

namespace faultd {
namespace {

bool IsBelow(std::string_view path, std::string_view folder) {
  return folder == "/" || path == folder ||
         (path.starts_with(folder) && path.substr(folder.size()).starts_with('/'));
}

// Both without symbolic links: `path` is that of the directory which was opened, and the stress
// process follows none on its way there.
Status CheckPath(const std::string& path, std::string_view field, Host& host) {
  if (!host.stress_policy.paths) return absl::OkStatus();
  for (const std::string& folder : *host.stress_policy.paths) {
    const auto allowed = host.file_systems->Of(folder);
    if (allowed.ok() && IsBelow(path, allowed->path)) return absl::OkStatus();
  }
  return DeniedError(
      "stress.paths",
      StrCat(field, ": ", path,
             " is in no directory that this host's policy allows (rule stress.paths: ",
             absl::StrJoin(*host.stress_policy.paths, ", "), "); name one below these"));
}

Status NoFileSystems() {
  return absl::FailedPreconditionError("this program injects nothing; faultd does");
}

}  // namespace

StressFiles DiskRoom::Files(bool named) const {
  // NFS gives a name to a file that has none any more as long as it is open.
  const bool outlive = named || facts.type == "nfs";
  // What is on a tmpfs goes when that is unmounted; an overlay, with the container that it is of.
  const bool comes_back = facts.type != "tmpfs" && facts.type != "overlayfs";
  return {facts.path, outlive && comes_back ? facts.mount_point : ""};
}

void SurveyDisk(const std::string& directory, Host& host, std::function<void(Status)> done) {
  if (host.file_systems == nullptr) return done(NoFileSystems());
  std::vector<std::string> directories =
      host.stress_policy.paths.value_or(std::vector<std::string>());
  directories.push_back(directory);
  if (!host.journal_directory.empty()) directories.push_back(host.journal_directory);
  host.file_systems->Look(directories, [done = std::move(done)] { done(absl::OkStatus()); });
}

StatusOr<DiskRoom> FindDiskRoom(const std::string& directory, std::string_view field, Host& host) {
  // Enough for as many records as there can be faults.
  constexpr uint64_t kJournalInodes = 2048;
  if (host.file_systems == nullptr) return NoFileSystems();
  DiskRoom room;
  auto facts = host.file_systems->Of(directory);
  if (absl::IsNotFound(facts.status()))
    return PreconditionError("PATH", directory,
                             StrCat(field, ": there is no directory ", directory));
  RETURN_IF_ERROR(Annotate(facts.status(), field));
  room.facts = *std::move(facts);
  if (room.facts.pseudo) {
    return PreconditionError("PATH", directory,
                             StrCat(field, ": ", directory, " is on a file system of type ",
                                    room.facts.type, ", which is no place for files"));
  }
  if (room.facts.read_only) {
    return PreconditionError(
        "PATH", directory,
        StrCat(field, ": ", directory, " is on a file system that is mounted read-only"));
  }
  RETURN_IF_ERROR(CheckPath(room.facts.path, field, host));
  if (host.journal_directory.empty()) return room;
  ASSIGN_OR_RETURN(const FileSystemFacts journal, host.file_systems->Of(host.journal_directory));
  if (journal.device == room.facts.device) {
    room.keep_free = host.stress_policy.journal_reserve;
    room.keep_inodes = kJournalInodes;
  }
  return room;
}

std::string WordsFor(const DiskRoom& room) {
  std::string words = StrCat(FormatSize(room.facts.free_bytes), " are free");
  if (room.keep_free > 0)
    StrAppend(&words, ", of which ", FormatSize(room.keep_free), " are kept for the journal");
  return words;
}

}  // namespace faultd
