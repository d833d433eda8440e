#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "faultd/v1/network.pb.h"

// The part of the host's policy (engine/policy.h) that depends on the kind of fault. Kinds check it
// when they plan, against what they found on the host, and answer with a DeniedError.
namespace faultd {

// Which packets network faults may touch. Hosts of endpoints are CIDRs, or empty for every address.
struct NetworkPolicy {
  std::optional<std::vector<v1::Endpoint>> allow;  // absent: all
  std::vector<v1::Endpoint> deny;                  // wins over `allow`
};

// The most that one stress fault may ask for, and what is left to others.
struct StressPolicy {
  double max_cpu_load_percent = 100;   // of each core
  double max_cpu_cores_percent = 100;  // of the cores that faultd may use
  double max_memory_percent = 100;     // of the host's memory
  double max_disk_percent_full = 100;  // how full disk_fill leaves blocks and inodes
  uint32_t max_disk_io_threads = 256;
  uint64_t memory_reserve = 256 << 20;   // bytes that memory stress leaves available at least
  uint64_t journal_reserve = 256 << 20;  // bytes that disk_fill leaves free on the journal's disk
  std::optional<std::vector<std::string>> paths;  // directories to stay below; absent: anywhere
};

}  // namespace faultd
