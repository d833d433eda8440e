#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "faultd/v1/journal.pb.h"
#include "kernel/directory.h"

namespace faultd {

// The undo records on disk, one file per fault (journal.proto has the format). A record is written
// before the host is changed and removed after the host was seen to be as before. Used from any
// thread, as a Directory is.
class Journal {
 public:
  explicit Journal(Directory& directory) : directory_(directory) {}

  // On disk when it returns.
  Status Write(const v1::JournalRecord& record);
  // Does not wait for the disk. A record that is there again after a loss of power has its fault
  // reverted once more, which changes nothing on this host.
  Status Remove(const std::string& id);
  // What was removed stays removed from now on.
  Status Sync();

  struct Content {
    std::vector<v1::JournalRecord> records;
    // Names of files that are no records, with what is wrong with them.
    std::vector<std::pair<std::string, Status>> unreadable;
  };
  StatusOr<Content> ReadAll();

  // Renames a file that is no record so that it is kept but not read again.
  Status SetAside(const std::string& name);
  // Names of files that were set aside.
  StatusOr<std::vector<std::string>> ListSetAside();

  static std::string FileOf(const std::string& id);

 private:
  Directory& directory_;
};

// The file format, apart from the file. DATA_LOSS when damaged.
std::string EncodeRecord(const v1::JournalRecord& record);
StatusOr<v1::JournalRecord> DecodeRecord(std::string_view content);

}  // namespace faultd
