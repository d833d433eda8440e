#include "daemon/policy_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/strings.h"
#include "faults/net/target.h"

namespace faultd {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::IsEmpty;

std::string PolicyError(std::string_view text) {
  return std::string(ParsePolicy(text, "policy.toml").status().message());
}

std::vector<std::string> WordsOf(const std::vector<v1::Endpoint>& endpoints) {
  std::vector<std::string> words;
  words.reserve(endpoints.size());
  for (const v1::Endpoint& endpoint : endpoints) words.push_back(Describe(endpoint));
  return words;
}

void ExpectDefaults(const Policy& policy) {
  EXPECT_FALSE(policy.dry_run_only);
  EXPECT_FALSE(policy.kinds);
  EXPECT_EQ(policy.max_lease, hours(12));
  EXPECT_EQ(policy.max_lease_all_traffic, minutes(5));
  EXPECT_EQ(policy.max_active, 1000u);
  EXPECT_THAT(policy.max_active_per_kind, IsEmpty());
  EXPECT_THAT(policy.windows, IsEmpty());
  EXPECT_FALSE(policy.network.allow);
  EXPECT_THAT(policy.network.deny, IsEmpty());
  EXPECT_EQ(policy.stress.max_cpu_load_percent, 100);
  EXPECT_EQ(policy.stress.max_cpu_cores_percent, 100);
  EXPECT_EQ(policy.stress.max_memory_percent, 100);
  EXPECT_EQ(policy.stress.max_disk_percent_full, 100);
  EXPECT_EQ(policy.stress.max_disk_io_threads, 256u);
  EXPECT_EQ(policy.stress.memory_reserve, 256u << 20);
  EXPECT_EQ(policy.stress.journal_reserve, 256u << 20);
  EXPECT_FALSE(policy.stress.paths);
}

std::string ShippedText() {
  std::ifstream file(FAULTD_SHIPPED_POLICY);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(PolicyFile, ShippedFileHoldsTheDefaults) {
  const auto shipped = ParsePolicy(ShippedText(), "policy.toml");
  ASSERT_TRUE(shipped.ok()) << shipped.status();
  ExpectDefaults(*shipped);
  ExpectDefaults(*ParsePolicy("", "policy.toml"));
}

TEST(PolicyFile, ShippedFileShowsTheKeysThatHaveNoDefault) {
  std::string text = ShippedText();
  for (size_t at = 0; (at = text.find("\n#", at)) != std::string::npos; ++at) {
    if (text[at + 2] != ' ') text.erase(at + 1, 1);
  }
  const auto shown = ParsePolicy(text, "policy.toml");
  ASSERT_TRUE(shown.ok()) << shown.status();
  ASSERT_TRUE(shown->kinds && shown->network.allow && shown->stress.paths);
  EXPECT_EQ(shown->kinds->size(), FaultKinds().size());
  EXPECT_THAT(WordsOf(*shown->network.allow), ElementsAre("10.0.0.0/8:5432/tcp", "fd00::/8"));
  EXPECT_THAT(*shown->stress.paths, ElementsAre("/var/tmp", "/data"));
}

TEST(PolicyFile, ReadsEveryKey) {
  const auto policy = ParsePolicy(R"(
[faults]
dry_run_only = true
kinds = ["latency", "noop"]
max_lease = "1h"
max_lease_all_traffic = "30s"
max_active = 0
max_active_per_kind = { cpu = 1, noop = 3 }
windows = ["Mon-Fri 09:00-16:00 Europe/Paris", "Sat  10:00-12:00 UTC"]
[network]
allow = []
[[network.deny]]
cidr = "10.0.0.0/8"
ports = "5000-5100"
protocol = "tcp"
[[network.deny]]
ports = 53
local_ports = "22"
protocol = "udp"
[[network.deny]]
protocol = "icmp"
[stress]
max_cpu_load_percent = 50
max_cpu_cores_percent = 12.5
max_memory_percent = 0
max_disk_percent_full = 90
max_disk_io_threads = 4
memory_reserve = "1GiB"
journal_reserve = "64M"
paths = ["/var/tmp"]
)",
                                  "policy.toml");
  ASSERT_TRUE(policy.ok()) << policy.status();
  EXPECT_TRUE(policy->dry_run_only);
  EXPECT_THAT(*policy->kinds, ElementsAre("latency", "noop"));
  EXPECT_EQ(policy->max_lease, hours(1));
  EXPECT_EQ(policy->max_lease_all_traffic, std::chrono::seconds(30));
  EXPECT_EQ(policy->max_active, 0u);
  EXPECT_THAT(policy->max_active_per_kind,
              ElementsAre(testing::Pair("cpu", 1), testing::Pair("noop", 3)));
  ASSERT_EQ(policy->windows.size(), 2u);
  EXPECT_EQ(policy->windows[1].text(), "Sat 10:00-12:00 UTC");
  EXPECT_THAT(*policy->network.allow, IsEmpty());
  EXPECT_THAT(WordsOf(policy->network.deny),
              ElementsAre("10.0.0.0/8:5000-5100/tcp", "any:53/udp at local port 22", "any/icmp"));
  EXPECT_EQ(policy->stress.max_cpu_load_percent, 50);
  EXPECT_EQ(policy->stress.max_cpu_cores_percent, 12.5);
  EXPECT_EQ(policy->stress.max_memory_percent, 0);
  EXPECT_EQ(policy->stress.max_disk_percent_full, 90);
  EXPECT_EQ(policy->stress.max_disk_io_threads, 4u);
  EXPECT_EQ(policy->stress.memory_reserve, 1u << 30);
  EXPECT_EQ(policy->stress.journal_reserve, 64u << 20);
  EXPECT_THAT(*policy->stress.paths, ElementsAre("/var/tmp"));
}

TEST(PolicyFile, NamesWhatIsWrongAndWhere) {
  EXPECT_EQ(PolicyError("[faults]\nmax_lease = 3600\n"),
            "policy.toml:2:13: faults.max_lease: expected a duration from \"100ms\" to \"7d\", in "
            "quotes");
  EXPECT_EQ(PolicyError("[limits]\n"),
            "policy.toml:1:2: unknown section [limits]; there are faults, network, stress");
  EXPECT_EQ(PolicyError("faults = 1\n"), "policy.toml:1:1: faults: expected a section, [faults]");
  EXPECT_EQ(PolicyError("[network]\nalow = []\n"),
            "policy.toml:2:1: unknown key network.alow; [network] has allow, deny");
  EXPECT_EQ(PolicyError("[faults]\nkinds = [\"latncy\"]\n"),
            "policy.toml:2:9: faults.kinds: expected kinds of faults, of latency, loss, blackhole, "
            "cpu, memory, disk_fill, disk_io, ecs_drain, noop");
  EXPECT_EQ(PolicyError("[faults]\nkinds = \"latency\"\n"),
            "policy.toml:2:9: faults.kinds: expected a list of kinds of faults");
  for (const char* number : {"-1", "10001", "1.5", "\"1\""}) {
    EXPECT_EQ(PolicyError(StrCat("[faults]\nmax_active = ", number)),
              "policy.toml:2:14: faults.max_active: expected a number from 0 to 10000");
  }
  EXPECT_EQ(PolicyError("[faults]\nmax_active_per_kind = { cpu = -1 }\n"),
            "policy.toml:2:23: faults.max_active_per_kind: expected a number from 0 to 10000");
  EXPECT_EQ(PolicyError("[faults]\nmax_active_per_kind = 1\n"),
            "policy.toml:2:23: faults.max_active_per_kind: expected a table such as { cpu = 1, "
            "latency = 10 }");
  EXPECT_EQ(PolicyError("[faults]\nwindows = [\"Mon 9-16 UTC\"]\n"),
            "policy.toml:2:11: faults.windows: \"Mon 9-16 UTC\" is not a window such as \"Mon-Fri "
            "09:00-16:00 Europe/Paris\"");
  for (const char* percent : {"101", "-0.5", "\"50\"", "nan"}) {
    EXPECT_EQ(PolicyError(StrCat("[stress]\nmax_cpu_load_percent = ", percent)),
              "policy.toml:2:24: stress.max_cpu_load_percent: expected a number from 0 to 100");
  }
  EXPECT_EQ(PolicyError("[stress]\npaths = [\"tmp\"]\n"),
            "policy.toml:2:9: stress.paths: expected an absolute path");
  EXPECT_TRUE(PolicyError("[faults\n").starts_with("policy.toml:1:"));
}

TEST(PolicyFile, EndpointsThatAreWrong) {
  const auto error = [](std::string_view table) {
    return PolicyError(StrCat("[network]\ndeny = [", table, "]\n"));
  };
  const std::string place = "policy.toml:2:8: network.deny: expected ";
  for (const char* table : {"\"10.0.0.0/8\"", "{}"}) {
    EXPECT_EQ(error(table), StrCat(place,
                                   "tables with cidr, ports, local_ports or protocol, such as { "
                                   "cidr = \"10.0.0.0/8\", ports = \"5432\" }"));
  }
  for (const char* cidr : {"10.0.0.0/33", "db.example.com", ""}) {
    EXPECT_EQ(error(StrCat("{ cidr = \"", cidr, "\" }")),
              StrCat(place, "a cidr such as \"10.0.0.0/8\", \"2001:db8::/32\" or \"10.0.0.1\""));
  }
  for (const char* ports : {"0", "65536", "-1", "\"\"", "\"1-\"", "\"2-1\"", "\"1,2\"", "true"}) {
    EXPECT_EQ(error(StrCat("{ ports = ", ports, " }")),
              StrCat(place, "ports such as \"5432\" or \"5000-5100\""));
  }
  EXPECT_EQ(error("{ protocol = \"sctp\" }"),
            StrCat(place, "protocol \"tcp\", \"udp\" or \"icmp\""));
  EXPECT_EQ(error("{ host = \"10.0.0.1\" }"),
            StrCat(place, "cidr, ports, local_ports or protocol, not host"));
  EXPECT_EQ(error("{ protocol = \"icmp\", ports = 1 }"),
            StrCat(place, "no ports beside protocol \"icmp\", which has none"));
}

TEST(PolicyFile, ReportsAllErrorsOfAFile) {
  const std::string errors = PolicyError("[faults]\nmax_active = true\n[stress]\npaths = 1\n");
  EXPECT_NE(errors.find("policy.toml:2:14: "), std::string::npos) << errors;
  EXPECT_NE(errors.find("policy.toml:4:9: "), std::string::npos) << errors;
}

TEST(PolicyFile, MissingFileIsTold) {
  const Status status = LoadPolicy("/no/such/policy.toml").status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(status.message(), "open /no/such/policy.toml: No such file or directory");
}

TEST(PolicyFile, FileThatOthersCanWriteIsRefused) {
  char path[] = "/tmp/faultd-policy-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(fchmod(fd, 0666), 0);
  close(fd);
  const std::string link = StrCat(path, "-link");
  ASSERT_EQ(symlink(FAULTD_SHIPPED_POLICY, link.c_str()), 0);
  for (const std::string& refused : {std::string(path), link, std::string("/dev/null")}) {
    const Status status = LoadPolicy(refused).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(
        status.message(),
        StrCat(refused,
               " must be a regular file of root that nobody else can write; `chown root:root ",
               refused, " && chmod 644 ", refused, "`, once you trust what is in it"));
  }
  unlink(path);
  unlink(link.c_str());
}

}  // namespace
}  // namespace faultd
