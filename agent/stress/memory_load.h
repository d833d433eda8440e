#pragma once

#include <memory>

#include "kernel/machine.h"
#include "stress/load.h"

namespace faultd {

// StartMemoryLoad for a given machine.
StatusOr<std::unique_ptr<Load>> StartMemoryLoadOn(std::unique_ptr<Machine> machine,
                                                  const v1::MemoryOrder& order);

}  // namespace faultd
