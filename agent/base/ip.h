#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/numeric/int128.h"
#include "base/status.h"

namespace faultd {

enum class Family : uint8_t { kIpv4, kIpv6 };

// An IPv4 or IPv6 address; `value` is the address as a number in host order.
struct IpAddress {
  Family family = Family::kIpv4;
  absl::uint128 value = 0;

  // Textual form of RFC 791 / RFC 5952; INVALID_ARGUMENT otherwise. IPv4-mapped IPv6 addresses are
  // taken as the IPv4 addresses they stand for.
  static StatusOr<IpAddress> Parse(std::string_view text);
  std::string ToString() const;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// Inclusive range of addresses of one family.
struct IpRange {
  absl::uint128 first = 0;
  absl::uint128 last = 0;
  friend bool operator==(const IpRange&, const IpRange&) = default;
};

// A CIDR. Bits of the address beyond the prefix are cleared.
struct IpPrefix {
  IpAddress address;
  int length = 0;

  // "10.0.0.0/8", or a bare address (then of full length).
  static StatusOr<IpPrefix> Parse(std::string_view text);
  IpRange range() const;
  std::string ToString() const;
};

// Number of bits of an address, and the highest address, of a family.
int AddressBits(Family family);
absl::uint128 MaxAddress(Family family);

// A set of addresses of one family, kept as sorted, disjoint, non-adjacent ranges. A value; copies
// share their ranges.
class AddressSet {
 public:
  // The empty set.
  explicit AddressSet(Family family);
  AddressSet(Family family, std::vector<IpRange> ranges);  // in any order, may overlap
  static AddressSet All(Family family);

  Family family() const { return family_; }
  const std::vector<IpRange>& ranges() const { return *ranges_; }
  bool empty() const { return ranges_->empty(); }
  bool IsAll() const;
  bool Contains(absl::uint128 address) const;

  AddressSet Union(const AddressSet& other) const;
  AddressSet Intersect(const AddressSet& other) const;
  AddressSet Subtract(const AddressSet& other) const;

  friend bool operator==(const AddressSet& a, const AddressSet& b) {
    return a.family_ == b.family_ && (a.ranges_ == b.ranges_ || *a.ranges_ == *b.ranges_);
  }

 private:
  Family family_;
  std::shared_ptr<const std::vector<IpRange>> ranges_;
};

}  // namespace faultd
