#include "daemon/probe_section.h"

#include <gtest/gtest.h>

#include <fstream>

#include "daemon/config.h"

namespace faultd {
namespace {

std::string ProbeError(std::string_view keys) {
  const auto config = ParseConfig(StrCat("[[probe]]\n", keys), "faultd.toml");
  EXPECT_FALSE(config.ok());
  return std::string(config.status().message());
}

TEST(ProbeSection, ReadsEveryKeyAndHasDefaults) {
  const auto config = ParseConfig(R"(
[[probe]]
name = "db-connectivity"
target = "db.bookstore.example:5432"
[[probe]]
name = "cdn"
target = "[fd00::5]:8443"
kind = "http"
interval = "30s"
timeout = "500ms"
path = "/health?deep=1"
tls = true
verify_tls = false
status = "200-204"
[[probe]]
name = "names"
target = "db.bookstore.example"
kind = "dns"
)",
                                  "faultd.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->probes.size(), 3u);
  EXPECT_EQ(config->probes[0], (ProbeConfig{.name = "db-connectivity",
                                            .target = "db.bookstore.example:5432",
                                            .host = "db.bookstore.example",
                                            .port = 5432}));
  EXPECT_EQ(config->probes[0].interval, std::chrono::seconds(10));
  EXPECT_EQ(config->probes[0].timeout, std::chrono::seconds(5));
  EXPECT_EQ(config->probes[1], (ProbeConfig{.name = "cdn",
                                            .kind = ProbeKind::kHttp,
                                            .target = "[fd00::5]:8443",
                                            .host = "fd00::5",
                                            .port = 8443,
                                            .interval = std::chrono::seconds(30),
                                            .timeout = std::chrono::milliseconds(500),
                                            .path = "/health?deep=1",
                                            .tls = true,
                                            .verify = false,
                                            .least_status = 200,
                                            .most_status = 204}));
  EXPECT_EQ(config->probes[2], (ProbeConfig{.name = "names",
                                            .kind = ProbeKind::kDns,
                                            .target = "db.bookstore.example",
                                            .host = "db.bookstore.example"}));
}

TEST(ProbeSection, AStatusMayBeANumber) {
  const auto config = ParseConfig(
      "[[probe]]\nname = \"a\"\ntarget = \"b:80\"\nkind = \"http\"\nstatus = 204\n", "faultd.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->probes[0].least_status, 204);
  EXPECT_EQ(config->probes[0].most_status, 204);
}

TEST(ProbeSection, NamesWhatIsWrongAndWhere) {
  const std::string good = "name = \"a\"\ntarget = \"b:80\"\n";
  EXPECT_EQ(ProbeError("name = \"a\"\ntarget = \"db\"\n"),
            "faultd.toml:3:10: probe[0].target: expected host:port, such as "
            "\"db.example.com:5432\" or \"[fd00::5]:443\"");
  for (const char* target : {"b:0", "b:65536", ":80", "b c:80", "fd00::5:80", "[b]:80", "b:80x"}) {
    EXPECT_TRUE(ProbeError(StrCat("name = \"a\"\ntarget = \"", target, "\"\n"))
                    .starts_with("faultd.toml:3:10: probe[0].target: expected host:port"))
        << target;
  }
  EXPECT_EQ(ProbeError("name = \"a\"\nkind = \"dns\"\ntarget = \"db:53\"\n"),
            "faultd.toml:4:10: probe[0].target: expected a name without a port, such as "
            "\"db.example.com\"");
  EXPECT_EQ(ProbeError("target = \"b:80\"\n"), "faultd.toml:1:1: probe[0].name: is missing");
  EXPECT_EQ(ProbeError("name = \"a\"\n"), "faultd.toml:1:1: probe[0].target: is missing");
  EXPECT_EQ(ProbeError("name = \"Host\"\ntarget = \"b:80\"\n"),
            "faultd.toml:2:8: probe[0].name: expected another name: this one is taken");
  EXPECT_EQ(ProbeError("name = \"a b\"\ntarget = \"b:80\"\n"),
            "faultd.toml:2:8: probe[0].name: expected a name of 1 to 255 letters, digits, \".\", "
            "\"_\" and \"-\"");
  EXPECT_EQ(ProbeError(good + "kind = \"icmp\"\n"),
            "faultd.toml:4:8: probe[0].kind: expected \"tcp\", \"http\" or \"dns\"");
  EXPECT_EQ(ProbeError(good + "interval = 10\n"),
            "faultd.toml:4:12: probe[0].interval: expected a duration from \"1s\" to \"1h\", in "
            "quotes");
  EXPECT_EQ(ProbeError(good + "timeout = \"2m\"\n"),
            "faultd.toml:4:11: probe[0].timeout: expected a duration from \"100ms\" to \"1m\", in "
            "quotes");
  EXPECT_EQ(ProbeError(good + "timeout = \"11s\"\n"),
            "faultd.toml:4:11: probe[0].timeout: the timeout, 11s, is longer than the interval, "
            "10s; write a shorter timeout");
  EXPECT_EQ(ProbeError(good + "interval = \"2s\"\n"),
            "faultd.toml:4:12: probe[0].interval: the timeout, 5s, is longer than the interval, "
            "2s; write a shorter timeout");
  EXPECT_EQ(ProbeError(good + "tls = true\n"),
            "faultd.toml:4:7: probe[0].tls: only goes with kind = \"http\"; leave it out");
  EXPECT_EQ(ProbeError(good + "kind = \"http\"\nverify_tls = true\n"),
            "faultd.toml:5:14: probe[0].verify_tls: only goes with tls = true; leave it out");
  EXPECT_EQ(ProbeError(good + "kind = \"http\"\npath = \"health\"\n"),
            "faultd.toml:5:8: probe[0].path: expected a path such as \"/health\", percent-encoded "
            "where it needs to be");
  for (const char* status : {"99", "600", "\"399-200\"", "\"2xx\"", "\"200-\"", "true"}) {
    EXPECT_EQ(ProbeError(StrCat(good, "kind = \"http\"\nstatus = ", status, "\n")),
              "faultd.toml:5:10: probe[0].status: expected a status from 100 to 599, or a range "
              "such as \"200-399\", in quotes");
  }
  EXPECT_EQ(ProbeError(good + "port = 80\n"),
            "faultd.toml:4:1: unknown key probe[0].port; [[probe]] has interval, kind, name, path, "
            "status, target, timeout, tls, verify_tls");
}

TEST(ProbeSection, NamesAreUnique) {
  const std::string probe = "name = \"a\"\ntarget = \"b:80\"\n";
  EXPECT_EQ(ProbeError(probe + "[[probe]]\n" + probe),
            "faultd.toml:5:8: probe[1].name: there is a probe \"a\" above; give it another name");
}

TEST(ProbeSection, IsAListOfSections) {
  const auto config = ParseConfig("[probe]\nname = \"a\"\n", "faultd.toml");
  EXPECT_EQ(config.status().message(),
            "faultd.toml:1:1: probe: expected sections [[probe]], one for each");
}

TEST(ProbeSection, ThereAreAtMostTenThousand) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) {
    StrAppend(&text, "[[probe]]\nname = \"p", i, "\"\ntarget = \"h:1\"\n");
  }
  EXPECT_TRUE(ParseConfig(text, "faultd.toml").ok());
  StrAppend(&text, "[[probe]]\nname = \"one-more\"\ntarget = \"h:1\"\n");
  EXPECT_EQ(ParseConfig(text, "faultd.toml").status().message(),
            "faultd.toml:1:1: probe: there are 10001 probes, at most 10000 are possible");
}

// What begins with "#" and no blank is a setting that is switched off.
TEST(ProbeSection, TheExamplesOfTheShippedFileAreRight) {
  std::ifstream file(FAULTD_SHIPPED_CONFIG);
  std::string text;
  for (std::string line; std::getline(file, line);) {
    const bool off = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    StrAppend(&text, off ? line.substr(1) : line, "\n");
  }
  const auto config = ParseConfig(text, "faultd.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->probes.size(), 2u);
  EXPECT_EQ(config->probes[0].name, "db-connectivity");
  EXPECT_EQ(config->probes[1].name, "cdn-connectivity");
  EXPECT_TRUE(config->probes[1].tls);
  EXPECT_TRUE(config->publish.cloudwatch && config->publish.emf && config->publish.prometheus);
}

}  // namespace
}  // namespace faultd
