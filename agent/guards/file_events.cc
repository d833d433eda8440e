#include "guards/file_events.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"

namespace faultd {
namespace {

StatusOr<bool> Look(const std::string& path) {
  struct stat found{};
  if (lstat(path.c_str(), &found) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return ErrnoStatus(errno, StrCat("look for file ", path));
}

}  // namespace

StatusOr<bool> FileEvents::IsThere(const std::string& path) {
  if (looks_) {
    if (const auto known = looks_->find(path); known != looks_->end()) return known->second;
  }
  // First, so that nothing appears unseen between the look and the watch.
  Follow(path);
  StatusOr<bool> there = Look(path);
  if (looks_) looks_->emplace(path, there);
  return there;
}

void FileEvents::Follow(const std::string& path) {
  if (inotify_ == nullptr) {
    const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) return;
    inotify_ = std::make_shared<boost::asio::posix::stream_descriptor>(context_, fd);
    Wait();
  }
  const size_t slash = path.rfind('/');
  const std::string directory = slash == 0 ? "/" : path.substr(0, slash);
  names_.insert(path.substr(slash + 1));
  // The same watch as before if the directory is the same.
  inotify_add_watch(inotify_->native_handle(), directory.c_str(),
                    IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

void FileEvents::Clear() {
  inotify_.reset();
  names_.clear();
}

void FileEvents::Wait() {
  // An event that has come may be delivered after Clear, or after the end of this object.
  inotify_->async_wait(
      boost::asio::posix::stream_descriptor::wait_read,
      [this, alive = std::weak_ptr(inotify_)](const boost::system::error_code& error) {
        if (error || alive.expired()) return;
        Read();
        Wait();
      });
}

void FileEvents::Read() {
  alignas(inotify_event) char buffer[16 << 10];
  const ssize_t got = read(inotify_->native_handle(), buffer, sizeof(buffer));
  bool ours = false;
  for (ssize_t at = 0; at < got;) {
    inotify_event event;
    std::memcpy(&event, buffer + at, sizeof(event));
    const char* name = buffer + at + sizeof(event);
    ours = ours || (event.mask & IN_Q_OVERFLOW) != 0 ||
           (event.len > 0 && names_.contains(std::string_view(name)));
    at += static_cast<ssize_t>(sizeof(event) + event.len);
  }
  if (ours) changed_();
}

}  // namespace faultd
