#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bench/commands.h"
#include "bench/daemon.h"
#include "bench/measures.h"
#include "bench/path.h"
#include "bench/requests.h"

namespace faultd::bench {
namespace {

// A way to cut off many addresses, none of which the measured traffic goes to.
struct Obstacle {
  std::string name;
  std::function<void(const std::vector<std::string>&)> put;
  std::function<void()> remove;
};

bool Works(const std::vector<std::string>& command) {
  try {
    Run(command);
    return true;
  } catch (const std::exception& error) {
    fprintf(stderr, "faultd_bench: left out: %s\n", error.what());
    return false;
  }
}

// A line for each address, with others around them.
void WriteLines(const std::string& path, const std::vector<std::string>& to,
                const std::string& line_begin, const std::string& line_end,
                const std::string& first = "", const std::string& last = "") {
  std::ofstream file(path);
  file << first;
  for (const std::string& cidr : to) file << line_begin << cidr << line_end;
  file << last;
}

std::vector<Obstacle> Obstacles(const Setup& setup, Daemon& daemon) {
  const std::string file = setup.directory + "/obstacle";
  std::vector<Obstacle> obstacles = {
      {"faultd",
       [&daemon, number = 0](const std::vector<std::string>& to) mutable {
         auto request =
             BlackholeRequest(fmt::format("path-{}", number++), to, std::chrono::hours(1));
         v1::NetworkTarget& target = *request.mutable_spec()->mutable_blackhole()->mutable_target();
         target.set_interfaces(0, kNearInterface);
         daemon.Inject(request);
       },
       [&daemon] { daemon.RevertAll(); }}};
  for (const std::string variant : {"iptables-nft", "iptables-legacy"}) {
    if (!Works({variant + "-restore", "--test", "/dev/null"})) continue;
    const auto load = [=](const std::vector<std::string>& to) {
      WriteLines(file, to, "-A OUTPUT -d ", " -j DROP\n", "*filter\n", "COMMIT\n");
      Run({variant + "-restore", file});
    };
    obstacles.push_back({variant, load, [=] { load({}); }});
  }
  const auto routes = [=](const std::string& verb) {
    return [=](const std::vector<std::string>& to) {
      WriteLines(file, to, "route " + verb + " blackhole ", "\n");
      Run({"ip", "-batch", file});
    };
  };
  obstacles.push_back({"blackhole routes", routes("add"),
                       [=] { Run({"ip", "route", "flush", "type", "blackhole"}); }});
  return obstacles;
}

struct Figures {
  Samples tcp, udp;
};

// In pieces that are short beside the time slices of a scheduler.
constexpr size_t kMegabytes = 2;

void Cross(const Setup& setup, Path& path, Figures& figures) {
  const int round_trips = setup.quick ? 50 : 2000;
  const int transfers = setup.quick ? 2 : 60;
  for (int i = 0; i < round_trips / 10; ++i) path.RoundTrip();  // warm
  for (int i = 0; i < round_trips; ++i) Time(figures.udp, [&] { path.RoundTrip(); });
  for (int i = 0; i < transfers; ++i) Time(figures.tcp, [&] { path.SendTcp(kMegabytes << 20); });
}

void AddRows(Report& report, const std::string& what, Samples Figures::* samples,
             const std::vector<Obstacle>& obstacles, std::map<std::string, Figures>& figures) {
  const Samples& none = figures[""].*samples;
  report.Add(Row(what + ", no targets", none));
  for (const Obstacle& each : obstacles) {
    report.Add(Row(fmt::format("{}, {}", what, each.name), figures[each.name].*samples))
        .SlowerThan("no targets", none);
  }
}

}  // namespace

void MeasurePath(const Setup& setup, Report& report) {
  Path path;
  Daemon daemon(setup.programs, setup.directory);
  daemon.Start();
  const std::vector<Obstacle> obstacles = Obstacles(setup, daemon);
  for (const int targets : {1, 100, 10'000}) {
    const std::vector<std::string> to = Cidrs(targets);
    std::map<std::string, Figures> figures;  // by obstacle; "": none
    for (int turn = 0; turn < std::max(1, setup.rounds / 40); ++turn) {
      for (const Obstacle& each : obstacles) {
        Cross(setup, path, figures[""]);
        each.put(to);
        Cross(setup, path, figures[each.name]);
        each.remove();
      }
    }
    report.Section(fmt::format("path of other traffic beside {} blackholed target{}", targets,
                               targets == 1 ? "" : "s"));
    AddRows(report, "UDP round trip", &Figures::udp, obstacles, figures);
    AddRows(report, fmt::format("{} MiB over TCP", kMegabytes), &Figures::tcp, obstacles, figures);
    report.PrintLastSection();
  }
  daemon.Stop();
}

}  // namespace faultd::bench
