// What a spec may not say, and what the client is told then: field and text in full.
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"
#include "faults/fault_kind.h"
#include "support/sample_specs.h"

namespace faultd {
namespace {

Status Validate(const v1::FaultSpec& spec) { return KindOf(spec)->validate(spec); }

struct Bad {
  std::string text;  // of the target, or of the whole spec
  std::string field;
  std::string message;
};

std::string Repeat(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

void ExpectRefused(const v1::FaultSpec& spec, const Bad& bad) {
  SCOPED_TRACE(bad.text.substr(0, 200));
  const Status status = Validate(spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), StrCat(bad.field, ": ", bad.message));
  EXPECT_EQ(DetailsOf(status).field, bad.field);
}

TEST(ValidateTest, BadTargetsAreRefused) {
  const std::string base = "spec.blackhole.target";
  const Bad kBad[] = {
      {"", base + ".to", "is empty; name at least one endpoint, or say all_traffic"},
      {R"(all_traffic: true to { host: "10.0.0.1" })", base + ".all_traffic",
       "excludes `to`; say which packets, or all of them"},
      {"to { }", base + ".to[0]", "is empty; give a host, ports or a protocol, or say all_traffic"},
      {"to { protocol: PROTOCOL_ANY }", base + ".to[0]",
       "is empty; give a host, ports or a protocol, or say all_traffic"},
      {R"(to { host: "10.0.0.1" } to { host: "10.0.0.0/33" })", base + ".to[1].host",
       "\"10.0.0.0/33\" is not an address, CIDR or host name; write e.g. 10.0.0.0/8, "
       "2001:db8::5 or db.example.com"},
      {R"(to { host: "1.2.3" })", base + ".to[0].host",
       "\"1.2.3\" is not an address, CIDR or host name; write e.g. 10.0.0.0/8, 2001:db8::5 or "
       "db.example.com"},
      {R"(to { host: "a..b" })", base + ".to[0].host",
       "\"a..b\" is not an address, CIDR or host name; write e.g. 10.0.0.0/8, 2001:db8::5 or "
       "db.example.com"},
      {R"(to { host: "db.example.com:5432" })", base + ".to[0].host",
       "\"db.example.com:5432\" is not an address, CIDR or host name; write e.g. 10.0.0.0/8, "
       "2001:db8::5 or db.example.com"},
      {R"(to { host: "fe80::1%eth0" })", base + ".to[0].host",
       "\"fe80::1%eth0\" is not an address, CIDR or host name; write e.g. 10.0.0.0/8, "
       "2001:db8::5 or db.example.com"},
      {"to { ports { } }", base + ".to[0].ports.first", "0 is not a port; write 1 to 65535"},
      {"to { ports { first: 65536 } }", base + ".to[0].ports.first",
       "65536 is not a port; write 1 to 65535"},
      {"to { ports { first: 80 last: 79 } }", base + ".to[0].ports.last",
       "79 does not end a range that begins at 80; write 80 to 65535, or 0 for one port"},
      {"to { ports { first: 80 last: 65536 } }", base + ".to[0].ports.last",
       "65536 does not end a range that begins at 80; write 80 to 65535, or 0 for one port"},
      {"to { ports { first: 80 } protocol: PROTOCOL_ICMP }", base + ".to[0].ports",
       "icmp has no ports; leave them out or take tcp or udp"},
      {"to { local_ports { first: 0 } }", base + ".to[0].local_ports.first",
       "0 is not a port; write 1 to 65535"},
      {"to { local_ports { first: 80 } protocol: PROTOCOL_ICMP }", base + ".to[0].local_ports",
       "icmp has no ports; leave them out or take tcp or udp"},
      {"to { protocol: PROTOCOL_UNSPECIFIED }", base + ".to[0].protocol",
       "0 is not a protocol; take PROTOCOL_ANY, PROTOCOL_TCP, PROTOCOL_UDP or PROTOCOL_ICMP, or "
       "leave it out for any"},
      {R"(all_traffic: true except { host: "-" })", base + ".except[0].host",
       "\"-\" is not an address, CIDR or host name; write e.g. 10.0.0.0/8, 2001:db8::5 or "
       "db.example.com"},
      {"all_traffic: true except { }", base + ".except[0]",
       "is empty; give a host, ports or a protocol, or say all_traffic"},
      {"all_traffic: true direction: DIRECTION_UNSPECIFIED", base + ".direction",
       "0 is not a direction; take DIRECTION_EGRESS, DIRECTION_INGRESS or DIRECTION_BOTH, or "
       "leave it out for egress"},
      {R"(all_traffic: true interfaces: "")", base + ".interfaces[0]",
       "\"\" is not the name of an interface; `ip link` lists them"},
      {R"(all_traffic: true interfaces: "eth0" interfaces: "a/b")", base + ".interfaces[1]",
       "\"a/b\" is not the name of an interface; `ip link` lists them"},
      {R"(all_traffic: true interfaces: "sixteen-letters-")", base + ".interfaces[0]",
       "\"sixteen-letters-\" is not the name of an interface; `ip link` lists them"},
      {"all_traffic: true flows_percent: 0", base + ".flows_percent",
       "0 is out of range; write 1 to 100"},
      {"all_traffic: true flows_percent: 101", base + ".flows_percent",
       "101 is out of range; write 1 to 100"},
      {Repeat(20'001, R"(to { host: "10.0.0.1" })"), base + ".to",
       "has 20001 endpoints; give at most 20000"},
      {"all_traffic: true " + Repeat(1001, R"(except { host: "10.0.0.1" })"), base + ".except",
       "has 1001 endpoints; give at most 1000"},
      {"all_traffic: true " + Repeat(65, R"(interfaces: "eth0" )"), base + ".interfaces",
       "has 65 names; give at most 64"},
  };
  for (const Bad& bad : kBad) {
    ExpectRefused(SpecFromText(StrCat("blackhole { target { ", bad.text, " } }")), bad);
  }
}

TEST(ValidateTest, TooManyPortCombinationsAreRefused) {
  std::string to;
  for (int port = 1; port <= 64; ++port) to += StrCat("to { ports { first: ", port, " } } ");
  EXPECT_EQ(Validate(SpecFromText(StrCat("blackhole { target { ", to, " } }"))), absl::OkStatus());
  ExpectRefused(
      SpecFromText(StrCat("blackhole { target { ", to, " to { ports { first: 65 } } } }")),
      {"65 ports", "spec.blackhole.target.to",
       "has 65 different combinations of ports and protocol; give at most 64, or use port ranges"});
}

// Enum values that only a newer client knows.
TEST(ValidateTest, UnknownEnumValuesAreRefused) {
  v1::FaultSpec spec = SpecFromText("blackhole { target { to { host: \"10.0.0.1\" } } }");
  v1::NetworkTarget& target = *spec.mutable_blackhole()->mutable_target();
  target.mutable_to(0)->set_protocol(static_cast<v1::Protocol>(9));
  ExpectRefused(spec, {"protocol 9", "spec.blackhole.target.to[0].protocol",
                       "9 is not a protocol; take PROTOCOL_ANY, PROTOCOL_TCP, PROTOCOL_UDP or "
                       "PROTOCOL_ICMP, or leave it out for any"});
  target.mutable_to(0)->clear_protocol();
  target.set_direction(static_cast<v1::Direction>(9));
  ExpectRefused(spec, {"direction 9", "spec.blackhole.target.direction",
                       "9 is not a direction; take DIRECTION_EGRESS, DIRECTION_INGRESS or "
                       "DIRECTION_BOTH, or leave it out for egress"});
}

TEST(ValidateTest, GoodTargetsAreTaken) {
  for (const char* text : {
           "all_traffic: true",
           R"(to { host: "10.0.0.0/8" ports { first: 5432 } protocol: PROTOCOL_TCP })",
           R"(to { host: "2001:db8::5" } to { host: "::/0" })",
           R"(to { host: "db.example.com." })",
           R"(to { host: "_dmarc.example" })",
           R"(to { host: "localhost" ports { first: 1 last: 65535 } })",
           "to { protocol: PROTOCOL_ICMP }",
           "to { local_ports { first: 8080 last: 8090 } }",
           R"(all_traffic: true interfaces: "fifteen-letters" flows_percent: 1)",
           "all_traffic: true except { ports { first: 22 } } direction: DIRECTION_BOTH",
       }) {
    EXPECT_EQ(Validate(SpecFromText(StrCat("blackhole { target { ", text, " } }"))),
              absl::OkStatus())
        << text;
  }
}

TEST(ValidateTest, BadSpecsAreRefused) {
  const std::string all = "target { all_traffic: true } ";
  const Bad kBad[] = {
      {"latency { }", "spec.latency.target.to",
       "is empty; name at least one endpoint, or say all_traffic"},
      {"latency { " + all + "}", "spec.latency.delay", "0s is out of range; write 1us to 1m"},
      {"latency { " + all + "delay { nanos: 999 } }", "spec.latency.delay",
       "999ns is out of range; write 1us to 1m"},
      {"latency { " + all + "delay { seconds: 60 nanos: 1 } }", "spec.latency.delay",
       "1m1ns is out of range; write 1us to 1m"},
      {"latency { " + all + "delay { seconds: -1 } }", "spec.latency.delay",
       "-1s is out of range; write 1us to 1m"},
      {"latency { " + all + "delay { seconds: 1 } jitter { seconds: 1 nanos: 1 } }",
       "spec.latency.jitter", "1s1ns is out of range; write at most the delay, 1s"},
      {"latency { " + all + "delay { seconds: 1 } jitter { nanos: -1 } }", "spec.latency.jitter",
       "-1ns is out of range; write at most the delay, 1s"},
      {"latency { " + all + "delay { seconds: 1 } correlation_percent: 25 }",
       "spec.latency.correlation_percent", "needs jitter; give a jitter or leave it out"},
      {"latency { " + all +
           "delay { seconds: 1 } jitter { seconds: 1 } correlation_percent: 100.5 }",
       "spec.latency.correlation_percent", "100.5 is out of range; write 0 to 100"},
      {"latency { " + all + "delay { seconds: 1 } jitter { seconds: 1 } correlation_percent: nan }",
       "spec.latency.correlation_percent", "nan is out of range; write 0 to 100"},
      {"latency { " + all + "delay { seconds: 1 } distribution: DELAY_DISTRIBUTION_NORMAL }",
       "spec.latency.distribution", "needs jitter; give a jitter or leave it out"},
      {"latency { " + all +
           "delay { seconds: 1 } jitter { seconds: 1 } distribution: "
           "DELAY_DISTRIBUTION_UNSPECIFIED }",
       "spec.latency.distribution",
       "0 is not a distribution; take DELAY_DISTRIBUTION_UNIFORM, _NORMAL, _PARETO or "
       "_PARETONORMAL, or leave it out for uniform"},
      {"loss { " + all + "}", "spec.loss.percent",
       "is missing; write above 0 to 100, or give gilbert_elliott"},
      {"loss { " + all + "percent: 0 }", "spec.loss.percent",
       "0 is out of range; write above 0 to 100"},
      {"loss { " + all + "percent: 100.1 }", "spec.loss.percent",
       "100.1 is out of range; write above 0 to 100"},
      {"loss { " + all + "percent: -1 }", "spec.loss.percent",
       "-1 is out of range; write above 0 to 100"},
      {"loss { " + all + "percent: nan }", "spec.loss.percent",
       "nan is out of range; write above 0 to 100"},
      {"loss { " + all + "percent: 5 correlation_percent: 101 }", "spec.loss.correlation_percent",
       "101 is out of range; write 0 to 100"},
      {"loss { " + all + "gilbert_elliott { bad_to_good_percent: 5 } }",
       "spec.loss.gilbert_elliott.good_to_bad_percent", "0 is out of range; write above 0 to 100"},
      {"loss { " + all + "gilbert_elliott { good_to_bad_percent: 5 } }",
       "spec.loss.gilbert_elliott.bad_to_good_percent", "0 is out of range; write above 0 to 100"},
      {"loss { " + all +
           "gilbert_elliott { good_to_bad_percent: 5 bad_to_good_percent: 5 "
           "loss_in_bad_percent: 101 } }",
       "spec.loss.gilbert_elliott.loss_in_bad_percent", "101 is out of range; write 0 to 100"},
      {"loss { " + all +
           "gilbert_elliott { good_to_bad_percent: 5 bad_to_good_percent: 5 "
           "loss_in_good_percent: -1 } }",
       "spec.loss.gilbert_elliott.loss_in_good_percent", "-1 is out of range; write 0 to 100"},
      {"loss { " + all +
           "gilbert_elliott { good_to_bad_percent: 5 bad_to_good_percent: 5 } "
           "correlation_percent: 5 }",
       "spec.loss.correlation_percent",
       "goes with percent only; gilbert_elliott has its own bursts"},
      {"noop { note: \"" + std::string(257, 'x') + "\" }", "spec.noop.note",
       "is 257 bytes long; write at most 256"},
  };
  for (const Bad& bad : kBad) ExpectRefused(SpecFromText(bad.text), bad);
}

// Seconds that do not fit into nanoseconds came round to something small.
TEST(ValidateTest, DurationsThatDoNotFitAreOutOfRange) {
  const std::string kOutOfRange = "spec.latency.delay: 104166d16h is out of range; write 1us to 1m";
  for (const int64_t seconds : {int64_t{18'446'744'074}, std::numeric_limits<int64_t>::max()}) {
    v1::FaultSpec spec = SpecFromText("latency { target { all_traffic: true } }");
    spec.mutable_latency()->mutable_delay()->set_seconds(seconds);
    EXPECT_EQ(Validate(spec).message(), kOutOfRange);
    spec.mutable_latency()->mutable_delay()->set_seconds(-seconds);
    EXPECT_EQ(Validate(spec).message(),
              "spec.latency.delay: -104166d16h is out of range; write 1us to 1m");
  }
}

}  // namespace
}  // namespace faultd
