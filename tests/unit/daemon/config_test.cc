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
  EXPECT_EQ(shipped->lookups.interval, defaults.lookups.interval);
  EXPECT_EQ(shipped->lookups.grace, defaults.lookups.grace);
  EXPECT_EQ(shipped->steering, defaults.steering);
  EXPECT_EQ(shipped->protect, defaults.protect);
  EXPECT_EQ(shipped->guards.files, defaults.guards.files);
  EXPECT_EQ(shipped->aws_region, defaults.aws_region);
  EXPECT_EQ(shipped->ecs_agent, defaults.ecs_agent);
  EXPECT_EQ(shipped->ecs.assume_active, defaults.ecs.assume_active);
}

TEST(Config, ReadsEveryKey) {
  const auto config = ParseConfig(R"(
[daemon]
log_level = "debug"
socket_group = "chaos"
[network]
steering = "flower"
resolve_interval = "5s"
resolve_grace = "0s"
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
  EXPECT_EQ(config->steering, SteeringChoice::kFlower);
  EXPECT_EQ(config->lookups.interval, std::chrono::seconds(5));
  EXPECT_EQ(config->lookups.grace, std::chrono::seconds(0));
  EXPECT_EQ(config->protect.size(), 3u);
  EXPECT_EQ(config->guards.files, (std::vector<std::string>{"/run/halt", "/etc/faultd/HALT"}));
  EXPECT_EQ(config->aws_region, "eu-west-1");
  EXPECT_EQ(config->ecs_agent, "http://127.0.0.1:1234");
  EXPECT_TRUE(config->ecs.assume_active);
}

TEST(Config, NamesWhatIsWrongAndWhere) {
  EXPECT_EQ(ErrorOf("[limitz]\n"),
            "faultd.toml:1:2: unknown section [limitz]; there are access, audit, aws, cloudwatch, "
            "daemon, ecs, "
            "emf, guards, network, prometheus, protect, tcp and [[probe]]");
  EXPECT_EQ(ErrorOf("[daemon]\nlog_leval = \"info\"\n"),
            "faultd.toml:2:1: unknown key daemon.log_leval; [daemon] has log_level, socket_group");
  EXPECT_EQ(
      ErrorOf("[network]\nresolve_interval = 3600\n"),
      "faultd.toml:2:20: network.resolve_interval: expected a duration from \"1s\" to \"1h\", "
      "in quotes");
  EXPECT_EQ(ErrorOf("[audit]\nmax_size = \"1KiB\"\n"),
            "faultd.toml:2:12: audit.max_size: expected a size from \"64KiB\" to \"128MiB\", in "
            "quotes");
  EXPECT_EQ(ErrorOf("[audit]\nkeep = 0\n"),
            "faultd.toml:2:8: audit.keep: expected a whole number from 1 to 1000");
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

TEST(Config, TcpNeedsItsKeys) {
  EXPECT_EQ(ErrorOf("[tcp]\nlisten = \"0.0.0.0:7443\"\n"),
            "faultd.toml:1:1: tcp.certificate: is missing; [tcp] needs listen, certificate, key "
            "and client_ca");
  EXPECT_EQ(
      ErrorOf("[tcp]\nlisten = \"localhost:7443\"\n"),
      "faultd.toml:2:10: tcp.listen: expected an address and a port, such as \"0.0.0.0:7443\" or "
      "\"[::]:7443\"");
  EXPECT_EQ(ErrorOf("[tcp]\nkey = \"key.pem\"\n"),
            "faultd.toml:2:7: tcp.key: expected an absolute path");
  const auto config = ParseConfig(
      "[tcp]\nlisten = \"[::]:0\"\ncertificate = \"/a\"\nkey = \"/b\"\nclient_ca = \"/c\"\ncrl = "
      "\"/d\"\n"
      "allow = [\"dns:*.example.org\"]\n",
      "faultd.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->tcp.listen, "[::]:0");
  EXPECT_EQ(config->tcp.tls.key, "/b");
  EXPECT_EQ(config->tcp.tls.crl, "/d");
  EXPECT_EQ(config->tcp.tls.allow, std::vector<std::string>{"dns:*.example.org"});
}

TEST(Config, OperatorsAreTheGroupOfTheSocketUnlessItSaysOtherwise) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(ParseConfig("", "")->access.operators, Names{"group:faultd"});
  EXPECT_EQ(ParseConfig("[daemon]\nsocket_group = \"ops\"\n", "")->access.operators,
            Names{"group:ops"});
  EXPECT_EQ(ParseConfig("[access]\noperators = []\n", "")->access.operators, Names{});
  EXPECT_EQ(ParseConfig("[access]\nadmins = [\"user:eve\"]\n", "")->access.admins,
            Names{"user:eve"});
  EXPECT_FALSE(ParseConfig("[access]\nanyone_may_revert = false\n", "")->access.anyone_may_revert);
  EXPECT_EQ(
      ErrorOf("[access]\nobservers = [\"eve\"]\n"),
      "faultd.toml:2:13: access.observers: \"eve\" is nobody; write \"user:NAME\", \"group:NAME\", "
      "\"uri:PATTERN\", \"dns:PATTERN\", \"email:PATTERN\" or \"ip:ADDRESS\", with \"**\" at the "
      "end only");
}

TEST(Config, CanaryIsAProbeThatFailsForLongerThanItsGrace) {
  const std::string probe =
      "[[probe]]\nname = \"orchestrator\"\ntarget = \"10.0.0.9:443\"\ninterval = \"2s\"\ntimeout = "
      "\"1s\"\n";
  const auto config = ParseConfig(
      "[guards]\nfiles = []\ncanary = \"orchestrator\"\ncanary_grace = \"5s\"\n" + probe, "");
  ASSERT_TRUE(config.ok()) << config.status();
  const auto guards = StandingGuards(config->guards, config->probes);
  ASSERT_TRUE(guards.ok()) << guards.status();
  ASSERT_EQ(guards->size(), 1U);
  EXPECT_EQ(guards->front().probe().probe(), "orchestrator");
  EXPECT_EQ(guards->front().probe().consecutive(), 3U);
  EXPECT_EQ(ErrorOf("[guards]\ncanary = \"nobody\"\n" + probe),
            "faultd.toml:2:10: guards.canary: there is no [[probe]] with the name \"nobody\"");
}

}  // namespace
}  // namespace faultd
