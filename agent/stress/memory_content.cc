#include "stress/memory_content.h"

#include <algorithm>
#include <cstring>

namespace faultd {
namespace {

// splitmix64 (Steele, Lea, Flood 2014): spreads a seed over a whole state.
uint64_t NextOfSeed(uint64_t& seed) {
  uint64_t mixed = seed += 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

}  // namespace

void WriteNumbers(std::byte* pages, size_t bytes, uint64_t first_number) {
  for (size_t at = 0; at + sizeof(uint64_t) <= bytes; at += kPageBytes) {
    const uint64_t number = first_number + at / kPageBytes;
    memcpy(pages + at, &number, sizeof(number));
  }
}

RandomPages::RandomPages(uint64_t seed) {
  for (uint64_t& lane : state_) lane = NextOfSeed(seed) | 1;  // zero would stay zero
  for (Line& line : pattern_) {
    Step();
    line = state_;
  }
}

// xorshift64 (Marsaglia 2003) in each lane.
void RandomPages::Step() {
  for (uint64_t& lane : state_) {
    lane ^= lane << 13;
    lane ^= lane >> 7;
    lane ^= lane << 17;
  }
}

void RandomPages::Write(std::byte* pages, size_t bytes) {
  // Explicit, as compilers do not make vectors of this at -O2.
  using Vector = uint64_t __attribute__((vector_size(16)));
  constexpr size_t kVectors = kLineBytes / sizeof(Vector);
  for (size_t page = 0; page < bytes; page += kPageBytes) {
    Step();
    std::array<Vector, kVectors> mask;
    memcpy(mask.data(), state_.data(), kLineBytes);
    const size_t end = std::min(bytes - page, kPageBytes) / kLineBytes;
    for (size_t line = 0; line < end; ++line) {
      std::array<Vector, kVectors> words;
      memcpy(words.data(), pattern_[line].data(), kLineBytes);
      for (size_t i = 0; i < kVectors; ++i) words[i] ^= mask[i];
      memcpy(pages + page + line * kLineBytes, words.data(), kLineBytes);
    }
  }
}

}  // namespace faultd
