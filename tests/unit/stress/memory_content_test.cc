#include "stress/memory_content.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace faultd {
namespace {

using Pages = std::vector<std::byte>;

std::vector<std::string> Split(const Pages& pages) {
  std::vector<std::string> each;
  for (size_t at = 0; at < pages.size(); at += kPageBytes)
    each.emplace_back(reinterpret_cast<const char*>(pages.data()) + at, kPageBytes);
  return each;
}

size_t Compressed(const std::string& page) {
  std::string out(2 * kPageBytes, '\0');
  uLongf length = out.size();
  EXPECT_EQ(compress2(reinterpret_cast<Bytef*>(out.data()), &length,
                      reinterpret_cast<const Bytef*>(page.data()), page.size(), 9),
            Z_OK);
  return length;
}

Pages Random(uint64_t seed, size_t count) {
  Pages pages(count * kPageBytes);
  RandomPages(seed).Write(pages.data(), pages.size());
  return pages;
}

TEST(MemoryContentTest, RandomPagesCannotBeCompressedAndAreAllDifferent) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    for (const std::string& page : Split(Random(seed, 256))) {
      EXPECT_GE(Compressed(page), kPageBytes);
      EXPECT_TRUE(seen.insert(page).second) << "a page twice";
    }
  }
  EXPECT_EQ(seen.size(), 4U * 256U);
}

TEST(MemoryContentTest, RandomPagesGoOnWhereTheyWere) {
  Pages first(kPageBytes);
  Pages second(kPageBytes);
  RandomPages pages(7);
  pages.Write(first.data(), first.size());
  pages.Write(second.data(), second.size());
  EXPECT_NE(first, second);
}

TEST(MemoryContentTest, NumbersMakePagesThatDifferAndCompressWell) {
  Pages pages(64 * kPageBytes);
  WriteNumbers(pages.data(), pages.size(), 1000);
  std::set<std::string> seen;
  for (const std::string& page : Split(pages)) {
    EXPECT_LT(Compressed(page), kPageBytes / 64);
    EXPECT_TRUE(seen.insert(page).second) << "a page twice";
  }
  uint64_t number = 0;
  memcpy(&number, pages.data() + 63 * kPageBytes, sizeof(number));
  EXPECT_EQ(number, 1063U);
}

}  // namespace
}  // namespace faultd
