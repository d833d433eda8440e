// What kinds of faults refuse for the policy's sake, after a look at the host.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "support/sample_specs.h"
#include "support/test_host.h"

namespace faultd {
namespace {

class PolicyPlanTest : public testing::Test {
 protected:
  static v1::Endpoint Endpoint(const std::string& host, uint32_t port = 0) {
    v1::Endpoint endpoint;
    endpoint.set_host(host);
    if (port != 0) endpoint.mutable_ports()->set_first(port);
    return endpoint;
  }
  Status Plan(const std::string& text) {
    const v1::FaultSpec spec = SpecFromText(text);
    return PlanOf(spec, {}, host.host()).status();
  }
  Status Blackhole(const std::string& target) {
    return Plan(StrCat("blackhole { target { ", target, " } }"));
  }
  void ExpectDenied(const Status& status, std::string_view rule, std::string_view message) {
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(DetailsOf(status).rule, rule);
    EXPECT_EQ(ToStd(status.message()), message);
  }
  NetworkPolicy& network() { return host.host().network_policy; }
  StressPolicy& stress() { return host.host().stress_policy; }

  TestHost host;
};

TEST_F(PolicyPlanTest, DeniedAddresses) {
  network().deny = {Endpoint("10.0.1.0/24"), Endpoint("2001:db8::/32")};
  ExpectDenied(Blackhole(R"(to { host: "10.0.0.0/8" })"), "network.deny",
               "10.0.0.0/8 has packets of 10.0.1.0 that this host's policy denies (rule "
               "network.deny: 10.0.1.0/24); leave them out, or name them in `except`");
  ExpectDenied(Blackhole("all_traffic: true except { host: \"10.0.1.0/24\" }"), "network.deny",
               "all traffic has packets of 2001:db8:: that this host's policy denies (rule "
               "network.deny: 2001:db8::/32); leave them out, or name them in `except`");
  ExpectDenied(Blackhole("to { ports { first: 443 } }"), "network.deny",
               "any:443 has packets of 10.0.1.0 that this host's policy denies (rule network.deny: "
               "10.0.1.0/24); leave them out, or name them in `except`");
  EXPECT_EQ(Blackhole(R"(to { host: "10.0.0.0/8" } except { host: "10.0.1.0/24" })"),
            absl::OkStatus());
  EXPECT_EQ(Blackhole(R"(to { host: "10.0.2.0/24" })"), absl::OkStatus());
}

TEST_F(PolicyPlanTest, DeniedPorts) {
  network().deny = {Endpoint("", 22)};
  ExpectDenied(Blackhole(R"(to { host: "10.0.0.1" ports { first: 20 last: 25 } })"), "network.deny",
               "10.0.0.1:20-25 has packets of 10.0.0.1 that this host's policy denies (rule "
               "network.deny: any:22); leave them out, or name them in `except`");
  ExpectDenied(Blackhole(R"(to { host: "10.0.0.1" })"), "network.deny",
               "10.0.0.1 has packets of 10.0.0.1 that this host's policy denies (rule "
               "network.deny: any:22); leave them out, or name them in `except`");
  EXPECT_EQ(Blackhole(R"(to { host: "10.0.0.1" ports { first: 23 } })"), absl::OkStatus());
  EXPECT_EQ(Blackhole(R"(to { host: "10.0.0.1" protocol: PROTOCOL_ICMP })"), absl::OkStatus());
}

TEST_F(PolicyPlanTest, OnlyWhatIsAllowed) {
  network().allow = {Endpoint("10.0.0.0/9", 5432), Endpoint("10.128.0.0/9", 5432),
                     Endpoint("10.1.0.0/16", 443), Endpoint("fd00::/8")};
  const std::string rule =
      "(rule network.allow: 10.0.0.0/9:5432, 10.128.0.0/9:5432, 10.1.0.0/16:443 and 1 more); name "
      "only what is allowed";
  EXPECT_EQ(Blackhole(R"(to { host: "10.0.0.0/8" ports { first: 5432 } })"), absl::OkStatus());
  EXPECT_EQ(Blackhole(R"(to { host: "fd00::1" })"), absl::OkStatus());
  ExpectDenied(Blackhole(R"(to { host: "10.2.0.0/16" ports { first: 443 } })"), "network.allow",
               StrCat("10.2.0.0/16:443 has packets of 10.2.0.0 that this host's policy does not "
                      "allow ",
                      rule));
  ExpectDenied(
      Blackhole(R"(to { host: "10.0.0.1" })"), "network.allow",
      StrCat("10.0.0.1 has packets of 10.0.0.1 that this host's policy does not allow ", rule));
  ExpectDenied(
      Blackhole("all_traffic: true"), "network.allow",
      StrCat("all traffic has packets of 0.0.0.0 that this host's policy does not allow ", rule));
}

TEST_F(PolicyPlanTest, DenyWinsOverAllow) {
  network().allow = {Endpoint("10.0.0.0/8")};
  network().deny = {Endpoint("10.0.0.0/24")};
  EXPECT_EQ(DetailsOf(Blackhole(R"(to { host: "10.0.0.1" })")).rule, "network.deny");
  EXPECT_EQ(Blackhole(R"(to { host: "10.0.1.1" })"), absl::OkStatus());
}

TEST_F(PolicyPlanTest, AnEmptyListAllowsNothing) {
  network().allow.emplace();
  ExpectDenied(Blackhole(R"(to { host: "10.0.0.1" })"), "network.allow",
               "10.0.0.1 has packets of 10.0.0.1 that this host's policy does not allow (rule "
               "network.allow: nothing); name only what is allowed");
}

TEST_F(PolicyPlanTest, Load) {
  stress() = {.max_cpu_load_percent = 50,
              .max_cpu_cores_percent = 50,
              .max_memory_percent = 25,
              .max_disk_percent_full = 90,
              .max_disk_io_threads = 2};
  ExpectDenied(Plan("cpu { load_percent: 50.01 core_count: 2 }"), "stress.max_cpu_load_percent",
               "spec.cpu.load_percent: 50.01% is more than this host's policy allows (rule "
               "stress.max_cpu_load_percent: 50%); ask for 50% at most");
  ExpectDenied(Plan("cpu { load_percent: 50 }"), "stress.max_cpu_cores_percent",
               "spec.cpu.cores: 100% is more than this host's policy allows (rule "
               "stress.max_cpu_cores_percent: 50%); ask for 50% at most");
  EXPECT_EQ(Plan("cpu { load_percent: 50 core_count: 2 }"), absl::OkStatus());
  ExpectDenied(Plan("memory { bytes: 3221225472 }"), "stress.max_memory_percent",
               "spec.memory: 37.5% is more than this host's policy allows (rule "
               "stress.max_memory_percent: 25%); ask for 25% at most");
  EXPECT_EQ(Plan("memory { bytes: 2147483648 }"), absl::OkStatus());
  ExpectDenied(Plan(R"(disk_fill { path: "/data" percent_full: 95 })"),
               "stress.max_disk_percent_full",
               "spec.disk_fill: 95% is more than this host's policy allows (rule "
               "stress.max_disk_percent_full: 90%); ask for 90% at most");
  ExpectDenied(Plan(R"(disk_fill { path: "/data" inodes_percent_full: 95 })"),
               "stress.max_disk_percent_full",
               "spec.disk_fill: 95% is more than this host's policy allows (rule "
               "stress.max_disk_percent_full: 90%); ask for 90% at most");
  EXPECT_EQ(Plan(R"(disk_fill { path: "/data" percent_full: 89 })"), absl::OkStatus());
  ExpectDenied(Plan(R"(disk_io { path: "/data" threads: 3 })"), "stress.max_disk_io_threads",
               "spec.disk_io.threads: 3 are more than this host's policy allows (rule "
               "stress.max_disk_io_threads: 2); ask for 2 at most");
  EXPECT_EQ(Plan(R"(disk_io { path: "/data" threads: 2 })"), absl::OkStatus());
}

TEST_F(PolicyPlanTest, PathsAreThoseOfTheDirectoriesThatWereOpened) {
  auto& disks = host.file_systems.there;
  for (const char* path : {"/data/in/it", "/database"}) {
    disks[path] = disks["/data"];
    disks[path].path = path;
  }
  disks["/srv/link"] = disks["/data"];  // a symbolic link to it
  disks["/data/out"] = disks["/database"];
  constexpr char kRefusal[] =
      " is in no directory that this host's policy allows (rule stress.paths: /srv/link, /gone); "
      "name one below these";
  stress().paths = {"/srv/link", "/gone"};
  for (const char* path : {"/data", "/data/in/it", "/srv/link"})
    EXPECT_EQ(Plan(StrCat("disk_io { path: \"", path, "\" }")), absl::OkStatus()) << path;
  ExpectDenied(Plan(R"(disk_io { path: "/database" })"), "stress.paths",
               StrCat("spec.disk_io.path: /database", kRefusal));
  ExpectDenied(Plan(R"(disk_fill { path: "/data/out" bytes: 4096 })"), "stress.paths",
               StrCat("spec.disk_fill.path: /database", kRefusal));
  stress().paths = {"/"};
  disks["/"] = disks["/data"];
  disks["/"].path = "/";
  EXPECT_EQ(Plan(R"(disk_io { path: "/database" })"), absl::OkStatus());
}

}  // namespace
}  // namespace faultd
