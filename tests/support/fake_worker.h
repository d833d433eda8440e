#pragma once

#include <deque>
#include <functional>
#include <utility>

#include "engine/worker.h"

namespace faultd {

// A worker that has done what it is given at once, or not before LetGo: its disk stalls.
class FakeWorker final : public Worker {
 public:
  void Run(std::function<Status()> work, std::function<void(const Status&)> done) override;

  void Stall() { stalled_ = true; }
  // Does what it was given meanwhile, in order, and what comes after at once.
  void LetGo();
  // What it was given and has not done.
  size_t waiting() const { return jobs_.size(); }
  // The process died.
  void Clear();

 private:
  using Job = std::pair<std::function<Status()>, std::function<void(const Status&)>>;
  bool stalled_ = false;
  std::deque<Job> jobs_;
};

}  // namespace faultd
