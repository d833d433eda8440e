#include "http/url.h"

#include <gtest/gtest.h>

namespace faultd {
namespace {

TEST(Url, TakesApart) {
  const Url url = *Url::Parse("https://ECS.us-east-1.amazonaws.com");
  EXPECT_TRUE(url.tls);
  EXPECT_EQ(url.host, "ecs.us-east-1.amazonaws.com");
  EXPECT_EQ(url.port, 443);
  EXPECT_EQ(url.target, "/");
  EXPECT_EQ(url.Authority(), "ecs.us-east-1.amazonaws.com");

  const Url local = *Url::Parse("http://localhost:4566/path?a=b");
  EXPECT_FALSE(local.tls);
  EXPECT_EQ(local.target, "/path?a=b");
  EXPECT_EQ(local.Authority(), "localhost:4566");
  EXPECT_EQ(local.Origin(), "http://localhost:4566");

  const Url ipv6 = *Url::Parse("http://[fd00:ec2::254]?x");
  EXPECT_EQ(ipv6.host, "fd00:ec2::254");
  EXPECT_EQ(ipv6.port, 80);
  EXPECT_EQ(ipv6.target, "/?x");
  EXPECT_EQ(ipv6.Authority(), "[fd00:ec2::254]");
  EXPECT_EQ(Url::Parse("http://[::1]:8080/")->Authority(), "[::1]:8080");
}

TEST(Url, RefusesWhatItDoesNotUnderstand) {
  for (const char* text :
       {"", "ecs.amazonaws.com", "ftp://a", "http://", "http://:80", "http://a:0", "http://a:65536",
        "http://a:x", "http://user@a/", "http://a b/", "http://a/\r\nX: y", "http://a/#f",
        "http://[::1", "http://[a]/", "http://[::1]x", "http://a\xc3\xb6/"}) {
    EXPECT_FALSE(Url::Parse(text).ok()) << text;
  }
  EXPECT_EQ(
      Url::Parse("ecs").status().message(),
      "\"ecs\" is no URL of the form http[s]://host[:port][/path]: it must begin with http:// "
      "or https://");
}

TEST(PercentEncode, KeepsOnlyUnreserved) {
  EXPECT_EQ(PercentEncode("aZ09-_.~"), "aZ09-_.~");
  EXPECT_EQ(PercentEncode("web-1 a/b+\xc3\xb6"), "web-1%20a%2Fb%2B%C3%B6");
  EXPECT_EQ(PercentDecode("web-1%20a%2fb%2B%C3%B6"), "web-1 a/b+\xc3\xb6");
  EXPECT_EQ(PercentDecode("100%"), "100%");
  EXPECT_EQ(PercentDecode("%4"), "%4");
  EXPECT_EQ(PercentDecode("%zz%41"), "%zzA");
}

}  // namespace
}  // namespace faultd
