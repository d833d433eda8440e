#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "kernel/links.h"
#include "kernel/netlink.h"

namespace faultd {

// Deletes links on a thread of its own, so that nobody waits for the kernel's grace period. What is
// asked for while one deletion runs is deleted together.
class BackgroundDeleter {
 public:
  // The socket tells which network namespace the links are in.
  explicit BackgroundDeleter(NetlinkSocket socket);
  ~BackgroundDeleter();  // finishes first what was asked for

  void Delete(const std::vector<int>& indices);

 private:
  bool HasThread();
  void Run();
  void DeleteWaiting();

  NetlinkSocket socket_;  // the thread's
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> waiting_;
  bool stopping_ = false;
  std::thread thread_;  // started by the first Delete
};

// Links by rtnetlink.
class LinuxLinks final : public Links {
 public:
  static StatusOr<std::unique_ptr<LinuxLinks>> Open();

  StatusOr<std::vector<Link>> List() override;
  StatusOr<Link> Get(std::string_view name) override;
  StatusOr<std::vector<Link>> DefaultRouteLinks() override;
  StatusOr<Link> CreateIfb(std::string_view name, bool up) override;
  Status Delete(const std::vector<int>& indices) override;
  void DeleteInBackground(std::vector<int> indices) override;
  uint64_t SpeedBps(const Link& link) override;

 private:
  LinuxLinks(NetlinkSocket socket, NetlinkSocket background_socket, UniqueFd ioctl_socket);

  NetlinkSocket socket_;
  UniqueFd ioctl_socket_;
  BackgroundDeleter background_;
};

// The network interfaces of the caller's network namespace.
StatusOr<std::unique_ptr<Links>> OpenLinks();

}  // namespace faultd
