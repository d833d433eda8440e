#pragma once

#include <cstddef>

#include "base/unique_fd.h"

namespace faultd::bench {

// The near end's interface, in the caller's network namespace.
inline constexpr char kNearInterface[] = "near0";

// Two network namespaces joined by a veth pair, with a TCP connection and a pair of UDP sockets
// across it. All is sent and received by the caller's thread, so that what is measured is the way
// through the kernel and not how soon somebody is woken up.
class Path {
 public:
  Path();
  ~Path();
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

  // To the far end, until it has read all of it.
  void SendTcp(size_t bytes);
  // One datagram there and back.
  void RoundTrip();

 private:
  void OpenFarEnd();
  void Connect();

  UniqueFd listener_, far_udp_;
  UniqueFd near_tcp_, far_tcp_, near_udp_;
};

}  // namespace faultd::bench
