#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aws/time_format.h"
#include "guards/host_guards.h"
#include "support/manual_loop.h"
#include "unit/aws/aws_fixture.h"

namespace faultd {

inline constexpr uint64_t kMiB = 1 << 20;

// Probes whose results the test makes up.
class FakeProbes final : public ProbeSource {
 public:
  void Add(const std::string& name) {
    all_.push_back(std::make_unique<ProbeHistory>());
    all_.back()->config.name = name;
  }
  // An empty error is a success.
  void Result(const std::string& name, const std::string& error) {
    ProbeHistory& history = *const_cast<ProbeHistory*>(Find(name));
    const bool up = error.empty();
    history.consecutive = history.known() && history.up() == up ? history.consecutive + 1 : 1;
    history.results.push_back({.up = up, .error = error});
    for (const auto& [id, each] : std::map(watchers_)) each(history);
  }

  const std::vector<std::unique_ptr<ProbeHistory>>& all() const override { return all_; }
  const ProbeHistory* Find(std::string_view name) const override {
    for (const auto& each : all_) {
      if (each->config.name == name) return each.get();
    }
    return nullptr;
  }
  Probes::WatchId Watch(Probes::Watcher each) override {
    watchers_.emplace(++last_, std::move(each));
    return last_;
  }
  void Unwatch(Probes::WatchId watch) override { watchers_.erase(watch); }
  size_t watchers() const { return watchers_.size(); }

 private:
  std::vector<std::unique_ptr<ProbeHistory>> all_;
  std::map<Probes::WatchId, Probes::Watcher> watchers_;
  Probes::WatchId last_ = 0;
};

// A host whose /proc is a folder and whose time is the test's, with a CloudWatch on loopback.
class GuardsTest : public AwsTest {
 protected:
  // One fault's guards, and what has come of them.
  struct Watched {
    std::unique_ptr<GuardWatcher::Watch> watch;
    std::optional<Status> ready;
    std::string tripped;
    int calls = 0;  // of either callback
  };

  GuardsTest() {
    WriteFile("proc/self/mountinfo", "21 1 259:1 / / rw - ext4 /dev/root rw\n");
    SetMemory(16'000'000, 8'000'000);
    for (const char* resource : {"cpu", "memory", "io"}) SetPressure(resource, 0, 0);
  }

  void MakeGuards(bool with_aws = true, std::vector<v1::Guard> standing = {}) {
    guards_ = std::make_unique<HostGuards>(context_, loop_, clock_, probes_,
                                           with_aws ? MakeApi(1) : nullptr,
                                           HostGuards::Options{std::move(standing), folder_});
  }
  void SetMemory(uint64_t total_kib, uint64_t available_kib) {
    WriteFile("proc/meminfo", StrCat("MemTotal:       ", total_kib, " kB\nMemFree:  1 kB\n",
                                     "MemAvailable:   ", available_kib, " kB\n"));
  }
  void SetPressure(const std::string& resource, double some, double full) {
    WriteFile("proc/pressure/" + resource,
              StrCat("some avg10=", some, " avg60=99.00 avg300=99.00 total=1\n",
                     "full avg10=", full, " avg60=99.00 avg300=99.00 total=1\n"));
  }

