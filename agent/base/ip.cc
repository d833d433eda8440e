#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/numbers.h"

namespace faultd {
namespace {

absl::uint128 FromBytes(const unsigned char* bytes, size_t count) {
  absl::uint128 value = 0;
  for (size_t i = 0; i < count; ++i) value = (value << 8) | bytes[i];
  return value;
}

std::vector<IpRange> Normalise(std::vector<IpRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const IpRange& a, const IpRange& b) { return a.first < b.first; });
  std::vector<IpRange> result;
  for (const IpRange& range : ranges) {
    // `first - 1` cannot wrap: a range that begins at 0 is sorted first or overlaps the one before.
    if (!result.empty() &&
        (range.first <= result.back().last || range.first - 1 == result.back().last)) {
      result.back().last = std::max(result.back().last, range.last);
    } else {
      result.push_back(range);
    }
  }
  return result;
}

}  // namespace

StatusOr<IpAddress> IpAddress::Parse(std::string_view text) {
  // inet_pton stops at a zero; what comes behind it must not go unseen.
  const std::string copy(text.find('\0') == std::string_view::npos ? text : "");
  in_addr v4{};
  if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) return IpAddress{Family::kIpv4, ntohl(v4.s_addr)};
  in6_addr v6{};
  if (inet_pton(AF_INET6, copy.c_str(), &v6) == 1) {
    if (IN6_IS_ADDR_V4MAPPED(&v6)) return IpAddress{Family::kIpv4, FromBytes(v6.s6_addr + 12, 4)};
    return IpAddress{Family::kIpv6, FromBytes(v6.s6_addr, 16)};
  }
  return absl::InvalidArgumentError(StrCat("\"", text, "\" is not an IPv4 or IPv6 address"));
}

std::string IpAddress::ToString() const {
  char buffer[INET6_ADDRSTRLEN];
  unsigned char bytes[16];
  for (int i = 0; i < 16; ++i)
    bytes[i] = static_cast<unsigned char>(absl::Uint128Low64(value >> (8 * (15 - i))));
  const bool v4 = family == Family::kIpv4;
  inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + 12 : bytes, buffer, sizeof(buffer));
  return buffer;
}

int AddressBits(Family family) { return family == Family::kIpv4 ? 32 : 128; }

absl::uint128 MaxAddress(Family family) {
  return family == Family::kIpv4 ? absl::uint128(0xffffffffU) : absl::Uint128Max();
}

StatusOr<IpPrefix> IpPrefix::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  ASSIGN_OR_RETURN(const IpAddress address, IpAddress::Parse(text.substr(0, slash)));
  const int bits = AddressBits(address.family);
  int length = bits;
  const std::string_view digits = slash == std::string_view::npos ? "" : text.substr(slash + 1);
  // SimpleAtoi would take signs and white space.
  if (slash != std::string_view::npos &&
      (digits.find_first_not_of("0123456789") != std::string_view::npos ||
       !absl::SimpleAtoi(ToAbsl(digits), &length) || length > bits)) {
    return absl::InvalidArgumentError(
        StrCat("\"", text, "\" is not a CIDR: the prefix length must be 0 to ", bits));
  }
  IpPrefix prefix{address, length};
  prefix.address.value = prefix.range().first;
  return prefix;
}

IpRange IpPrefix::range() const {
  const absl::uint128 all = MaxAddress(address.family);
  // Shifting by all of the 128 bits is undefined.
  const absl::uint128 host_bits = length == AddressBits(address.family) ? 0 : all >> length;
  return {address.value & (all ^ host_bits), address.value | host_bits};
}

std::string IpPrefix::ToString() const {
  if (length == AddressBits(address.family)) return address.ToString();
  return StrCat(address.ToString(), "/", length);
}

AddressSet::AddressSet(Family family)
    : family_(family), ranges_(std::make_shared<const std::vector<IpRange>>()) {}

AddressSet::AddressSet(Family family, std::vector<IpRange> ranges)
    : family_(family),
      ranges_(std::make_shared<const std::vector<IpRange>>(Normalise(std::move(ranges)))) {}

AddressSet AddressSet::All(Family family) { return AddressSet(family, {{0, MaxAddress(family)}}); }

bool AddressSet::IsAll() const {
  return ranges_->size() == 1 && ranges_->front() == IpRange{0, MaxAddress(family_)};
}

bool AddressSet::Contains(absl::uint128 address) const {
  auto after = std::upper_bound(
      ranges_->begin(), ranges_->end(), address,
      [](absl::uint128 value, const IpRange& range) { return value < range.first; });
  return after != ranges_->begin() && address <= std::prev(after)->last;
}

AddressSet AddressSet::Union(const AddressSet& other) const {
  std::vector<IpRange> ranges = *ranges_;
  ranges.insert(ranges.end(), other.ranges_->begin(), other.ranges_->end());
  return AddressSet(family_, std::move(ranges));
}

AddressSet AddressSet::Intersect(const AddressSet& other) const {
  if (IsAll()) return other;
  if (other.IsAll() || ranges_ == other.ranges_) return *this;
  std::vector<IpRange> result;
  auto a = ranges_->begin();
  auto b = other.ranges_->begin();
  while (a != ranges_->end() && b != other.ranges_->end()) {
    const IpRange both{std::max(a->first, b->first), std::min(a->last, b->last)};
    if (both.first <= both.last) result.push_back(both);
    if (a->last < b->last) {
      ++a;
    } else {
      ++b;
    }
  }
  return AddressSet(family_, std::move(result));
}

AddressSet AddressSet::Subtract(const AddressSet& other) const {
  std::vector<IpRange> result;
  auto b = other.ranges_->begin();
  for (IpRange rest : *ranges_) {
    bool left = true;
    while (b != other.ranges_->end() && b->last < rest.first) ++b;
    for (auto hole = b; hole != other.ranges_->end() && hole->first <= rest.last; ++hole) {
      if (hole->first > rest.first) result.push_back({rest.first, hole->first - 1});
      if (hole->last >= rest.last) {
        left = false;
        break;
      }
      rest.first = hole->last + 1;
    }
    if (left) result.push_back(rest);
  }
  return AddressSet(family_, std::move(result));
}

}  // namespace faultd
