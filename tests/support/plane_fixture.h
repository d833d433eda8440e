#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "faults/net/plane.h"
#include "support/fake_clock.h"
#include "support/fake_kernel.h"

namespace faultd {

// A network plane over a fake kernel with the interfaces eth0 and eth1.
class PlaneFixture : public testing::Test {
 protected:
  explicit PlaneFixture(SteeringKind kind = SteeringKind::kNftables) : kernel(script, kind) {
    kernel.AddInterface("eth0");
    kernel.AddInterface("eth1", /*default_route=*/false);
    before = kernel.state();
  }

  static PacketMatch To(std::string_view cidr) {
    const IpPrefix prefix = *IpPrefix::Parse(cidr);
    return {AddressSet(prefix.address.family, {prefix.range()})};
  }
  static Packet PacketTo(std::string_view address) { return {*IpAddress::Parse(address)}; }
  static PacketEffect Delay(int ms) { return {.netem = {.delay = std::chrono::milliseconds(ms)}}; }
  static PacketEffect Loss(double share) { return {.netem = {.loss = share}}; }
  static PacketEffect Blackhole() { return {.blackhole = true, .netem = {}}; }

  static PlacedFault Place(const std::string& id, std::string_view cidr, PacketEffect effect,
                           std::vector<std::string> interfaces = {"eth0"},
                           std::vector<Direction> directions = {Direction::kEgress}) {
    return {{id, {{To(cidr)}, {}}, effect}, std::move(interfaces), std::move(directions)};
  }

  FakeKernel::Fate FateOf(std::string_view address, Direction direction = Direction::kEgress,
                          const std::string& interface = "eth0") const {
    return kernel.FateOf(interface, direction, PacketTo(address));
  }
  std::chrono::nanoseconds DelayTo(std::string_view address) const {
    return FateOf(address).netem.delay;
  }

  std::vector<std::string> LinksOfOurs() const {
    std::vector<std::string> names;
    for (const auto& [index, link] : kernel.state().links) {
      if (IsOurs(link)) names.push_back(link.name);
    }
    return names;
  }

  // Until it is seen gone.
  void RemoveFully(const std::string& id) {
    for (int i = 0; i < 1000; ++i) {
      auto gone = plane.Remove(id);
      ASSERT_EQ(gone.status(), absl::OkStatus());
      if (*gone) return;
      clock.Advance(std::chrono::milliseconds(2));
    }
    FAIL() << "never gone";
  }

  FakeScript script;
  FakeKernel kernel;
  FakeClock clock;
  KernelState before;
  NetworkPlane plane{kernel, clock};
};

}  // namespace faultd