  std::unique_ptr<Watched> Begin(std::vector<v1::Guard> guards) {
    if (guards_ == nullptr) MakeGuards();
    auto watched = std::make_unique<Watched>();
    Watched* at = watched.get();
    watched->watch = guards_->Start(
        std::move(guards),
        [at](const Status& status) {
          at->ready = status;
          ++at->calls;
        },
        [at](const std::string& why) {
          at->tripped = why;
          ++at->calls;
        });
    EXPECT_EQ(watched->calls, 0);
    return watched;
  }
  // Begins and expects that all is well.
  std::unique_ptr<Watched> BeginWell(std::vector<v1::Guard> guards) {
    auto watched = Begin(std::move(guards));
    Settle([&] { return watched->ready.has_value(); });
    EXPECT_TRUE(watched->ready->ok()) << *watched->ready;
    return watched;
  }
  // Begins and returns why that is refused.
  Status Refused(std::vector<v1::Guard> guards) {
    const auto watched = Begin(std::move(guards));
    Settle([&] { return watched->ready.has_value(); });
    EXPECT_FALSE(watched->ready->ok());
    const Status status = *watched->ready;
    loop_.RunFor(std::chrono::seconds(5));
    EXPECT_EQ(watched->calls, 1);
    return status;
  }
  // What the guards of a field error or another refusal say.
  std::string RefusedText(std::vector<v1::Guard> guards) {
    return std::string(Refused(std::move(guards)).message());
  }
  void Tick() { loop_.RunFor(std::chrono::seconds(1)); }

  // Runs what is due now, and the network, until a condition holds.
  void Settle(const std::function<bool()>& condition) {
    loop_.RunReady();
    if (condition()) return;
    RunUntil(context_, [&] {
      loop_.RunReady();
      return condition();
    });
  }

  Reply Answer(const Request& request) override {
    ++asked_;
    last_body_ = request.body;
    if (!code_.empty()) {
      return {400, StrCat("<ErrorResponse><Error><Code>", code_,
                          "</Code><Message>no</Message></Error></ErrorResponse>")};
    }
    std::string metric;
    std::string composite;
    for (const auto& [name, alarm] : alarms_) {
      if (request.body.find("=" + PercentEncode(name) + "&") == std::string::npos) continue;
      StrAppend(alarm.composite ? &composite : &metric, "<member><AlarmName>", name,
                "</AlarmName><AlarmArn>", ArnOf(name), "</AlarmArn><StateValue>", alarm.state,
                "</StateValue><StateReason>", alarm.reason, "</StateReason></member>");
    }
    return {200, StrCat("<DescribeAlarmsResponse><DescribeAlarmsResult><MetricAlarms>", metric,
                        "</MetricAlarms><CompositeAlarms>", composite,
                        "</CompositeAlarms></DescribeAlarmsResult></DescribeAlarmsResponse>")};
  }
  static std::string ArnOf(const std::string& name) {
    return "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:" + name;
  }

  struct FakeAlarm {
    std::string state = "OK";
    std::string reason = "Threshold Crossed";
    bool composite = false;
  };
  // The server's thread reads these, so they change only while nothing is asked.
  std::map<std::string, FakeAlarm> alarms_;
  std::string code_;
  std::string last_body_;
  std::atomic<int> asked_ = 0;

  ManualLoop loop_{clock_};
  FakeProbes probes_;
  std::unique_ptr<HostGuards> guards_;
};

inline v1::Guard ProbeFails(const std::string& name, uint32_t consecutive = 0) {
  v1::Guard guard;
  guard.mutable_probe()->set_probe(name);
  guard.mutable_probe()->set_consecutive(consecutive);
  return guard;
}
inline v1::Guard PressureAbove(v1::PressureGuard::Resource resource, double percent,
                               bool full = false) {
  v1::Guard guard;
  guard.mutable_pressure()->set_resource(resource);
  guard.mutable_pressure()->set_above_percent(percent);
  guard.mutable_pressure()->set_full(full);
  return guard;
}
inline v1::Guard MemoryBelow(uint64_t bytes) {
  v1::Guard guard;
  guard.mutable_memory()->set_below_bytes(bytes);
  return guard;
}
inline v1::Guard MemoryBelowPercent(double percent) {
  v1::Guard guard;
  guard.mutable_memory()->set_below_percent(percent);
  return guard;
}
inline v1::Guard AlarmRings(const std::string& alarm) {
  v1::Guard guard;
  guard.mutable_alarm()->set_alarm(alarm);
  return guard;
}
inline v1::Guard FileAppears(const std::string& path) {
  v1::Guard guard;
  guard.mutable_file()->set_path(path);
  return guard;
}

}  // namespace faultd
