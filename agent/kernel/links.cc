#include "kernel/links.h"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <new>
#include <utility>

#include "base/threads.h"
#include "kernel/link_messages.h"
#include "kernel/links_linux.h"
#include "kernel/modules.h"

namespace faultd {
namespace {

// The kernel has made an ifb for this process, so the module is there.
std::atomic<bool> ifb_known = false;

}  // namespace

bool IsOurs(const Link& link) {
  return link.kind == "ifb" &&
         (link.group == kLinkGroup || link.group == kLinkTrashGroup || link.alias == kLinkAlias);
}

BackgroundDeleter::BackgroundDeleter(NetlinkSocket socket) : socket_(std::move(socket)) {}

BackgroundDeleter::~BackgroundDeleter() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void BackgroundDeleter::Delete(const std::vector<int>& indices) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.insert(waiting_.end(), indices.begin(), indices.end());
  }
  if (!HasThread()) return DeleteWaiting();
  changed_.notify_one();
}

bool BackgroundDeleter::HasThread() {
  if (thread_.joinable()) return true;
  StatusOr<std::thread> thread = StartThread([this] { Run(); });
  if (!thread.ok()) {
    spdlog::warn("delete links in the background: {}", ToStd(thread.status().message()));
    return false;
  }
  thread_ = *std::move(thread);
  return true;
}

void BackgroundDeleter::Run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
    }
    DeleteWaiting();
  }
}

void BackgroundDeleter::DeleteWaiting() {
  std::vector<int> indices;
  {
    const std::lock_guard lock(mutex_);
    indices.swap(waiting_);
  }
  const Status status = DeleteOurLinks(socket_, indices);
  if (!status.ok()) spdlog::error("delete links: {}", ToStd(status.message()));
}

LinuxLinks::LinuxLinks(NetlinkSocket socket, NetlinkSocket background_socket, UniqueFd ioctl_socket)
    : socket_(std::move(socket)),
      ioctl_socket_(std::move(ioctl_socket)),
      background_(std::move(background_socket)) {}

StatusOr<std::unique_ptr<LinuxLinks>> LinuxLinks::Open() {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_ROUTE));
  ASSIGN_OR_RETURN(NetlinkSocket background, NetlinkSocket::Open(NETLINK_ROUTE));
  UniqueFd ioctl_socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!ioctl_socket.valid()) return ErrnoStatus(errno, "open socket for ethtool");
  return std::unique_ptr<LinuxLinks>(
      new LinuxLinks(std::move(socket), std::move(background), std::move(ioctl_socket)));
}

StatusOr<std::vector<Link>> LinuxLinks::List() { return DumpLinks(socket_); }

StatusOr<Link> LinuxLinks::Get(std::string_view name) { return GetLink(socket_, name); }

StatusOr<std::vector<Link>> LinuxLinks::DefaultRouteLinks() {
  ASSIGN_OR_RETURN(const std::vector<int> indices, DumpDefaultRoutes(socket_));
  if (indices.empty()) return std::vector<Link>();
  ASSIGN_OR_RETURN(std::vector<Link> links, DumpLinks(socket_));
  std::erase_if(links, [&](const Link& link) {
    return std::find(indices.begin(), indices.end(), link.index) == indices.end();
  });
  std::sort(links.begin(), links.end(),
            [](const Link& a, const Link& b) { return a.name < b.name; });
  return links;
}

StatusOr<Link> LinuxLinks::CreateIfb(std::string_view name, bool up) {
  // Left to itself, ifb makes two links when it is loaded, and they would stay. An error here is
  // none: the kernel may have it built in, and says below if it has not.
  if (!ifb_known && access("/sys/module/ifb", F_OK) != 0)
    LoadModule("ifb", "numifbs=0").IgnoreError();
  const Status added = AddIfb(socket_, name);
  // What rtnl_newlink() answers when nobody has registered the kind.
  if (ErrnoOf(added) == EOPNOTSUPP) RETURN_IF_ERROR(LoadMissingModule("ifb"));
  RETURN_IF_ERROR(added);
  ifb_known = true;
  const auto tag_and_get = [&]() -> StatusOr<Link> {
    RETURN_IF_ERROR(TagLink(socket_, name, up));
    return GetLink(socket_, name);
  };
  StatusOr<Link> link = tag_and_get();
  if (link.ok()) return link;
  Status failure = link.status();
  if (auto half_made = GetLink(socket_, name); half_made.ok()) {
    MergeStatus(failure, Delete({half_made->index}));
  }
  return failure;
}

Status LinuxLinks::Delete(const std::vector<int>& indices) {
  return DeleteOurLinks(socket_, indices);
}

void LinuxLinks::DeleteInBackground(std::vector<int> indices) {
  if (!indices.empty()) background_.Delete(indices);
}

uint64_t LinuxLinks::SpeedBps(const Link& link) {
  // Behind the settings the kernel writes three bit masks of at most 127 words.
  alignas(ethtool_link_settings)
      std::array<std::byte, sizeof(ethtool_link_settings) + 3 * (127 * sizeof(uint32_t))>
          buffer{};
  auto* settings = new (buffer.data()) ethtool_link_settings{};
  ifreq request{};
  link.name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(buffer.data());
  const auto ask = [&] {
    settings->cmd = ETHTOOL_GLINKSETTINGS;
    return ioctl(ioctl_socket_.get(), SIOCETHTOOL, &request) == 0;
  };
  // The first answer tells only the masks' size, as a negative number (ethtool.h).
  if (!ask() || settings->link_mode_masks_nwords >= 0) return 0;
  settings->link_mode_masks_nwords = static_cast<int8_t>(-settings->link_mode_masks_nwords);
  if (!ask() || settings->speed == static_cast<uint32_t>(SPEED_UNKNOWN)) return 0;
  return settings->speed * uint64_t{1'000'000};
}

StatusOr<std::unique_ptr<Links>> OpenLinks() { return LinuxLinks::Open(); }

}  // namespace faultd
