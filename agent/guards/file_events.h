#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/status.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace faultd {

// Looks for files, and tells when one may have appeared (inotify(7)). That is only a hint, sooner
// than the next look: a directory may not be there yet, or the kernel may have no watch left to
// give.
class FileEvents {
 public:
  // For as long as one of these lives, each path is looked at once: many faults have the same file.
  class SharedLook {
   public:
    explicit SharedLook(FileEvents& events) : events_(events) { events_.looks_.emplace(); }
    ~SharedLook() { events_.looks_.reset(); }
    SharedLook(const SharedLook&) = delete;
    SharedLook& operator=(const SharedLook&) = delete;

   private:
    FileEvents& events_;
  };

  FileEvents(boost::asio::io_context& context, std::function<void()> changed)
      : context_(context), changed_(std::move(changed)) {}

  // Whether there is something of this name. Calls `changed` when something of this name appears in
  // its directory, from now on or, if it was asked for before, as before. Cheap enough to be asked
  // again every second, and must be: a directory that came after the first time is seen only then.
  StatusOr<bool> IsThere(const std::string& path);
  // Follows nothing any more.
  void Clear();

 private:
  void Follow(const std::string& path);
  void Wait();
  void Read();

  boost::asio::io_context& context_;
  std::function<void()> changed_;
  std::shared_ptr<boost::asio::posix::stream_descriptor> inotify_;
  std::set<std::string, std::less<>> names_;
  std::optional<std::map<std::string, StatusOr<bool>>> looks_;  // while there is a SharedLook
};

}  // namespace faultd
