#include "stress/disk_buffer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string>

#include "base/unique_fd.h"

namespace faultd {
namespace {

constexpr size_t kUnit = 4096;

TEST(DiskBuffer, IsAlignedToPages) {
  auto buffer = DiskBuffer::Create(512);
  ASSERT_TRUE(buffer.ok());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % static_cast<size_t>(getpagesize()), 0u);
  EXPECT_EQ(buffer->size(), 512u);
}

TEST(DiskBuffer, ContentIsAsRandomAsItLooks) {
  auto buffer = DiskBuffer::Create(1 << 20);
  ASSERT_TRUE(buffer.ok());
  std::vector<int> counts(256);
  for (size_t i = 0; i < buffer->size(); ++i)
    ++counts[static_cast<unsigned char>(buffer->data()[i])];
  // 4096 of each are expected, with a standard deviation of 64.
  for (const int count : counts) EXPECT_NEAR(count, 4096, 6 * 64);
}

TEST(DiskBuffer, NoUnitIsEverRepeated) {
  std::set<std::string> seen;
  auto buffer = DiskBuffer::Create(16 * kUnit);
  ASSERT_TRUE(buffer.ok());
  for (int round = 0; round < 100; ++round) {
    for (size_t at = 0; at < buffer->size(); at += kUnit)
      EXPECT_TRUE(seen.emplace(buffer->data() + at, kUnit).second);
    buffer->Refresh();
  }
}

TEST(DiskBuffer, AssigningGivesBackWhatWasHeld) {
  auto first = DiskBuffer::Create(kUnit);
  auto second = DiskBuffer::Create(2 * kUnit);
  ASSERT_TRUE(first.ok() && second.ok());
  char* const held = first->data();
  char* const taken = second->data();
  *first = *std::move(second);
  EXPECT_EQ(first->data(), taken);
  EXPECT_EQ(first->size(), 2 * kUnit);
  unsigned char resident = 0;
  EXPECT_EQ(mincore(taken, kUnit, &resident), 0);
  EXPECT_EQ(mincore(held, kUnit, &resident), -1);
  EXPECT_EQ(errno, ENOMEM);  // not mapped
}

TEST(WriteAt, SaysHowFarItCame) {
  // A file that cannot become larger than two units.
  const UniqueFd file(memfd_create("short", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_TRUE(file.valid());
  const std::string data(2 * kUnit, 'x');
  const WriteResult fits = WriteAt(file.get(), data.data(), data.size(), 0);
  EXPECT_EQ(fits.bytes, data.size());
  EXPECT_EQ(fits.error, 0);
  ASSERT_EQ(fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW), 0);
  const WriteResult grows = WriteAt(file.get(), data.data(), data.size(), 2 * kUnit);
  EXPECT_EQ(grows.bytes, 0u);
  EXPECT_EQ(grows.error, EPERM);
  const WriteResult partly = WriteAt(file.get(), data.data(), data.size(), kUnit);
  EXPECT_EQ(partly.bytes, kUnit);
  EXPECT_EQ(partly.error, EPERM);
}

TEST(WriteError, NamesWhatRanOut) {
  EXPECT_EQ(WriteError(ENOSPC, "fill /data", 512, 1024),
            absl::ResourceExhaustedError("fill /data: no space left after 512 of 1024 bytes"));
  EXPECT_EQ(WriteError(EDQUOT, "fill /data", 512, 1024),
            absl::ResourceExhaustedError("fill /data: disk quota exceeded after 512 of 1024 bytes "
                                         "(a quota of the user or of the directory's project)"));
  const Status other = WriteError(EIO, "fill /data", 512, 1024);
  EXPECT_EQ(other.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(other.message(), "fill /data after 512 of 1024 bytes: Input/output error");
}

}  // namespace
}  // namespace faultd
