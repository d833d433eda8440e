#include "stress/memory_goal.h"

#include <algorithm>

namespace faultd {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;

// How long others must have left room before more is taken.
constexpr nanoseconds kQuiet = 5s;
// Filling makes processes stall as well: theirs are only those that come this long after it. More
// than the 2 s over which the kernel counts.
constexpr nanoseconds kOwnStalls = 3s;
constexpr nanoseconds kStallsCount = 60s;

constexpr nanoseconds kSoonestLook = 10ms;
constexpr nanoseconds kLatestLook = 250ms;
constexpr nanoseconds kSoonestGrowth = 20ms;
// Faster than processes are seen to take memory, alone and together with our own threads.
constexpr uint64_t kTakenByOthers = 4 * kGiB;
constexpr uint64_t kTakenWhileFilling = 32 * kGiB;
// A step that nobody misses while the load grows.
constexpr uint64_t kGrowthStep = 2 * kMiB;

nanoseconds TimeFor(uint64_t bytes, uint64_t bytes_per_second) {
  return std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(
      static_cast<double>(bytes) / static_cast<double>(bytes_per_second)));
}

uint64_t LessOrZero(uint64_t from, uint64_t amount) { return from - std::min(from, amount); }

}  // namespace

MemoryGoal::MemoryGoal(const MemoryTerms& terms)
    : terms_(terms), margin_(std::clamp(terms.reserve / 8, 8 * kMiB, 64 * kMiB)) {}

uint64_t MemoryGoal::Decide(const MemoryMoment& moment) {
  if (moment.filling) filled_at_ = moment.elapsed;
  requested_ = Wanted(moment);
  MoveCeiling(moment);
  const uint64_t hold = std::min(requested_, ceiling_);
  withheld_ = requested_ - hold;
  next_look_ = LookAfter(moment);
  return hold;
}

uint64_t MemoryGoal::Grown(uint64_t span, nanoseconds elapsed) const {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  double grown = static_cast<double>(span);
  if (elapsed < terms_.ramp) {
    grown *= seconds / std::chrono::duration<double>(terms_.ramp).count();
  } else if (terms_.bytes_per_second > 0) {
    grown = std::min(grown, seconds * static_cast<double>(terms_.bytes_per_second));
  }
  return static_cast<uint64_t>(grown);
}

uint64_t MemoryGoal::Wanted(const MemoryMoment& moment) {
  if (!terms_.absolute) return Grown(terms_.bytes, moment.elapsed);
  const uint64_t used = LessOrZero(moment.facts.total, moment.facts.available);
  const uint64_t others = LessOrZero(used, moment.held);
  if (!begun_) others_at_first_ = others;
  // Small changes are let be, so that the load is flat.
  const uint64_t band = std::clamp(terms_.bytes / 100, 2 * kMiB, 16 * kMiB);
  if (!begun_ || std::max(others, others_) - std::min(others, others_) > band) others_ = others;
  begun_ = true;
  const uint64_t span = LessOrZero(terms_.bytes, others_at_first_);
  const uint64_t target = std::min(terms_.bytes, others_at_first_) + Grown(span, moment.elapsed);
  return LessOrZero(target, others_);
}

void MemoryGoal::MoveCeiling(const MemoryMoment& moment) {
  const nanoseconds now = moment.elapsed;
  const uint64_t available = moment.facts.available;
  if (moment.stalled && now - filled_at_ >= kOwnStalls && available < 2 * terms_.reserve)
    stalls_end_ = now + kStallsCount;
  const uint64_t reserve = now < stalls_end_ ? 2 * terms_.reserve : terms_.reserve;
  if (available < reserve) {
    const uint64_t back = std::min(moment.held, reserve - available + margin_);
    if (back > 0) ++give_backs_;
    ceiling_ = moment.held - back;
    resume_at_ = now + kQuiet;
    return;
  }
  const uint64_t room = available - reserve;
  const uint64_t allowed = moment.held + LessOrZero(room, margin_);
  const bool roomy = room >= 2 * margin_;
  if (!roomy && now < resume_at_) resume_at_ = now + kQuiet;
  ceiling_ = roomy && now >= resume_at_ ? allowed : std::min(ceiling_, allowed);
}

nanoseconds MemoryGoal::LookAfter(const MemoryMoment& moment) const {
  nanoseconds after =
      TimeFor(moment.facts.available, moment.filling ? kTakenWhileFilling : kTakenByOthers);
  uint64_t growth = 0;
  if (moment.elapsed < terms_.ramp) {
    growth = static_cast<uint64_t>(static_cast<double>(terms_.bytes) /
                                   std::chrono::duration<double>(terms_.ramp).count());
  } else if (terms_.bytes_per_second > 0 &&
             moment.elapsed < TimeFor(terms_.bytes, terms_.bytes_per_second)) {
    growth = terms_.bytes_per_second;
  }
  if (growth > 0) after = std::min(after, std::max(TimeFor(kGrowthStep, growth), kSoonestGrowth));
  return std::clamp(after, kSoonestLook, kLatestLook);
}

}  // namespace faultd
