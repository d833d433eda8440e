#include "base/ip.h"

#include <gtest/gtest.h>

#include <bitset>
#include <random>

namespace faultd {
namespace {

std::string Canonical(std::string_view text) {
  auto address = IpAddress::Parse(text);
  return address.ok() ? address->ToString() : std::string(address.status().message());
}

std::string CanonicalPrefix(std::string_view text) {
  auto prefix = IpPrefix::Parse(text);
  return prefix.ok() ? prefix->ToString() : std::string(prefix.status().message());
}

TEST(IpAddress, TextBehindAZeroIsNotPassedOver) {
  EXPECT_FALSE(IpAddress::Parse(std::string_view("10.0.0.1\0x", 10)).ok());
}

TEST(IpAddressTest, ParsesAndPrintsTheShortestForm) {
  EXPECT_EQ(Canonical("10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(Canonical("0.0.0.0"), "0.0.0.0");
  EXPECT_EQ(Canonical("255.255.255.255"), "255.255.255.255");
  EXPECT_EQ(Canonical("2001:0DB8:0:0:0:0:0:0005"), "2001:db8::5");
  EXPECT_EQ(Canonical("::"), "::");
  EXPECT_EQ(Canonical("::1"), "::1");
}

TEST(IpAddressTest, IsANumberInHostOrder) {
  EXPECT_EQ(*IpAddress::Parse("10.1.2.3"), (IpAddress{Family::kIpv4, 0x0a010203}));
  EXPECT_EQ(*IpAddress::Parse("2001:db8::5"),
            (IpAddress{Family::kIpv6, absl::MakeUint128(0x20010db800000000, 5)}));
}

TEST(IpAddressTest, AMappedAddressIsTheIpv4AddressItStandsFor) {
  EXPECT_EQ(*IpAddress::Parse("::ffff:10.0.0.1"), *IpAddress::Parse("10.0.0.1"));
}

TEST(IpAddressTest, RefusesWhatIsNoAddress) {
  for (const std::string text : {"", "10.0.0", "10.0.0.256", "10.0.0.1 ", "1.2.3.4.5", "010.0.0.1",
                                 "2001:db8:::5", "example.com", "fe80::1%eth0", "10.0.0.0/8"}) {
    EXPECT_EQ(Canonical(text), "\"" + text + "\" is not an IPv4 or IPv6 address");
  }
}

TEST(IpPrefixTest, ClearsTheBitsBeyondThePrefix) {
  EXPECT_EQ(CanonicalPrefix("10.1.2.3/8"), "10.0.0.0/8");
  EXPECT_EQ(CanonicalPrefix("10.1.2.3/0"), "0.0.0.0/0");
  EXPECT_EQ(CanonicalPrefix("10.1.2.3/32"), "10.1.2.3");
  EXPECT_EQ(CanonicalPrefix("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(CanonicalPrefix("2001:db8:1::/33"), "2001:db8::/33");
  EXPECT_EQ(CanonicalPrefix("2001:db8::5/0"), "::/0");
  EXPECT_EQ(CanonicalPrefix("2001:db8::5"), "2001:db8::5");
}

TEST(IpPrefixTest, RefusesWhatIsNoCidr) {
  EXPECT_EQ(CanonicalPrefix("10.0.0.0/33"),
            "\"10.0.0.0/33\" is not a CIDR: the prefix length must be 0 to 32");
  for (const std::string length : {"", "-1", "+8", " 8", "8 ", "x", "8/8", "4294967296"}) {
    EXPECT_EQ(CanonicalPrefix("10.0.0.0/" + length),
              "\"10.0.0.0/" + length + "\" is not a CIDR: the prefix length must be 0 to 32");
  }
  EXPECT_EQ(CanonicalPrefix("2001:db8::/129"),
            "\"2001:db8::/129\" is not a CIDR: the prefix length must be 0 to 128");
  EXPECT_EQ(CanonicalPrefix("db/8"), "\"db\" is not an IPv4 or IPv6 address");
}

TEST(IpPrefixTest, IsARange) {
  EXPECT_EQ(IpPrefix::Parse("10.0.0.0/8")->range(), (IpRange{0x0a000000, 0x0affffff}));
  EXPECT_EQ(IpPrefix::Parse("0.0.0.0/0")->range(), (IpRange{0, 0xffffffff}));
  EXPECT_EQ(IpPrefix::Parse("::/0")->range(), (IpRange{0, absl::Uint128Max()}));
  EXPECT_EQ(IpPrefix::Parse("::1")->range(), (IpRange{1, 1}));
}

TEST(AddressSetTest, JoinsRangesThatOverlapOrTouch) {
  EXPECT_EQ(AddressSet(Family::kIpv4, {{5, 9}, {1, 2}, {3, 4}, {11, 12}, {8, 9}}).ranges(),
            (std::vector<IpRange>{{1, 9}, {11, 12}}));
}

TEST(AddressSetTest, AllAndEmpty) {
  for (Family family : {Family::kIpv4, Family::kIpv6}) {
    const AddressSet all = AddressSet::All(family);
    const AddressSet none(family);
    EXPECT_TRUE(all.IsAll());
    EXPECT_FALSE(all.empty());
    EXPECT_TRUE(none.empty());
    EXPECT_FALSE(none.IsAll());
    EXPECT_TRUE(all.Contains(0));
    EXPECT_TRUE(all.Contains(MaxAddress(family)));
    EXPECT_EQ(all.Subtract(all), none);
    EXPECT_EQ(all.Subtract(none), all);
    EXPECT_EQ(none.Union(all), all);
    EXPECT_EQ(none.Intersect(all), none);
  }
}

// Against sets of 64 addresses kept as bits, at the bottom and at the top of the address space,
// where arithmetic could wrap.
class AddressSetPropertyTest : public ::testing::TestWithParam<std::pair<Family, bool>> {
 protected:
  static constexpr size_t kSize = 64;
  using Model = std::bitset<kSize>;

  absl::uint128 base() const {
    const auto [family, top] = GetParam();
    return top ? MaxAddress(family) - (kSize - 1) : absl::uint128(0);
  }

  std::pair<AddressSet, Model> Random() {
    std::vector<IpRange> ranges;
    Model model;
    for (auto left = random_() % 6; left > 0; --left) {
      const size_t first = random_() % kSize;
      const size_t last = std::min(kSize - 1, first + random_() % 12);
      ranges.push_back({base() + first, base() + last});
      for (size_t i = first; i <= last; ++i) model.set(i);
    }
    return {AddressSet(GetParam().first, ranges), model};
  }

  void ExpectEqual(const AddressSet& set, const Model& model) {
    Model seen;
    for (size_t i = 0; i < kSize; ++i) seen.set(i, set.Contains(base() + i));
    ASSERT_EQ(seen, model);
    for (size_t i = 0; i < set.ranges().size(); ++i) {
      const IpRange& range = set.ranges()[i];
      ASSERT_LE(range.first, range.last);
      ASSERT_GE(range.first, base());
      ASSERT_LE(range.last, base() + (kSize - 1));
      if (i > 0) {
        ASSERT_GT(range.first - set.ranges()[i - 1].last, 1U);
      }
    }
  }

  std::mt19937 random_{20240607};
};

TEST_P(AddressSetPropertyTest, BehavesAsASetOfAddresses) {
  for (int round = 0; round < 5000; ++round) {
    const auto [a, model_a] = Random();
    const auto [b, model_b] = Random();
    ExpectEqual(a, model_a);
    ExpectEqual(a.Union(b), model_a | model_b);
    ExpectEqual(a.Intersect(b), model_a & model_b);
    ExpectEqual(a.Subtract(b), model_a & ~model_b);
    ASSERT_EQ(a == b, model_a == model_b);
    ASSERT_EQ(a.empty(), model_a.none());
  }
}

INSTANTIATE_TEST_SUITE_P(All, AddressSetPropertyTest,
                         ::testing::Values(std::pair(Family::kIpv4, false),
                                           std::pair(Family::kIpv4, true),
                                           std::pair(Family::kIpv6, false),
                                           std::pair(Family::kIpv6, true)));

}  // namespace
}  // namespace faultd
