#include "daemon/host_file_systems.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "base/threads.h"

namespace faultd {

void HostFileSystems::Look(const std::vector<std::string>& directories,
                           std::function<void()> done) {
  askers_.push_back({.missing = {directories.begin(), directories.end()},
                     .until = clock_.Now() + options_.patience,
                     .done = std::move(done)});
  StartThreads();
  if (askers_.size() == 1) PollAgain();
}

HostFileSystems::Answer HostFileSystems::Of(const std::string& directory) const {
  const auto found = known_.find(directory);
  if (found != known_.end()) return found->second.answer;
  return absl::UnavailableError(
      StrCat(directory, ": its file system was not looked at; try again"));
}

void HostFileSystems::Poll() {
  TakeAnswers();
  StartThreads();
  std::vector<std::function<void()>> done;
  for (auto asker = askers_.begin(); asker != askers_.end();) {
    if (asker->until <= clock_.Now()) GiveUp(*asker);
    if (!asker->missing.empty()) {
      ++asker;
      continue;
    }
    done.push_back(std::move(asker->done));
    asker = askers_.erase(asker);
  }
  if (!askers_.empty()) PollAgain();
  for (const auto& each : done) each();
}

void HostFileSystems::PollAgain() {
  constexpr std::chrono::milliseconds kInterval{1};
  loop_.At(clock_.Now() + kInterval, [this] { Poll(); });
}

void HostFileSystems::TakeAnswers() {
  for (auto look = under_way_.begin(); look != under_way_.end();) {
    if (look->second.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      ++look;
      continue;
    }
    Note(look->first, look->second.get());
    look = under_way_.erase(look);
  }
}

void HostFileSystems::StartThreads() {
  for (const Asker& asker : askers_) {
    const std::set<std::string> wanted = asker.missing;  // Note shortens the original
    for (const std::string& directory : wanted) {
      if (under_way_.contains(directory) || under_way_.size() >= options_.most_threads) continue;
      auto look = AskApart([read = options_.read, directory] { return read(directory); });
      if (look.ok()) {
        under_way_.emplace(directory, *std::move(look));
      } else {
        Note(directory, look.status());
      }
    }
  }
}

void HostFileSystems::GiveUp(Asker& asker) {
  for (const std::string& directory : std::exchange(asker.missing, {})) {
    const std::string why =
        under_way_.contains(directory)
            ? StrCat("does not answer; try again once it does")
            : StrCat("was not asked, because those of ", options_.most_threads,
                     " other directories do not answer; try again once one of them does");
    Keep(directory, absl::UnavailableError(StrCat(directory, ": its file system ", why)));
  }
}

void HostFileSystems::Note(const std::string& directory, Answer answer) {
  Keep(directory, std::move(answer));
  for (Asker& asker : askers_) asker.missing.erase(directory);
}

void HostFileSystems::Keep(const std::string& directory, Answer answer) {
  known_.insert_or_assign(directory, Known{std::move(answer), next_number_++});
  if (known_.size() <= options_.most_known) return;
  known_.erase(std::min_element(known_.begin(), known_.end(), [](const auto& a, const auto& b) {
    return a.second.number < b.second.number;
  }));
}

}  // namespace faultd
