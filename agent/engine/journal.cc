#include "engine/journal.h"

#include <zlib.h>

#include <cstring>

#include "base/strings.h"

namespace faultd {
namespace {

constexpr std::string_view kMagic = "faultd-record 1\n";
constexpr std::string_view kSuffix = ".record";
constexpr std::string_view kAsideSuffix = ".aside";
constexpr size_t kHeaderSize = kMagic.size() + 8;

void PutLe32(std::string& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

uint32_t GetLe32(std::string_view in) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i)
    value |= static_cast<uint32_t>(static_cast<uint8_t>(in[i])) << (8 * i);
  return value;
}

uint32_t Checksum(std::string_view data) {
  return static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(data.size())));
}

// An error of the disk may be over at once; what is set aside for it would never be reverted.
StatusOr<std::string> ReadPatiently(Directory& directory, const std::string& name) {
  constexpr int kAttempts = 3;
  StatusOr<std::string> file = directory.Read(name);
  for (int attempt = 1; attempt < kAttempts && ErrnoOf(file.status()) != 0; ++attempt)
    file = directory.Read(name);
  return file;
}

}  // namespace

std::string EncodeRecord(const v1::JournalRecord& record) {
  const std::string body = record.SerializeAsString();
  std::string content(kMagic);
  PutLe32(content, static_cast<uint32_t>(body.size()));
  PutLe32(content, Checksum(body));
  return content + body;
}

StatusOr<v1::JournalRecord> DecodeRecord(std::string_view content) {
  if (!content.starts_with(kMagic) || content.size() < kHeaderSize) {
    return absl::DataLossError("does not begin like a record of this version");
  }
  const std::string_view body = content.substr(kHeaderSize);
  const uint32_t size = GetLe32(content.substr(kMagic.size()));
  if (body.size() != size) {
    return absl::DataLossError(StrCat("has ", body.size(), " bytes of content instead of ", size));
  }
  if (Checksum(body) != GetLe32(content.substr(kMagic.size() + 4))) {
    return absl::DataLossError("checksum does not match");
  }
  v1::JournalRecord record;
  if (!record.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return absl::DataLossError("content is no record");
  }
  return record;
}

std::string Journal::FileOf(const std::string& id) { return StrCat(id, kSuffix); }

Status Journal::Write(const v1::JournalRecord& record) {
  const std::string attempt = StrCat("write undo record of ", record.id());
  const std::string content = EncodeRecord(record);
  // Text that is no UTF-8 can be written and not be read, and then nobody could put the host back.
  RETURN_IF_ERROR(Annotate(DecodeRecord(content).status(), attempt));
  return Annotate(directory_.Write(FileOf(record.id()), content), attempt);
}

Status Journal::Remove(const std::string& id) {
  return Annotate(directory_.Remove(FileOf(id)), StrCat("remove undo record of ", id));
}

Status Journal::Sync() { return Annotate(directory_.Sync(), "sync the journal"); }

StatusOr<Journal::Content> Journal::ReadAll() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, directory_.List());
  Content content;
  for (const std::string& name : names) {
    if (name.ends_with(kAsideSuffix)) continue;
    Status problem = absl::DataLossError("is not named like a record");
    if (name.ends_with(kSuffix)) {
      StatusOr<std::string> file = ReadPatiently(directory_, name);
      StatusOr<v1::JournalRecord> record = file.ok() ? DecodeRecord(*file) : file.status();
      problem = record.status();
      if (record.ok() && FileOf(record->id()) != name) {
        problem = absl::DataLossError(StrCat("holds the record of ", record->id()));
      }
      if (problem.ok()) content.records.push_back(*std::move(record));
    }
    if (!problem.ok())
      content.unreadable.emplace_back(name, Annotate(problem, StrCat("record ", name)));
  }
  return content;
}

Status Journal::SetAside(const std::string& name) {
  return Annotate(directory_.Rename(name, StrCat(name, kAsideSuffix)),
                  StrCat("set record ", name, " aside"));
}

StatusOr<std::vector<std::string>> Journal::ListSetAside() {
  ASSIGN_OR_RETURN(std::vector<std::string> names, directory_.List());
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(kAsideSuffix); });
  return names;
}

}  // namespace faultd
