#include "aws/metric_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/file_io.h"
#include "base/log.h"
#include "base/threads.h"
#include "base/unique_fd.h"

namespace faultd {

MetricStore::~MetricStore() {
  if (writer_.joinable()) writer_.join();
}

StatusOr<std::string> MetricStore::Load() const {
  UniqueFd fd(open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open ", path_));
  return ReadAll(fd.get(), kMostBytes, path_);
}

bool MetricStore::SaveSoon(std::function<std::string()> make) {
  if (path_.empty()) return true;
  if (writing_.exchange(true)) return false;
  if (writer_.joinable()) writer_.join();
  StatusOr<std::thread> writer = StartThread([this, make = std::move(make)] {
    KeepStandardDescriptors().IgnoreError();
    if (const Status status = Write(make()); !status.ok()) {
      spdlog::warn("not kept over a restart: {}", std::string(status.message()));
    }
    writing_ = false;
  });
  if (writer.ok()) {
    writer_ = *std::move(writer);
  } else {
    spdlog::warn("not kept over a restart: {}: {}", path_, std::string(writer.status().message()));
    writing_ = false;
  }
  return true;
}

Status MetricStore::Save(const std::string& document) {
  if (path_.empty()) return absl::OkStatus();
  if (writer_.joinable()) writer_.join();
  return Write(document);
}

Status MetricStore::Write(const std::string& document) const {
  if (document.empty()) {
    if (unlink(path_.c_str()) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, StrCat("remove ", path_));
    }
    return absl::OkStatus();
  }
  if (document.size() > kMostBytes) {
    return absl::ResourceExhaustedError(
        StrCat("write ", path_, ": more than ", kMostBytes, " bytes"));
  }
  const std::string draft = path_ + ".new";
  unlink(draft.c_str());  // whatever it is, it is not written to
  UniqueFd fd(open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("create ", draft));
  Status status = WriteAll(fd.get(), document, draft);
  if (status.ok() && rename(draft.c_str(), path_.c_str()) != 0) {
    status = ErrnoStatus(errno, StrCat("rename ", draft));
  }
  if (!status.ok()) unlink(draft.c_str());
  return status;
}

}  // namespace faultd
