#include "ctl/options.h"

#include <gtest/gtest.h>

#include <chrono>

#include "ctl/command_line.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"

namespace faultd::ctl {
namespace {

using namespace std::chrono_literals;

std::string ErrorOf(const std::string& line) {
  const auto options = ParseLine(line);
  return options.ok() ? "no error" : std::string(options.status().message());
}

void ExpectInject(const std::string& line, const std::string& request) {
  const auto options = ParseLine(line);
  ASSERT_TRUE(options.ok()) << options.status();
  v1::InjectFaultRequest expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(request, &expected));
  google::protobuf::util::MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  EXPECT_TRUE(differencer.Compare(expected, options->inject)) << line << "\n" << differences;
}

TEST(Options, MakeTheRequestOfALatency) {
  ExpectInject("latency --delay 100ms --to 10.0.0.0/8:5432/tcp --for 5m", R"(
      spec { latency { delay { nanos: 100000000 } target {
        to { host: "10.0.0.0/8" ports { first: 5432 } protocol: PROTOCOL_TCP } } } }
      duration { seconds: 300 })");
  ExpectInject(
      "latency --delay 100ms --jitter 10ms --correlation 25% --distribution pareto --to a --to "
      "[::1]"
      " --except b:22 --interface ens5,ens6 --interface ens7 --direction both --protocol udp"
      " --local-port 80-90 --flows-percent 50 --for PT5M --id my-1 --label k=v --label e="
      " --not-renewable --stop-if probe:db:5 --stop-if file:/run/x",
      R"(
      id: "my-1"
      spec { latency {
        delay { nanos: 100000000 } jitter { nanos: 10000000 } correlation_percent: 25
        distribution: DELAY_DISTRIBUTION_PARETO
        target {
          to { host: "a" protocol: PROTOCOL_UDP local_ports { first: 80 last: 90 } }
          to { host: "::1" protocol: PROTOCOL_UDP local_ports { first: 80 last: 90 } }
          except { host: "b" ports { first: 22 } }
          interfaces: "ens5" interfaces: "ens6" interfaces: "ens7"
          direction: DIRECTION_BOTH flows_percent: 50
        } } }
      duration { seconds: 300 }
      labels { key: "k" value: "v" } labels { key: "e" value: "" }
      not_renewable: true
      guards { probe { probe: "db" consecutive: 5 } } guards { file { path: "/run/x" } })");
}

TEST(Options, MakeTheRequestsOfOtherKinds) {
  ExpectInject("loss --percent 7 --to api.example.com --direction ingress --for PT5M", R"(
      spec { loss { percent: 7 target { to { host: "api.example.com" }
                                        direction: DIRECTION_INGRESS } } }
      duration { seconds: 300 })");
  ExpectInject("loss --gilbert-elliott 1,25%,90,0.5 --all-traffic --for 1s", R"(
      spec { loss { target { all_traffic: true } gilbert_elliott {
        good_to_bad_percent: 1 bad_to_good_percent: 25
        loss_in_bad_percent: 90 loss_in_good_percent: 0.5 } } }
      duration { seconds: 1 })");
  ExpectInject("blackhole --to db.example.com:5432 --to [2001:db8::5]:443 --for 90s", R"(
      spec { blackhole { target { to { host: "db.example.com" ports { first: 5432 } }
                                  to { host: "2001:db8::5" ports { first: 443 } } } } }
      duration { seconds: 90 })");
  ExpectInject("blackhole --local-port 8080 --protocol tcp --for 90s", R"(
      spec { blackhole { target { to { local_ports { first: 8080 } protocol: PROTOCOL_TCP } } } }
      duration { seconds: 90 })");
  ExpectInject("noop --note hello --for 1h30m",
               R"(spec { noop { note: "hello" } } duration { seconds: 5400 })");
}

TEST(Options, MakeTheRequestsOfStress) {
  ExpectInject("cpu --load 80 --cores all --for 5m",
               R"(spec { cpu { load_percent: 80 } } duration { seconds: 300 })");
  ExpectInject("cpu --load 12.5% --cores 0-3,7 --mode total --ramp 30s --priority idle --for 5m",
               R"(spec { cpu { load_percent: 12.5 core_list: "0-3,7" mode: CPU_MODE_TOTAL
                               ramp { seconds: 30 } priority: CPU_PRIORITY_IDLE } }
                  duration { seconds: 300 })");
  ExpectInject("cpu --load 80 --cores 2 --mode add --for 5m",
               R"(spec { cpu { load_percent: 80 core_count: 2 mode: CPU_MODE_ADD } }
                  duration { seconds: 300 })");
  ExpectInject("memory --size 4GiB --for 5m",
               R"(spec { memory { bytes: 4294967296 } } duration { seconds: 300 })");
  ExpectInject(
      "memory --percent 75 --mode absolute --rate 100MiB --content compressible --backing "
      "page-cache --reserve 1G --for 5m",
      R"(spec { memory { percent_of_total: 75 mode: MEMORY_MODE_ABSOLUTE
                         bytes_per_second: 104857600 content: MEMORY_CONTENT_COMPRESSIBLE
                         backing: MEMORY_BACKING_PAGE_CACHE reserve_bytes: 1073741824 } }
         duration { seconds: 300 })");
  ExpectInject("memory --percent-of-available 50 --ramp 1m --for 5m",
               R"(spec { memory { percent_of_available: 50 ramp { seconds: 60 } } }
                  duration { seconds: 300 })");
  ExpectInject("disk-fill --path /var --percent 95 --for 5m",
               R"(spec { disk_fill { path: "/var" percent_full: 95 } } duration { seconds: 300 })");
  ExpectInject("disk-fill --path /var --leave 1GiB --for 5m",
               R"(spec { disk_fill { path: "/var" leave_free_bytes: 1073741824 } }
                  duration { seconds: 300 })");
  ExpectInject("disk-fill --path /var --inodes-percent 100 --for 5m",
               R"(spec { disk_fill { path: "/var" inodes_percent_full: 100 } }
                  duration { seconds: 300 })");
  ExpectInject(
      "disk-io --path /var/tmp --threads 4 --block 4k --mix 70/30 --for 5m",
      R"(spec { disk_io { path: "/var/tmp" threads: 4 block_bytes: 4096 read_percent: 70 } }
                  duration { seconds: 300 })");
  ExpectInject(
      "disk-io --path / --pattern sequential --buffered --file-size 1GiB --iops 500 --for 5m",
      R"(spec { disk_io { path: "/" pattern: ACCESS_PATTERN_SEQUENTIAL direct: false
                          file_bytes: 1073741824 operations_per_second: 500 } }
         duration { seconds: 300 })");
  ExpectInject("disk-io --path / --direct --rate 50MiB --for 5m",
               R"(spec { disk_io { path: "/" direct: true bytes_per_second: 52428800 } }
                  duration { seconds: 300 })");
}

