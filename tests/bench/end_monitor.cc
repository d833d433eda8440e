#include "bench/end_monitor.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <vector>

#include "bench/require.h"
#include "kernel/netlink.h"

namespace faultd::bench {
namespace {

constexpr timeval kLookAround{.tv_sec = 0, .tv_usec = 200'000};
constexpr std::chrono::seconds kPatience{30};
constexpr int kBufferBytes = 64 << 20;
constexpr int kGroup = NFNLGRP_NFTABLES;

std::string DeletedObject(const nlmsghdr* header) {
  std::string name;
  if (header->nlmsg_type != ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_DELOBJ)) return name;
  ForEachAttribute(AttributesOf(header, sizeof(nfgenmsg)),
                   [&](int type, std::span<const std::byte> data) {
                     if (type == NFTA_OBJ_NAME) name = PayloadString(data);
                   });
  return name;
}

}  // namespace

EndMonitor::EndMonitor() : socket_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)) {
  const sockaddr_nl address{.nl_family = AF_NETLINK};
  if (!socket_.valid() ||
      bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &kLookAround, sizeof(kLookAround)) != 0 ||
      setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof(kBufferBytes)) !=
          0) {
    Require(ErrnoStatus(errno, "open a socket to monitor nftables"));
  }
  thread_ = std::thread([this] { Receive(); });
}

EndMonitor::~EndMonitor() {
  stopping_ = true;
  thread_.join();
}

void EndMonitor::Expect(const std::string& id) {
  const std::lock_guard lock(mutex_);
  id_ = id;
  ended_.reset();
  if (setsockopt(socket_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &kGroup, sizeof(kGroup)) != 0)
    Require(ErrnoStatus(errno, "monitor nftables"));
}

BootTime EndMonitor::Wait() {
  std::unique_lock lock(mutex_);
  const bool seen = changed_.wait_for(lock, kPatience, [this] { return ended_.has_value(); });
  setsockopt(socket_.get(), SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &kGroup, sizeof(kGroup));
  if (!seen) throw std::runtime_error("the rules of fault " + id_ + " did not go");
  return *ended_;
}

void EndMonitor::Receive() {
  std::vector<char> buffer(1 << 20);
  while (!stopping_) {
    const ssize_t size = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    const BootTime now = SystemClock().Now();
    auto rest = static_cast<unsigned>(std::max<ssize_t>(size, 0));
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(header, rest);
         header = NLMSG_NEXT(header, rest)) {
      const std::string name = DeletedObject(header);
      const std::lock_guard lock(mutex_);
      if (name.empty() || name != id_ || ended_) continue;
      ended_ = now;
      changed_.notify_all();
    }
  }
}

std::chrono::nanoseconds LatenessOf(const std::string& id, Daemon& daemon, EndMonitor& monitor) {
  monitor.Expect(id);
  const BootTime deadline = daemon.DeadlineOf(id);
  const auto lateness = monitor.Wait() - deadline;
  daemon.WaitUntilOver(id);
  return lateness;
}

}  // namespace faultd::bench
