#include "bench/bare_memory.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "base/status.h"
#include "bench/require.h"

namespace faultd::bench {
namespace {

constexpr size_t kHugePage = 2 << 20;

void MapPopulated(BareFill kind, size_t bytes) {
  int file = -1;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  if (kind == BareFill::kFile) {
    file = memfd_create("bare", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0) _exit(1);
    flags = MAP_SHARED;
  }
  if (mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags | MAP_POPULATE, file, 0) == MAP_FAILED)
    _exit(1);
}

void Touch(BareFill kind, size_t bytes, int threads) {
  void* const mapped = mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) _exit(1);
  const bool huge = kind == BareFill::kHugePages;
  madvise(mapped, bytes + kHugePage, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  const size_t beyond = reinterpret_cast<uintptr_t>(mapped) % kHugePage;
  auto* const base = static_cast<volatile char*>(mapped) + (kHugePage - beyond) % kHugePage;
  const size_t step = huge ? kHugePage : 4096;
  std::atomic<size_t> next = 0;
  std::vector<std::jthread> workers(static_cast<size_t>(threads));
  for (std::jthread& worker : workers) {
    worker = std::jthread([&] {
      for (size_t at; (at = next.fetch_add(kHugePage)) < bytes;) {
        for (size_t page = 0; page < kHugePage; page += step) base[at + page] = 1;
      }
    });
  }
}

}  // namespace

pid_t StartBareFill(BareFill kind, uint64_t bytes, int threads) {
  const pid_t pid = fork();
  if (pid < 0) Require(ErrnoStatus(errno, "fork"));
  if (pid > 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (kind == BareFill::kTouch || kind == BareFill::kHugePages) {
    Touch(kind, bytes, threads);
  } else {
    std::vector<std::jthread> workers(static_cast<size_t>(threads));
    for (std::jthread& worker : workers)
      worker = std::jthread([=] { MapPopulated(kind, bytes / static_cast<uint64_t>(threads)); });
  }
  for (;;) pause();
}

}  // namespace faultd::bench