TEST(Options, OfStressThatMakeNoSense) {
  EXPECT_EQ(ErrorOf("cpu --for 5m"), "--load: is missing: write e.g. --load 80");
  EXPECT_EQ(ErrorOf("cpu --load 80 --cores x --for 5m"),
            "--cores: \"x\" is not known; write all, a count such as 2, or a list such as 0-3,7 "
            "(core 5 alone: 5-5)");
  EXPECT_EQ(ErrorOf("cpu --load 80 --mode both --for 5m"),
            "--mode: \"both\" is not known; write add or total");
  EXPECT_EQ(ErrorOf("memory --for 5m"),
            "--size: is missing: write e.g. --size 4GiB (one of --size, --percent, "
            "--percent-of-available)");
  EXPECT_EQ(ErrorOf("memory --size 1G --percent 5 --for 5m"),
            "--size: cannot go with --percent; give one of them");
  EXPECT_EQ(ErrorOf("memory --size 1G --ramp 1m --rate 1M --for 5m"),
            "--ramp: cannot go with --rate; give one of them");
  EXPECT_EQ(ErrorOf("memory --size lots --for 5m"),
            "--size: \"lots\" is not a size: write 4GiB, 512MiB or a number of bytes");
  EXPECT_EQ(ErrorOf("disk-fill --size 1G --for 5m"), "--path: is missing: write e.g. --path /var");
  EXPECT_EQ(ErrorOf("disk-fill --path /var --for 5m"),
            "--percent: is missing: write e.g. --percent 95 (one of --percent, --size, --leave, "
            "--inodes-percent)");
  for (const std::string mix : {"70", "70/40", "a/b", "130/-30", "70/30/0"}) {
    EXPECT_EQ(ErrorOf("disk-io --path / --for 5m --mix " + mix),
              "--mix: \"" + mix +
                  "\" is not a mix; write the shares of reads and writes in per cent, e.g. 70/30");
  }
  EXPECT_EQ(ErrorOf("disk-io --path / --direct --buffered --for 5m"),
            "--direct: cannot go with --buffered; give one of them");
}

