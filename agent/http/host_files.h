#pragma once

#include <chrono>
#include <type_traits>
#include <utility>

#include "base/status.h"
#include "http/disk_jobs.h"
#include <boost/asio/awaitable.hpp>

namespace faultd {

// Reads configuration of the host that others keep and may change at any time: small files, which
// are in memory nearly always, but not when the host has no memory to spare.
class HostFiles : public DiskJobs {
 public:
  using key_type = HostFiles;
  static boost::asio::execution_context::id id;

  explicit HostFiles(boost::asio::execution_context& context)
      : DiskJobs(context, "the thread that reads files of the host") {}
};

// For what nobody waits for with a deadline of his own.
constexpr std::chrono::seconds kDiskPatience{10};

// What `read`, which answers a StatusOr, says on the thread of the HostFiles of the coroutine's
// context: AskDiskThread. DEADLINE_EXCEEDED when the disk does not answer in time.
//
// A lambda has to have a name first: g++ 12 destroys twice what one holds that is written inside
// the co_await expression.
template <typename Read>
boost::asio::awaitable<std::invoke_result_t<Read&>> ReadHostFiles(
    Read read, std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() +
                                                                kDiskPatience) {
  return AskDiskThread<HostFiles>(
      std::move(read), deadline,
      absl::DeadlineExceededError("the disk with the files of the host does not answer"));
}

}  // namespace faultd
