#include "rpc/principal.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace faultd {
namespace {

bool Match(const std::string& entry, const std::string& name) {
  return AnyMatches({entry}, {name});
}

TEST(PrincipalTest, StarStaysWithinASegment) {
  EXPECT_TRUE(Match("uri:spiffe://example.org/ci/*", "uri:spiffe://example.org/ci/7"));
  EXPECT_TRUE(Match("uri:spiffe://example.org/*/7", "uri:spiffe://example.org/ci/7"));
  EXPECT_FALSE(Match("uri:spiffe://example.org/*", "uri:spiffe://example.org/ci/7"));
  EXPECT_TRUE(Match("uri:spiffe://example.org/**", "uri:spiffe://example.org/ci/7"));
  EXPECT_TRUE(Match("dns:*.example.org", "dns:ci.example.org"));
  EXPECT_FALSE(Match("dns:*.example.org", "dns:a.b.example.org"));
  EXPECT_FALSE(Match("dns:*.example.org", "dns:example.org"));
}

TEST(PrincipalTest, TheWholeNameMustMatch) {
  EXPECT_FALSE(Match("dns:example.org", "dns:example.org.evil.net"));
  EXPECT_FALSE(Match("dns:example.org", "dns:notexample.org"));
  EXPECT_FALSE(Match("uri:spiffe://example.org/ci", "uri:spiffe://example.org/ci/7"));
  EXPECT_FALSE(Match("uri:spiffe://example.org/ci/7", "uri:spiffe://example.org/ci"));
}

// Else a certificate for the host name "0", or for a URI like "user:0", would be root's.
TEST(PrincipalTest, TypesDoNotMix) {
  EXPECT_FALSE(Match("user:0", "dns:0"));
  EXPECT_FALSE(Match("user:0", "uri:user:0"));
  EXPECT_FALSE(Match("dns:*", "uri:x"));
  EXPECT_FALSE(Match("user:*", "user:0"));
  EXPECT_FALSE(Match("ip:10.0.0.*", "ip:10.0.0.1"));
}

TEST(PrincipalTest, UsersAndGroupsAreLookedUp) {
  EXPECT_EQ(*WithNumber("user:root"), "user:0");
  EXPECT_EQ(*WithNumber("group:root"), "group:0");
  EXPECT_EQ(*WithNumber("user:4711"), "user:4711");
  EXPECT_EQ(*WithNumber("dns:root"), "dns:root");
  EXPECT_EQ(WithNumber("group:no-such-group").status().message(),
            "there is no group:no-such-group on this host");
}

TEST(PrincipalTest, SaysWhatIsExpected) {
  for (const char* good :
       {"user:root", "group:1000", "uri:spiffe://a/**", "dns:*.b", "email:a@b", "ip:::1"})
    EXPECT_TRUE(ValidatePrincipal(good).ok()) << good;
  for (const char* bad : {"", "root", "user:", "san:x", "uri:**/x", ":x", "*"}) {
    EXPECT_EQ(
        ValidatePrincipal(bad).message(),
        StrCat(
            "\"", bad,
            "\" is nobody; write \"user:NAME\", \"group:NAME\", \"uri:PATTERN\", \"dns:PATTERN\", "
            "\"email:PATTERN\" or \"ip:ADDRESS\", with \"**\" at the end only"));
  }
}

}  // namespace
}  // namespace faultd