TEST(Options, AnEndpointsOwnProtocolWins) {
  ExpectInject("blackhole --to a/tcp --to b --protocol udp --for 1s", R"(
      spec { blackhole { target { to { host: "a" protocol: PROTOCOL_TCP }
                                  to { host: "b" protocol: PROTOCOL_UDP } } } }
      duration { seconds: 1 })");
}

TEST(Options, ChooseTheCommand) {
  EXPECT_EQ(ParseLine("noop --for 1s")->command, Command::kInject);
  EXPECT_EQ(ParseLine("noop --for 1s --hold")->command, Command::kHold);
  EXPECT_EQ(ParseLine("noop --for 1s --hold --grace 5s")->grace, 5s);
  EXPECT_EQ(ParseLine("noop --dry-run")->command, Command::kPlan);
  EXPECT_EQ(ParseLine("list --all")->all, true);
  EXPECT_EQ(ParseLine("get a b")->ids, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(ParseLine("watch")->command, Command::kWatch);
  EXPECT_EQ(ParseLine("watch my-1 --interval 5s")->interval, 5s);
  EXPECT_EQ(ParseLine("renew my-1 --for 2m")->duration, 2min);
  EXPECT_EQ(ParseLine("revert a b")->ids.size(), 2u);
  EXPECT_EQ(ParseLine("revert list")->ids.front(), "list");
  EXPECT_TRUE(ParseLine("revert --all")->all);
  EXPECT_TRUE(ParseLine("doctor --strict")->strict);
  EXPECT_EQ(ParseLine("version")->command, Command::kVersion);
  EXPECT_EQ(ParseLine("--version")->help, "faultctl " FAULTD_VERSION "\n");
  EXPECT_NE(ParseLine("latency --help")->help.find("--jitter DURATION"), std::string::npos);
}

TEST(Options, UnderstandTheLever) {
  EXPECT_EQ(ParseLine("lever")->lever, Options::LeverAction::kStatus);
  EXPECT_EQ(ParseLine("lever status")->lever, Options::LeverAction::kStatus);
  EXPECT_EQ(ParseLine("lever release")->lever, Options::LeverAction::kRelease);
  EXPECT_EQ(ParseLine("lever engage --reason why")->lever, Options::LeverAction::kEngage);
  EXPECT_EQ(ParseLine("lever engage --reason why")->reason, "why");
  EXPECT_EQ(ErrorOf("lever pull"), "lever: \"pull\" is no action; write engage, release or status");
  EXPECT_EQ(ErrorOf("lever engage"), "--reason: is missing: say why nothing may be injected");
  EXPECT_EQ(ErrorOf("lever release --reason why"),
            "--reason: only goes with lever engage; leave it out");
}

TEST(Options, UnderstandTheAuditLog) {
  EXPECT_EQ(ParseLine("audit")->file, "/var/log/faultd/audit.jsonl");
  EXPECT_FALSE(ParseLine("audit")->verify);
  EXPECT_EQ(ParseLine("audit --verify --file /tmp/x")->file, "/tmp/x");
}

TEST(Options, TakeGlobalsBeforeAndBehindTheCommand) {
  for (const char* line : {"--json --timeout 5s --address unix:/tmp/x list",
                           "list --json --timeout 5s --address /tmp/x"}) {
    const auto options = ParseLine(line);
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->command, Command::kList);
    EXPECT_TRUE(options->json);
    EXPECT_EQ(options->timeout, 5s);
    EXPECT_EQ(options->address, "unix:/tmp/x");
  }
  EXPECT_EQ(ParseLine("list")->address, "unix:/run/faultd/faultd.sock");
}

