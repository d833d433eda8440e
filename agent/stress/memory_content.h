#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace faultd {

inline constexpr size_t kPageBytes = 4096;

// Writes a number of its own into each page: resident, not a page of zeros, and hardly more.
void WriteNumbers(std::byte* pages, size_t bytes, uint64_t first_number);

// Fills pages with random bytes, so that none can be compressed and no two are alike. For one
// thread.
class RandomPages {
 public:
  // Two with different seeds write different pages.
  explicit RandomPages(uint64_t seed);
  // `pages` are aligned to pages; a part of a page at the end is filled as well.
  void Write(std::byte* pages, size_t bytes);

 private:
  static constexpr size_t kLineBytes = 64;
  using Line = std::array<uint64_t, kLineBytes / sizeof(uint64_t)>;
  void Step();

  Line state_;
  // A random page, which is written with a random line laid over all its lines: several times
  // faster than making each page from scratch, and as hard to compress.
  alignas(kLineBytes) std::array<Line, kPageBytes / kLineBytes> pattern_;
};

}  // namespace faultd
