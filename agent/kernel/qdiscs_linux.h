#pragma once

#include <memory>

#include "kernel/netlink.h"
#include "kernel/qdiscs.h"

namespace faultd {

// Qdiscs by rtnetlink.
class LinuxQdiscs final : public Qdiscs {
 public:
  explicit LinuxQdiscs(NetlinkSocket socket);

  Status SetNetem(int ifindex, const Netem& netem) override;
  StatusOr<std::map<int, NetemState>> ListNetem() override;

 private:
  NetlinkSocket socket_;
};

// The qdiscs of the links in the caller's network namespace.
StatusOr<std::unique_ptr<Qdiscs>> OpenQdiscs();

}  // namespace faultd
