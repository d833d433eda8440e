#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "stress/memory_content.h"
#include "stress/memory_holder.h"
#include "stress/memory_region.h"
#include "support/memory_lab.h"

namespace faultd {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr size_t kChunk = MemoryRegion::kChunkBytes;

// Of the region, as the kernel has it.
size_t ResidentPages(const MemoryRegion& region) {
  std::vector<unsigned char> pages(region.bytes() / kPageBytes);
  EXPECT_EQ(mincore(region.ChunkAt(0), region.bytes(), pages.data()), 0);
  size_t count = 0;
  for (const unsigned char page : pages) count += page & 1;
  return count;
}

class MemoryRegionTest : public testing::TestWithParam<bool> {};

TEST_P(MemoryRegionTest, IsResidentChunkByChunk) {
  auto region = MemoryRegion::Map(5 * kChunk + 3 * kPageBytes - 1, GetParam());
  ASSERT_TRUE(region.ok()) << region.status();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(region->ChunkAt(0)) % kChunk, 0U);
  ASSERT_EQ(region->chunks(), 6U);
  EXPECT_EQ(region->ChunkBytes(4), kChunk);
  EXPECT_EQ(region->ChunkBytes(5), 3 * kPageBytes);
  EXPECT_EQ(ResidentPages(*region), 0U);
  for (size_t i = 0; i < region->chunks(); ++i) {
    region->Populate(i);
    WriteNumbers(region->ChunkAt(i), region->ChunkBytes(i), 1);
  }
  EXPECT_EQ(ResidentPages(*region), 5 * kChunk / kPageBytes + 3);
  ASSERT_EQ(region->Release(2, 6), absl::OkStatus());
  EXPECT_EQ(ResidentPages(*region), 2 * kChunk / kPageBytes);
  EXPECT_EQ(*region->ChunkAt(1), std::byte{1});
  EXPECT_EQ(*region->ChunkAt(2), std::byte{0}) << "given back, not only hidden";
}

INSTANTIATE_TEST_SUITE_P(Backings, MemoryRegionTest, testing::Bool(), [](const auto& backing) {
  return backing.param ? "PageCache" : "Anonymous";
});

// Giving back while workers are in the midst of filling: nothing may be left over.
TEST(MemoryHolderTest, ManyChangesOfMind) {
  auto holder = MemoryHolder::Create({.most = 64 * kMiB, .random = true, .threads = 4});
  ASSERT_TRUE(holder.ok()) << holder.status();
  for (int i = 0; i < 300; ++i) {
    const uint64_t wanted = static_cast<uint64_t>(i * 37 % 64) * kMiB;
    ASSERT_EQ((*holder)->Hold(wanted), absl::OkStatus());
    if (i % 3 == 0) std::this_thread::yield();
    EXPECT_LE((*holder)->held(), wanted);
  }
  ASSERT_EQ((*holder)->Hold(64 * kMiB), absl::OkStatus());
  EXPECT_TRUE(Await([&] { return !(*holder)->filling(); }));
  EXPECT_EQ((*holder)->held(), 64 * kMiB);
  EXPECT_EQ(HeldBytes(getpid()), 64 * kMiB);
  ASSERT_EQ((*holder)->Hold(0), absl::OkStatus());
  EXPECT_EQ((*holder)->held(), 0U);
  EXPECT_TRUE(Await([&] { return HeldBytes(getpid()) == 0; }));
}

TEST(MemoryHolderTest, HoldsLessThanAChunk) {
  auto holder = MemoryHolder::Create({.most = 3 * kPageBytes, .page_cache = true, .threads = 2});
  ASSERT_TRUE(holder.ok()) << holder.status();
  ASSERT_EQ((*holder)->Hold(3 * kPageBytes), absl::OkStatus());
  EXPECT_TRUE(Await([&] { return (*holder)->held() == 3 * kPageBytes; }));
}

}  // namespace
}  // namespace faultd
