#pragma once

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace faultd {

// Thrown by a fake at the call at which the script lets the process die. Derived from nothing, so
// that only the test catches it.
struct CrashNow {};

// What the fakes of one process have in common: they log every call, and the script says at which
// one something goes wrong. Calls are counted from 1 over all fakes.
class FakeScript {
 public:
  enum class Failure {
    kBefore,  // nothing was done
    kAfter,   // it was done, but the answer is an error
  };

  // Calls number `first` and following, `count` of them, fail.
  void FailAt(size_t first, Failure failure = Failure::kBefore, size_t count = 1);
  // Every call whose line in the log begins with `prefix` fails.
  void FailAll(std::string prefix, Failure failure = Failure::kBefore);
  // Errno of the failures, EIO unless told.
  void SetError(int error) { error_ = error; }
  // The process dies instead of doing call number `call`.
  void CrashAt(size_t call) { crash_at_ = call; }
  // Nothing goes wrong any more, and counting and the log begin anew.
  void Reset();

  size_t calls() const { return log_.size(); }
  // "create link faultd1", one line for each call.
  const std::vector<std::string>& log() const { return log_; }
  // How many lines begin with `prefix`.
  size_t Count(std::string_view prefix) const;

  // For the fakes: does `effect`, which answers with a Status or StatusOr, unless the script says
  // otherwise.
  template <typename Effect>
  auto Run(std::string what, Effect effect) -> decltype(effect()) {
    const Verdict verdict = Begin(std::move(what));
    if (verdict == Verdict::kFailBefore) return Error();
    auto result = effect();
    if (verdict == Verdict::kFailAfter) return Error();
    return result;
  }

 private:
  enum class Verdict { kGoOn, kFailBefore, kFailAfter };

  Verdict Begin(std::string what);
  Status Error() const { return ErrnoStatus(error_, log_.back()); }

  std::vector<std::string> log_;
  size_t fail_first_ = 0;
  size_t fail_count_ = 0;
  Verdict fail_verdict_ = Verdict::kGoOn;
  std::vector<std::pair<std::string, Verdict>> fail_prefixes_;
  size_t crash_at_ = 0;
  int error_ = EIO;
};

}  // namespace faultd
