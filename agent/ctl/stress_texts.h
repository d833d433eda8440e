#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "faultd/v1/fault.pb.h"

namespace faultd::ctl {

// The options of the commands that inject stress, as they were typed. Where two kinds have an
// option of the same name, they share it.
struct StressTexts {
  std::optional<std::string> load;
  std::optional<std::string> cores;
  std::optional<std::string> mode;
  std::optional<std::string> ramp;
  std::optional<std::string> priority;

  std::optional<std::string> size;
  std::optional<std::string> percent;
  std::optional<std::string> percent_of_available;
  std::optional<std::string> rate;
  std::optional<std::string> content;
  std::optional<std::string> backing;
  std::optional<std::string> reserve;

  std::optional<std::string> path;
  std::optional<std::string> leave;
  std::optional<std::string> inodes_percent;

  std::optional<std::string> threads;
  std::optional<std::string> block;
  std::optional<std::string> mix;
  std::optional<std::string> pattern;
  std::optional<std::string> file_size;
  std::optional<std::string> iops;
  bool direct = false;
  bool buffered = false;
};

// Fill the spec; errors begin with the option.
Status FillCpu(const StressTexts& texts, v1::CpuStress& cpu);
Status FillMemory(const StressTexts& texts, v1::MemoryStress& memory);
Status FillDiskFill(const StressTexts& texts, v1::DiskFill& fill);
Status FillDiskIo(const StressTexts& texts, v1::DiskIo& io);

}  // namespace faultd::ctl
