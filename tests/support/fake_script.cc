#include "support/fake_script.h"

#include <algorithm>

namespace faultd {

void FakeScript::FailAt(size_t first, Failure failure, size_t count) {
  fail_first_ = first;
  fail_count_ = count;
  fail_verdict_ = failure == Failure::kBefore ? Verdict::kFailBefore : Verdict::kFailAfter;
}

void FakeScript::FailAll(std::string prefix, Failure failure) {
  fail_prefixes_.emplace_back(
      std::move(prefix), failure == Failure::kBefore ? Verdict::kFailBefore : Verdict::kFailAfter);
}

void FakeScript::Reset() { *this = FakeScript(); }

size_t FakeScript::Count(std::string_view prefix) const {
  return static_cast<size_t>(std::count_if(
      log_.begin(), log_.end(), [&](const std::string& line) { return line.starts_with(prefix); }));
}

FakeScript::Verdict FakeScript::Begin(std::string what) {
  log_.push_back(std::move(what));
  if (calls() == crash_at_) throw CrashNow{};
  if (calls() >= fail_first_ && calls() < fail_first_ + fail_count_) return fail_verdict_;
  for (const auto& [prefix, verdict] : fail_prefixes_) {
    if (log_.back().starts_with(prefix)) return verdict;
  }
  return Verdict::kGoOn;
}

}  // namespace faultd