TEST(Options, TakeTheAddressFromTheEnvironment) {
  setenv("FAULTD_ADDRESS", "unix:/tmp/from-env", 1);
  EXPECT_EQ(ParseLine("list")->address, "unix:/tmp/from-env");
  EXPECT_EQ(ParseLine("list --address unix:/tmp/y")->address, "unix:/tmp/y");
  setenv("FAULTD_ADDRESS", "a:b", 1);
  EXPECT_EQ(ErrorOf("list"), "FAULTD_ADDRESS: \"a:b\": \"b\" is not a port; write 1 to 65535");
  setenv("FAULTD_ADDRESS", "", 1);
  EXPECT_EQ(ParseLine("list")->address, "unix:/run/faultd/faultd.sock");
  unsetenv("FAULTD_ADDRESS");
}

TEST(Options, TakeSeveralHosts) {
  setenv("FAULTD_TLS_CA", "ca", 1);
  setenv("FAULTD_ADDRESS", "unix:/tmp/from-env", 1);
  const auto options = ParseLine(
      "noop --for 1s --host a --host b:99 --host /c --select PERCENT(70) --parallel 3"
      " --all-or-nothing --tls-cert c --tls-key k --tls-name n");
  unsetenv("FAULTD_TLS_CA");
  unsetenv("FAULTD_ADDRESS");
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_EQ(options->fleet.hosts.size(), 3u);
  EXPECT_EQ(options->fleet.hosts[0].address, "a:7443");
  EXPECT_EQ(options->fleet.hosts[1].name, "b:99");
  EXPECT_EQ(options->fleet.select, 2u);
  EXPECT_EQ(options->fleet.parallel, 3u);
  EXPECT_TRUE(options->fleet.all_or_nothing);
  EXPECT_EQ(options->tls.ca, "ca");
  EXPECT_EQ(options->tls.certificate, "c");
  EXPECT_EQ(options->tls.key, "k");
  EXPECT_EQ(options->tls.name, "n");
  EXPECT_TRUE(NeedsTls(*options));
  EXPECT_FALSE(NeedsTls(*ParseLine("list --host /a --host /b")));
}

