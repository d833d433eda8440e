#include "ctl/stress_texts.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/proto_time.h"
#include "ctl/option_values.h"

namespace faultd::ctl {
namespace {

using Text = std::optional<std::string>;

struct Given {
  std::string_view option;
  bool given;
};

// Exactly one of the options, of which the first serves as the example.
Status OneOf(const std::vector<Given>& options, std::string_view example) {
  std::vector<std::string> given;
  std::vector<std::string> all;
  for (const Given& each : options) {
    all.emplace_back(each.option);
    if (each.given) given.emplace_back(each.option);
  }
  if (given.size() == 1) return absl::OkStatus();
  if (given.empty()) {
    return OptionError(options.front().option, StrCat("is missing: write e.g. ", example,
                                                      " (one of ", absl::StrJoin(all, ", "), ")"));
  }
  return OptionError(given.front(), StrCat("cannot go with ", given.back(), "; give one of them"));
}

Status AtMostOne(std::string_view option, bool given, std::string_view other, bool other_given) {
  if (!given || !other_given) return absl::OkStatus();
  return OptionError(option, StrCat("cannot go with ", other, "; give one of them"));
}

Status Need(std::string_view option, const Text& text, std::string_view example) {
  if (text) return absl::OkStatus();
  return OptionError(option, StrCat("is missing: write e.g. ", example));
}

// "all", a count, or a list, which a dash or a comma tells from a count.
Status FillCores(const std::string& text, v1::CpuStress& cpu) {
  if (text == "all") return absl::OkStatus();
  if (text.find_first_of("-,") != std::string::npos) {
    cpu.set_core_list(text);
    return absl::OkStatus();
  }
  auto count = CountOption("--cores", text);
  if (!count.ok()) {
    return OptionError("--cores", StrCat("\"", text,
                                         "\" is not known; write all, a count such as 2, or a list "
                                         "such as 0-3,7 (core 5 alone: 5-5)"));
  }
  cpu.set_core_count(*count);
  return absl::OkStatus();
}

// "70/30": reads and writes.
Status FillMix(const std::string& text, v1::DiskIo& io) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  uint32_t reads = 0;
  uint32_t writes = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &reads) ||
      !absl::SimpleAtoi(parts[1], &writes) || reads > 100 || reads + writes != 100) {
    return OptionError("--mix", StrCat("\"", text,
                                       "\" is not a mix; write the shares of reads and writes in "
                                       "per cent, e.g. 70/30"));
  }
  io.set_read_percent(reads);
  return absl::OkStatus();
}

Status FillRamp(const Text& text, google::protobuf::Duration& ramp) {
  ASSIGN_OR_RETURN(const auto duration, DurationOption("--ramp", *text));
  ramp = ToProto(duration);
  return absl::OkStatus();
}

constexpr std::array kCpuModes = {Choice<v1::CpuMode>{"add", v1::CPU_MODE_ADD},
                                  Choice<v1::CpuMode>{"total", v1::CPU_MODE_TOTAL}};
constexpr std::array kPriorities = {Choice<v1::CpuPriority>{"normal", v1::CPU_PRIORITY_NORMAL},
                                    Choice<v1::CpuPriority>{"idle", v1::CPU_PRIORITY_IDLE}};
constexpr std::array kMemoryModes = {Choice<v1::MemoryMode>{"add", v1::MEMORY_MODE_ADD},
                                     Choice<v1::MemoryMode>{"absolute", v1::MEMORY_MODE_ABSOLUTE}};
constexpr std::array kContents = {
    Choice<v1::MemoryContent>{"incompressible", v1::MEMORY_CONTENT_INCOMPRESSIBLE},
    Choice<v1::MemoryContent>{"compressible", v1::MEMORY_CONTENT_COMPRESSIBLE}};
constexpr std::array kBackings = {
    Choice<v1::MemoryBacking>{"anonymous", v1::MEMORY_BACKING_ANONYMOUS},
    Choice<v1::MemoryBacking>{"page-cache", v1::MEMORY_BACKING_PAGE_CACHE}};
constexpr std::array kPatterns = {
    Choice<v1::AccessPattern>{"random", v1::ACCESS_PATTERN_RANDOM},
    Choice<v1::AccessPattern>{"sequential", v1::ACCESS_PATTERN_SEQUENTIAL}};

}  // namespace

Status FillCpu(const StressTexts& texts, v1::CpuStress& cpu) {
  RETURN_IF_ERROR(Need("--load", texts.load, "--load 80"));
  ASSIGN_OR_RETURN(const double load, PercentOption("--load", *texts.load));
  cpu.set_load_percent(load);
  if (texts.cores) RETURN_IF_ERROR(FillCores(*texts.cores, cpu));
  if (texts.mode) {
    ASSIGN_OR_RETURN(const auto mode, ChoiceOption("--mode", *texts.mode, kCpuModes));
    cpu.set_mode(mode);
  }
  if (texts.priority) {
    ASSIGN_OR_RETURN(const auto priority, ChoiceOption("--priority", *texts.priority, kPriorities));
    cpu.set_priority(priority);
  }
  return texts.ramp ? FillRamp(texts.ramp, *cpu.mutable_ramp()) : absl::OkStatus();
}

