#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace faultd {

// Tells when a file may have appeared (inotify(7)). That is only a hint, sooner than the next look:
// a directory may not be there yet, or the kernel may have no watch left to give.
class FileEvents {
 public:
  FileEvents(boost::asio::io_context& context, std::function<void()> changed)
      : context_(context), changed_(std::move(changed)) {}

  // Calls `changed` when a file of this name appears in its directory, from now on or, if it was
  // followed already, as before. Cheap enough to be called again every second, and must be: a
  // directory that came after the first time is seen only then.
  void Follow(const std::string& path);
  // Follows nothing any more.
  void Clear();

 private:
  void Wait();
  void Read();

  boost::asio::io_context& context_;
  std::function<void()> changed_;
  std::shared_ptr<boost::asio::posix::stream_descriptor> inotify_;
  std::set<std::string, std::less<>> names_;
};

}  // namespace faultd
