#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "base/status.h"

// A benchmark has nothing to say when what it measures does not work: it ends.
namespace faultd::bench {

inline void Require(const Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

template <typename T>
T Require(StatusOr<T> result) {
  Require(result.status());
  return *std::move(result);
}

}  // namespace faultd::bench
