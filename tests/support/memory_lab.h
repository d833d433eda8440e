#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "base/file_io.h"
#include "base/strings.h"

// What the kernel says about memory, for tests.
namespace faultd {

// A figure of a file with lines such as "Locked:   12 kB", in bytes.
inline uint64_t FigureOf(const std::string& path, std::string_view name) {
  const auto text = ReadSmallFile(path);
  EXPECT_TRUE(text.ok()) << path << ": " << text.status();
  if (!text.ok()) return 0;
  const auto kilobytes = NumberAfter(*text, StrCat(name, ":"));
  EXPECT_TRUE(kilobytes) << path << " has no " << name;
  return kilobytes.value_or(0) << 10;
}

// What a process has resident and locked: what a memory load holds, and nothing else. It does not
// depend on what else the process, or a sanitizer in it, takes.
inline uint64_t HeldBytes(pid_t pid) {
  return FigureOf(StrCat("/proc/", pid, "/smaps_rollup"), "Locked");
}

// Whether the condition comes true; the limit is only for a load that does not work.
template <typename Condition>
bool Await(Condition condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace faultd
