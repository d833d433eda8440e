#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "engine/loop.h"
#include "faults/stress/file_systems.h"

namespace faultd {

// Looks at each directory on a thread of its own: one disk that stalls must not hide the others.
// Never waits for a thread, which may not run for long on a busy host, but asks from time to time
// whether it is done.
class HostFileSystems final : public FileSystems {
 public:
  using Answer = StatusOr<FileSystemFacts>;

  struct Options {
    std::chrono::nanoseconds patience = std::chrono::seconds(2);  // with each look
    size_t most_threads = 8;                                      // others wait for their turn
    size_t most_known = 1024;  // directories; those looked at longest ago are forgotten
    std::function<Answer(const std::string& directory)> read = ReadFileSystemOf;  // on a thread
  };

  HostFileSystems(Loop& loop, const Clock& clock) : HostFileSystems(loop, clock, Options()) {}
  HostFileSystems(Loop& loop, const Clock& clock, Options options)
      : loop_(loop), clock_(clock), options_(std::move(options)) {}

  // Never calls back from inside.
  void Look(const std::vector<std::string>& directories, std::function<void()> done) override;
  Answer Of(const std::string& directory) const override;

 private:
  struct Asker {
    std::set<std::string> missing;  // directories that have not answered
    BootTime until{};
    std::function<void()> done;
  };
  struct Known {
    Answer answer;
    uint64_t number = 0;  // order of looks
  };

  void Poll();
  void PollAgain();
  void TakeAnswers();
  void StartThreads();
  // It has had its time.
  void GiveUp(Asker& asker);
  // For all who wait for it.
  void Note(const std::string& directory, Answer answer);
  void Keep(const std::string& directory, Answer answer);

  Loop& loop_;
  const Clock& clock_;
  const Options options_;
  std::map<std::string, std::future<Answer>> under_way_;  // by directory
  std::map<std::string, Known> known_;                    // likewise
  uint64_t next_number_ = 1;
  std::list<Asker> askers_;  // the first came first
};

}  // namespace faultd
