#pragma once

#include <system_error>
#include <thread>
#include <utility>

#include "base/status.h"

namespace faultd {

// Starts a thread that lives as long as it has something to do, or as the process: what it uses it
// has to own.
template <typename Body>
Status StartDetachedThread(Body body) {
  try {
    std::thread(std::move(body)).detach();
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        StrCat("start a thread: ", error.code().message(),
               " (the process table is full, or a limit on tasks or memory is reached)"));
  }
  return absl::OkStatus();
}

}  // namespace faultd
