#include "ctl/fleet.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <syncstream>
#include <thread>

#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "ctl/commands.h"
#include "ctl/stop_watcher.h"

namespace faultd::ctl {
namespace {

// One host and the command on it.
struct Member {
  Member(const Host& host, const Options& options, const Transport& transport,
         std::ostream& shared_out, std::ostream& shared_err, Output::Style style)
      : out(shared_out),
        err(shared_err),
        output(out, err, OfHost(std::move(style), host.name)),
        client(host.address, options.timeout, transport) {
    // Each flush of a line hands it over whole, so that those of several hosts do not mix.
    out << std::emit_on_flush;
    err << std::emit_on_flush;
  }

  static Output::Style OfHost(Output::Style style, const std::string& name) {
    style.host = name;
    style.terminal = style.color = false;
    return style;
  }

  std::osyncstream out;
  std::osyncstream err;
  Output output;
  Client client;
  // Can be read once per wish to stop.
  UniqueFd stop{eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE)};
  ExitCode exit = ExitCode::kDone;
};

class Fleet {
 public:
  Fleet(const Options& options, std::vector<std::unique_ptr<Member>> members)
      : options_(options), members_(std::move(members)) {}

  ExitCode Run(int stop_fd) {
    {
      StopWatcher watcher(stop_fd, std::chrono::milliseconds(0), [this] { Stop(); }, [] {});
      // A held fault occupies its thread to its end.
      const bool hold = options_.command == Command::kHold;
      ForEach(hold ? members_.size() : options_.fleet.parallel, [this](Member& m) { RunOn(m); });
    }
    if (stopping_ && options_.command == Command::kInject) {
      ForEach(options_.fleet.parallel, [this](Member& member) { Undo(member); });
    }
    ExitCode worst = ExitCode::kDone;
    for (const auto& member : members_) worst = Worst(worst, member->exit);
    // Stopped by somebody, and reverted.
    const bool undone = stopping_ && options_.command == Command::kInject;
    return undone && worst == ExitCode::kDone ? ExitCode::kFaultFailed : worst;
  }

 private:
  void ForEach(size_t parallel, const std::function<void(Member&)>& work) {
    std::atomic<size_t> next = 0;
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < std::min(parallel, members_.size()); ++i) {
      threads.emplace_back([&] {
        for (size_t n = next++; n < members_.size(); n = next++) work(*members_[n]);
      });
    }
  }

  void RunOn(Member& member) {
    if (stopping_) {
      member.output.Warn("not begun");
      return;
    }
    member.exit = ctl::Run(options_, member.client, member.output, member.stop.get());
    if (member.exit != ExitCode::kDone && options_.fleet.all_or_nothing &&
        !stopping_.exchange(true))
      TellAll();
  }

  void Stop() {
    stopping_ = true;
    TellAll();
  }

  void TellAll() {
    for (const auto& member : members_) eventfd_write(member->stop.get(), 1);
  }

  // Reverts what there may be of the fault. A daemon that refused it may have another of that id.
  void Undo(Member& member) {
    const bool refused = member.exit == ExitCode::kRefused || member.exit == ExitCode::kUsage;
    if (refused || !member.client.may_have_asked()) return;
    Options revert;
    revert.command = Command::kRevert;
    revert.ids = {options_.inject.id()};
    const ExitCode undone = ctl::Run(revert, member.client, member.output, /*stop_fd=*/-1);
    member.exit =
        Worst(member.exit, undone == ExitCode::kUnreachable ? ExitCode::kRevertIncomplete : undone);
  }

  const Options& options_;
  const std::vector<std::unique_ptr<Member>> members_;
  std::atomic<bool> stopping_ = false;
};

// An id for those who choose none: the same everywhere, so that the fault can be reverted without
// knowing an answer.
std::string RandomId() {
  std::random_device random;
  return StrCat("fleet-", absl::Hex(random(), absl::kZeroPad8));
}

}  // namespace

ExitCode Worst(ExitCode one, ExitCode other) {
  constexpr std::array kWorstFirst = {
      ExitCode::kRevertIncomplete, ExitCode::kUnreachable, ExitCode::kFaultFailed,
      ExitCode::kRefused,          ExitCode::kUsage,       ExitCode::kDone};
  return *std::find_if(kWorstFirst.begin(), kWorstFirst.end(),
                       [&](ExitCode each) { return each == one || each == other; });
}

ExitCode RunFleet(Options options, const Transport& transport, std::ostream& out, std::ostream& err,
                  Output::Style style, int stop_fd) {
  if (options.command == Command::kInject || options.command == Command::kHold) {
    if (options.inject.id().empty()) options.inject.set_id(RandomId());
  }
  const std::vector<Host>& hosts = options.fleet.hosts;
  const std::vector<Host> chosen = Choose(hosts, options.fleet.select);
  if (chosen.size() < hosts.size()) {
    const auto name = [](std::string* text, const Host& host) { text->append(host.name); };
    Output(out, err, style)
        .Warn(StrCat("chose ", chosen.size(), " of ", hosts.size(),
                     " hosts: ", absl::StrJoin(chosen, ", ", name)));
  }
  std::vector<std::unique_ptr<Member>> members;
  members.reserve(chosen.size());
  for (const Host& host : chosen)
    members.push_back(std::make_unique<Member>(host, options, transport, out, err, style));
  return Fleet(options, std::move(members)).Run(stop_fd);
}

}  // namespace faultd::ctl
