#include "daemon/config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

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
  EXPECT_FALSE(config->publish.cloudwatch || config->publish.emf || config->publish.prometheus);
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
  EXPECT_EQ(shipped->ecs_agent, defaults.ecs_agent);
  EXPECT_EQ(shipped->ecs.assume_active, defaults.ecs.assume_active);
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
[ecs]
agent = "http://127.0.0.1:1234"
assume_active = true
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
  EXPECT_EQ(config->ecs_agent, "http://127.0.0.1:1234");
  EXPECT_TRUE(config->ecs.assume_active);
}

TEST(Config, NamesWhatIsWrongAndWhere) {
  EXPECT_EQ(
      ErrorOf("[limitz]\n"),
      "faultd.toml:1:2: unknown section [limitz]; there are access, audit, aws, "
      "cloudwatch, daemon, ecs, emf, guards, limits, network, prometheus, protect, stress, tcp "
      "and [[probe]]");
  EXPECT_EQ(
      ErrorOf("[limits]\nmax_leese = \"1h\"\n"),
      "faultd.toml:2:1: unknown key limits.max_leese; [limits] has max_active_faults, max_lease");
  EXPECT_EQ(ErrorOf("[audit]\nmax_size = \"1KiB\"\n"),
            "faultd.toml:2:12: audit.max_size: expected a size from \"64KiB\" to \"128MiB\", in "
            "quotes");
  EXPECT_EQ(ErrorOf("[audit]\nkeep = 0\n"),
            "faultd.toml:2:8: audit.keep: expected a whole number from 1 to 1000");
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

TEST(PublishConfig, ShippedFileHoldsEveryKeyBehindAHash) {
  std::ifstream file(FAULTD_SHIPPED_CONFIG);
  std::string text;
  for (std::string line; std::getline(file, line);) {
    const bool is_key = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    StrAppend(&text, is_key ? line.substr(1) : line, "\n");
  }
  const auto config = ParseConfig(text, "faultd.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  const PublishConfig& publish = config->publish;
  ASSERT_TRUE(publish.cloudwatch && publish.emf && publish.prometheus);
  const CloudWatchConfig cloudwatch;
  EXPECT_EQ(publish.cloudwatch->name_space, "Bookstore");
  EXPECT_EQ(publish.cloudwatch->samples.host, "bookstore-1");
  EXPECT_EQ(publish.cloudwatch->samples.latency, cloudwatch.samples.latency);
  EXPECT_EQ(publish.cloudwatch->interval, cloudwatch.interval);
  EXPECT_EQ(publish.cloudwatch->high_resolution, cloudwatch.high_resolution);
  EXPECT_EQ(publish.cloudwatch->keep, cloudwatch.keep);
  const EmfConfig emf;
  EXPECT_EQ(publish.emf->agent.name_space, "Bookstore");
  EXPECT_EQ(publish.emf->samples.host, "bookstore-1");
  EXPECT_EQ(publish.emf->samples.latency, emf.samples.latency);
  EXPECT_EQ(publish.emf->agent.address, emf.agent.address);
  EXPECT_EQ(publish.emf->agent.port, emf.agent.port);
  EXPECT_EQ(publish.emf->agent.tcp, emf.agent.tcp);
  EXPECT_EQ(publish.emf->agent.log_group, emf.agent.log_group);
  EXPECT_EQ(publish.prometheus->address.port(), 9464);
}

TEST(PublishConfig, ReadsEveryKey) {
  const auto config = ParseConfig(R"(
[cloudwatch]
latency = true
namespace = "Chaos/Probe"
host = "wéb 1"
interval = "10s"
high_resolution = true
keep = "2h"
[emf]
namespace = "Chaos"
host = "web-2"
latency = true
address = "[::1]:25889"
transport = "tcp"
log_group = "/faultd"
[prometheus]
listen = "unix:/run/faultd/metrics.sock"
)",
                                  "faultd.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  const PublishConfig& publish = config->publish;
  EXPECT_EQ(publish.cloudwatch->name_space, "Chaos/Probe");
  EXPECT_EQ(publish.cloudwatch->samples.host, "wéb 1");
  EXPECT_TRUE(publish.cloudwatch->samples.latency);
  EXPECT_EQ(publish.cloudwatch->interval, std::chrono::seconds(10));
  EXPECT_TRUE(publish.cloudwatch->high_resolution);
  EXPECT_EQ(publish.cloudwatch->keep, std::chrono::hours(2));
  EXPECT_EQ(publish.emf->agent.name_space, "Chaos");
  EXPECT_EQ(publish.emf->samples.host, "web-2");
  EXPECT_TRUE(publish.emf->samples.latency);
  EXPECT_EQ(publish.emf->agent.address.to_string(), "::1");
  EXPECT_EQ(publish.emf->agent.port, 25889);
  EXPECT_TRUE(publish.emf->agent.tcp);
  EXPECT_EQ(publish.emf->agent.log_group, "/faultd");
  EXPECT_EQ(publish.prometheus->path, "/run/faultd/metrics.sock");
}

TEST(PublishConfig, NamesWhatIsWrongAndWhere) {
  EXPECT_EQ(ErrorOf("[cloudwatch]\n"),
            "faultd.toml:1:1: cloudwatch.namespace is missing: the name space of the metrics, such "
            "as \"Bookstore\"");
  EXPECT_EQ(ErrorOf("[emf]\ntransport = \"udp\"\n"),
            "faultd.toml:1:1: emf.namespace is missing: the name space of the metrics, such as "
            "\"Bookstore\"");
  EXPECT_EQ(ErrorOf("[prometheus]\n"),
            "faultd.toml:1:1: prometheus.listen is missing: an address of this host itself with a "
            "port, such as \"127.0.0.1:9464\", or \"unix:/run/faultd/metrics.sock\"");
  EXPECT_EQ(ErrorOf("[cloudwatch]\nnamespace = \"B\"\ninterval = \"5s\"\n"),
            "faultd.toml:3:12: cloudwatch.interval: expected a duration from \"10s\" to \"1h\", in "
            "quotes");
  EXPECT_EQ(
      ErrorOf("[cloudwatch]\nnamespace = \"B\"\nkeep = 15\n"),
      "faultd.toml:3:8: cloudwatch.keep: expected a duration from \"1m\" to \"1d\", in quotes");
  EXPECT_EQ(ErrorOf("[cloudwatch]\nnamespace = \"B\"\nhost = \"\"\n"),
            "faultd.toml:3:8: cloudwatch.host: expected the name of this host in dashboards");
  EXPECT_EQ(ErrorOf("[cloudwatch]\nnamespace = \"B\"\nlatency = 1\n"),
            "faultd.toml:3:11: cloudwatch.latency: expected true or false");
  EXPECT_EQ(
      ErrorOf("[cloudwatch]\nnamespace = \"B\"\nregion = \"x\"\n"),
      "faultd.toml:3:1: unknown key cloudwatch.region; [cloudwatch] has high_resolution, host, "
      "interval, keep, latency, namespace");
  EXPECT_EQ(ErrorOf("[emf]\nnamespace = \"B\"\ntransport = \"http\"\n"),
            "faultd.toml:3:13: emf.transport: expected \"udp\" or \"tcp\"");
  for (std::string_view address : {"localhost:1", "127.0.0.1", "127.0.0.1:0", "::1:25888", "x"}) {
    EXPECT_EQ(
        ErrorOf(StrCat("[emf]\nnamespace = \"B\"\naddress = \"", address, "\"\n")),
        "faultd.toml:3:11: emf.address: expected the address and port of the CloudWatch agent, "
        "such as \"127.0.0.1:25888\"");
  }
  for (std::string_view listen : {"0.0.0.0:9464", "10.0.0.1:9464", "9464", "unix:metrics.sock"}) {
    EXPECT_EQ(ErrorOf(StrCat("[prometheus]\nlisten = \"", listen, "\"\n")),
              "faultd.toml:2:10: prometheus.listen: expected an address of this host itself with a "
              "port, such as \"127.0.0.1:9464\", or \"unix:/run/faultd/metrics.sock\"");
  }
}

TEST(PublishConfig, NamespacesThatAmazonKeepsForItselfAreRefused) {
  const std::string error = ErrorOf("[cloudwatch]\nnamespace = \"AWS/EC2\"\n");
  EXPECT_TRUE(
      error.starts_with("faultd.toml:2:13: cloudwatch.namespace: expected a name space of "
                        "CloudWatch: "))
      << error;
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