Status FillMemory(const StressTexts& texts, v1::MemoryStress& memory) {
  RETURN_IF_ERROR(OneOf({{"--size", texts.size.has_value()},
                         {"--percent", texts.percent.has_value()},
                         {"--percent-of-available", texts.percent_of_available.has_value()}},
                        "--size 4GiB"));
  if (texts.size) {
    ASSIGN_OR_RETURN(const uint64_t bytes, SizeOption("--size", *texts.size));
    memory.set_bytes(bytes);
  }
  if (texts.percent) {
    ASSIGN_OR_RETURN(const double percent, PercentOption("--percent", *texts.percent));
    memory.set_percent_of_total(percent);
  }
  if (texts.percent_of_available) {
    ASSIGN_OR_RETURN(const double percent,
                     PercentOption("--percent-of-available", *texts.percent_of_available));
    memory.set_percent_of_available(percent);
  }
  if (texts.mode) {
    ASSIGN_OR_RETURN(const auto mode, ChoiceOption("--mode", *texts.mode, kMemoryModes));
    memory.set_mode(mode);
  }
  RETURN_IF_ERROR(AtMostOne("--ramp", texts.ramp.has_value(), "--rate", texts.rate.has_value()));
  if (texts.ramp) RETURN_IF_ERROR(FillRamp(texts.ramp, *memory.mutable_ramp()));
  if (texts.rate) {
    ASSIGN_OR_RETURN(const uint64_t rate, SizeOption("--rate", *texts.rate));
    memory.set_bytes_per_second(rate);
  }
  if (texts.content) {
    ASSIGN_OR_RETURN(const auto content, ChoiceOption("--content", *texts.content, kContents));
    memory.set_content(content);
  }
  if (texts.backing) {
    ASSIGN_OR_RETURN(const auto backing, ChoiceOption("--backing", *texts.backing, kBackings));
    memory.set_backing(backing);
  }
  if (texts.reserve) {
    ASSIGN_OR_RETURN(const uint64_t reserve, SizeOption("--reserve", *texts.reserve));
    memory.set_reserve_bytes(reserve);
  }
  return absl::OkStatus();
}

Status FillDiskFill(const StressTexts& texts, v1::DiskFill& fill) {
  RETURN_IF_ERROR(Need("--path", texts.path, "--path /var"));
  fill.set_path(*texts.path);
  RETURN_IF_ERROR(OneOf({{"--percent", texts.percent.has_value()},
                         {"--size", texts.size.has_value()},
                         {"--leave", texts.leave.has_value()},
                         {"--inodes-percent", texts.inodes_percent.has_value()}},
                        "--percent 95"));
  if (texts.percent) {
    ASSIGN_OR_RETURN(const double percent, PercentOption("--percent", *texts.percent));
    fill.set_percent_full(percent);
  }
  if (texts.size) {
    ASSIGN_OR_RETURN(const uint64_t bytes, SizeOption("--size", *texts.size));
    fill.set_bytes(bytes);
  }
  if (texts.leave) {
    ASSIGN_OR_RETURN(const uint64_t bytes, SizeOption("--leave", *texts.leave));
    fill.set_leave_free_bytes(bytes);
  }
  if (texts.inodes_percent) {
    ASSIGN_OR_RETURN(const double percent,
                     PercentOption("--inodes-percent", *texts.inodes_percent));
    fill.set_inodes_percent_full(percent);
  }
  return absl::OkStatus();
}

Status FillDiskIo(const StressTexts& texts, v1::DiskIo& io) {
  RETURN_IF_ERROR(Need("--path", texts.path, "--path /var/tmp"));
  io.set_path(*texts.path);
  if (texts.threads) {
    ASSIGN_OR_RETURN(const uint32_t threads, CountOption("--threads", *texts.threads));
    io.set_threads(threads);
  }
  if (texts.block) {
    std::string text = *texts.block;
    // As dd and fio write it.
    if (text.ends_with('k')) text.back() = 'K';
    ASSIGN_OR_RETURN(const uint64_t bytes, SizeOption("--block", text));
    io.set_block_bytes(static_cast<uint32_t>(std::min<uint64_t>(bytes, UINT32_MAX)));
  }
  if (texts.mix) RETURN_IF_ERROR(FillMix(*texts.mix, io));
  if (texts.pattern) {
    ASSIGN_OR_RETURN(const auto pattern, ChoiceOption("--pattern", *texts.pattern, kPatterns));
    io.set_pattern(pattern);
  }
  RETURN_IF_ERROR(AtMostOne("--direct", texts.direct, "--buffered", texts.buffered));
  if (texts.direct || texts.buffered) io.set_direct(texts.direct);
  if (texts.file_size) {
    ASSIGN_OR_RETURN(const uint64_t bytes, SizeOption("--file-size", *texts.file_size));
    io.set_file_bytes(bytes);
  }
  RETURN_IF_ERROR(AtMostOne("--iops", texts.iops.has_value(), "--rate", texts.rate.has_value()));
  if (texts.iops) {
    ASSIGN_OR_RETURN(const uint32_t rate, CountOption("--iops", *texts.iops));
    io.set_operations_per_second(rate);
  }
  if (texts.rate) {
    ASSIGN_OR_RETURN(const uint64_t rate, SizeOption("--rate", *texts.rate));
    io.set_bytes_per_second(rate);
  }
  return absl::OkStatus();
}

}  // namespace faultd::ctl
