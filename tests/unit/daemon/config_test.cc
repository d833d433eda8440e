#include "daemon/config.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "daemon/protection.h"

namespace faultd {
namespace {

std::string ErrorOf(std::string_view text) {
  const auto config = ParseConfig(text, "faultd.toml");
  EXPECT_FALSE(config.ok());
  return std::string(config.status().message());
}

TEST(Config, EmptyFileMeansDefaults) {
  const auto config = ParseConfig("", "faultd.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->limits.max_lease, std::chrono::hours(12));
  EXPECT_EQ(config->socket_group, "faultd");
  EXPECT_EQ(config->steering, SteeringChoice::kAuto);
}

TEST(Config, ShippedFileHoldsTheDefaultsAndEveryKey) {
  const auto shipped = LoadConfig(FAULTD_SHIPPED_CONFIG);
  ASSERT_TRUE(shipped.ok()) << shipped.status();
  const Config defaults;
  EXPECT_EQ(shipped->log_level, defaults.log_level);
  EXPECT_EQ(shipped->socket_group, defaults.socket_group);
  EXPECT_EQ(shipped->limits.max_lease, defaults.limits.max_lease);
  EXPECT_EQ(shipped->limits.max_active_faults, defaults.limits.max_active_faults);
  EXPECT_EQ(shipped->limits.resolve_interval, defaults.limits.resolve_interval);
  EXPECT_EQ(shipped->limits.resolve_grace, defaults.limits.resolve_grace);
  EXPECT_EQ(shipped->steering, defaults.steering);
  EXPECT_EQ(shipped->stress.memory_reserve, defaults.stress.memory_reserve);
  EXPECT_EQ(shipped->stress.journal_reserve, defaults.stress.journal_reserve);
  EXPECT_EQ(shipped->protect, defaults.protect);
  EXPECT_EQ(shipped->guard_files, defaults.guard_files);
  EXPECT_EQ(shipped->aws_region, defaults.aws_region);
}

TEST(Config, ReadsEveryKey) {
  const auto config = ParseConfig(R"(
[daemon]
log_level = "debug"
socket_group = "chaos"
[limits]
max_lease = "PT30M"
max_active_faults = 7
[network]
steering = "flower"
resolve_interval = "5s"
resolve_grace = "0s"
[stress]
memory_reserve = "1GiB"
journal_reserve = "64M"
[protect]
endpoints = ["10.0.0.0/24", "fd00::/8", "bastion.example.com"]
[guards]
files = ["/run/halt", "/etc/faultd/HALT"]
[aws]
region = "eu-west-1"
)",
                                  "faultd.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->log_level, "debug");
  EXPECT_EQ(config->socket_group, "chaos");
  EXPECT_EQ(config->limits.max_lease, std::chrono::minutes(30));
  EXPECT_EQ(config->limits.max_active_faults, 7u);
  EXPECT_EQ(config->steering, SteeringChoice::kFlower);
  EXPECT_EQ(config->limits.resolve_interval, std::chrono::seconds(5));
  EXPECT_EQ(config->limits.resolve_grace, std::chrono::seconds(0));
  EXPECT_EQ(config->stress.memory_reserve, 1u << 30);
  EXPECT_EQ(config->stress.journal_reserve, 64u << 20);
  EXPECT_EQ(config->protect.size(), 3u);
  EXPECT_EQ(config->guard_files, (std::vector<std::string>{"/run/halt", "/etc/faultd/HALT"}));
  EXPECT_EQ(config->aws_region, "eu-west-1");
}

TEST(Config, NamesWhatIsWrongAndWhere) {
  EXPECT_EQ(
      ErrorOf("[limitz]\n"),
      "faultd.toml:1:2: unknown section [limitz]; there are aws, daemon, guards, limits, network, "
      "protect, stress");
  EXPECT_EQ(
      ErrorOf("[limits]\nmax_leese = \"1h\"\n"),
      "faultd.toml:2:1: unknown key limits.max_leese; [limits] has max_active_faults, max_lease");
  EXPECT_EQ(ErrorOf("[limits]\nmax_lease = 3600\n"),
            "faultd.toml:2:13: limits.max_lease: expected a duration from \"100ms\" to \"7d\", in "
            "quotes");
  EXPECT_EQ(ErrorOf("[limits]\nmax_active_faults = 0\n"),
            "faultd.toml:2:21: limits.max_active_faults: expected a whole number from 1 to 10000");
  EXPECT_EQ(ErrorOf("[network]\nsteering = \"tc\"\n"),
            "faultd.toml:2:12: network.steering: expected \"auto\", \"nftables\" or \"flower\"");
  EXPECT_EQ(ErrorOf("[protect]\nendpoints = [\"10.0.0.1:22\"]\n"),
            "faultd.toml:2:13: protect.endpoints: expected addresses, CIDRs and host names only");
  EXPECT_EQ(ErrorOf("[guards]\nfiles = [\"HALT\"]\n"),
            "faultd.toml:2:9: guards.files: expected a list of absolute paths of files, such as "
            "[\"/run/faultd/HALT\"]");
  EXPECT_EQ(ErrorOf("[daemon]\nlog_level = true\n"),
            "faultd.toml:2:13: daemon.log_level: expected a string");
  EXPECT_EQ(ErrorOf("daemon = 1\n"), "faultd.toml:1:1: daemon: expected a section, [daemon]");
}

TEST(Config, ReportsAllErrorsOfAFile) {
  const std::string errors = ErrorOf("[aws]\nregion = \"EU West\"\nzone = 1\n");
  EXPECT_NE(errors.find("aws.region: expected the name of a region, such as \"eu-west-1\""),
            std::string::npos);
  EXPECT_NE(errors.find("unknown key aws.zone; [aws] has region"), std::string::npos);
}

TEST(Config, SyntaxErrorsHaveTheirPlace) {
  EXPECT_TRUE(ErrorOf("[daemon\n").starts_with("faultd.toml:1:"));
}

TEST(ResolvConf, TakesAddressesOfNameservers) {
  const auto addresses = ParseResolvConf(
      "# comment\nnameserver 10.0.0.2\nsearch example.com\n  nameserver\tfe80::1%eth0 \nnameserver "
      "nonsense\noptions edns0\n");
  ASSERT_EQ(addresses.size(), 2u);
  EXPECT_EQ(addresses[0].ToString(), "10.0.0.2");
  EXPECT_EQ(addresses[1].ToString(), "fe80::1");
}

}  // namespace
}  // namespace faultd