TEST(Options, SayWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "say what to do: give a command; see faultctl --help"},
      {"lst", "there is no command \"lst\"; see faultctl --help"},
      {"list --foo", "--foo: there is no such option here; see faultctl list --help"},
      {"list extra", "\"extra\" is one argument too many; see faultctl list --help"},
      {"loss --percent", "--percent: needs a value behind it; see faultctl loss --help"},
      {"loss --percent 1 --percent 2",
       "--percent: is given more than once; see faultctl loss --help"},
      {"get", "ID is required; see faultctl get --help"},
      {"renew a", "--for is required; see faultctl renew --help"},
      {"revert", "revert: say which faults: ids, or --all"},
      {"revert a --all", "revert: give ids or --all, not both"},
      {"list --timeout 5",
       "--timeout: \"5\" is not a duration: write 90s, 1h30m, 250ms or ISO 8601 such as PT5M"},
      {"list --address a:b", "--address: \"a:b\": \"b\" is not a port; write 1 to 65535"},
      {"list --address a:1 --tls-ca x --tls-key y",
       "--tls-cert: is missing: over TCP it takes --tls-ca, --tls-cert and --tls-key, or "
       "FAULTD_TLS_CA, FAULTD_TLS_CERT and FAULTD_TLS_KEY"},
      {"list --host /a --address /b",
       "--address: does not go with --host and --hosts-file; leave it out"},
      {"list --host /a --host unix:/a", "--host: \"unix:/a\" is given more than once"},
      {"list --host /a --select COUNT(1)",
       "--select: takes more than one host; give them with --host or --hosts-file"},
      {"list --all-or-nothing",
       "--all-or-nothing: takes more than one host; give them with --host or --hosts-file"},
      {"list --host /a --host /b --all-or-nothing",
       "--all-or-nothing: only goes with a fault; leave it out"},
      {"list --host /a --host /b --parallel 0", "--parallel: 0 is out of range; write 1 to 256"},
      {"list --host /a --host /b --select 5",
       "--select: \"5\" is not a selection; write COUNT(2), PERCENT(25) or ALL, in quotes"},
      {"watch --host /a", "--host: does not go with this command; ask one host, with --address"},
      {"noop", "--for: is missing: every fault has an end; write e.g. --for 5m"},
      {"noop --hold --dry-run", "--hold: there is nothing to hold in a --dry-run"},
      {"noop --for 1s --grace 1s", "--grace: only goes with --hold; leave it out"},
      {"noop --for 1s --label x", "--label: \"x\" is not a label; write KEY=VALUE, e.g. run=42"},
      {"latency --to a --for 1s", "--delay: is missing: write e.g. --delay 100ms"},
      {"latency --delay 1s --for 1s",
       "--to: is missing: say which packets, e.g. --to 10.0.0.0/8:5432/tcp (repeat for several), "
       "or --all-traffic"},
      {"latency --delay 1s --to a:b --for 1s",
       "--to: \"a:b\": \"b\" is not a port; write 1 to 65535"},
      {"latency --delay 1s --to a --except b/x --for 1s",
       "--except: \"b/x\": \"x\" is not a protocol; write tcp, udp, icmp or any"},
      {"latency --delay 1s --to any --for 1s",
       "--to: \"any\" is every packet; if that is meant, say --all-traffic"},
      {"latency --delay 1s --all-traffic --to a --for 1s",
       "--all-traffic: means every packet, so --to cannot go with it; leave one of them out"},
      {"latency --delay 1s --to a --direction out --for 1s",
       "--direction: \"out\" is not a direction; write egress, ingress or both (of this host)"},
      {"latency --delay 1s --to a --distribution gauss --for 1s",
       "--distribution: \"gauss\" is not a distribution; write uniform, normal, pareto or "
       "paretonormal"},
      {"latency --delay 1s --to a --flows-percent 12.5 --for 1s",
       "--flows-percent: \"12.5\" is not a whole percentage; write 1 to 100"},
      {"latency --delay 1s --to a --protocol sctp --for 1s",
       "--protocol: \"sctp\" is not a protocol; write tcp, udp, icmp or any"},
      {"latency --delay 1s --to a --local-port x --for 1s",
       "--local-port: \"x\" is not a port; write 1 to 65535"},
      {"loss --to a --for 1s",
       "--percent: is missing: write e.g. --percent 7, or --gilbert-elliott 1,25 for bursts"},
      {"loss --percent 1 --gilbert-elliott 1,2 --to a --for 1s",
       "--percent: cannot go with --gilbert-elliott; give one"},
      {"loss --percent -5 --to a --for 1s",
       "--percent: \"-5\" is not a percentage: write a number from 0 to 100"},
      {"loss --gilbert-elliott 1 --to a --for 1s",
       "--gilbert-elliott: \"1\" has 1 numbers; write P,R[,LOSS_IN_BAD[,LOSS_IN_GOOD]] in per "
       "cent, e.g. 1,25"},
  };
  for (const auto& [line, expected] : cases) EXPECT_EQ(ErrorOf(line), expected) << line;
}

TEST(Options, TakeTenThousandEndpoints) {
  std::string line = "blackhole --for 1s";
  for (int i = 0; i < 10'000; ++i) StrAppend(&line, " --to 10.", i / 256, ".", i % 256, ".0/24");
  const auto options = ParseLine(line);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->inject.spec().blackhole().target().to_size(), 10'000);
}

TEST(Options, OfProbes) {
  const auto options = ParseLine("probes --watch --json");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->command, Command::kProbes);
  EXPECT_TRUE(options->watch);
  EXPECT_TRUE(options->json);
  EXPECT_EQ(ErrorOf("probes db"), "\"db\" is one argument too many; see faultctl probes --help");
}

}  // namespace
}  // namespace faultd::ctl
