#include "ctl/stress_options.h"

#include <CLI/CLI.hpp>

namespace faultd::ctl {
namespace {

void AddRamp(CLI::App& command, StressTexts& texts) {
  command.add_option("--ramp", texts.ramp, "Time in which it grows from nothing. Default: at once")
      ->type_name("DURATION");
}

void AddCpu(CLI::App& cpu, StressTexts& texts) {
  cpu.add_option("--load", texts.load, "Share of each core's time, 1 to 100")->type_name("PERCENT");
  cpu.add_option("--cores", texts.cores,
                 "all (default), so many, or a list such as 0-3,7 (core 5 alone: 5-5)")
      ->type_name("CORES");
  cpu.add_option("--mode", texts.mode,
                 "add (default): on top of what else runs; total: bring the cores to this "
                 "utilisation whatever else runs")
      ->type_name("MODE");
  AddRamp(cpu, texts);
  cpu.add_option("--priority", texts.priority,
                 "normal (default), or idle: only what nobody else wants")
      ->type_name("PRIORITY");
}

void AddMemory(CLI::App& memory, StressTexts& texts) {
  memory.add_option("--size", texts.size, "How much, e.g. 4GiB")->type_name("SIZE");
  memory.add_option("--percent", texts.percent, "How much, of the memory of the host")
      ->type_name("PERCENT");
  memory
      .add_option("--percent-of-available", texts.percent_of_available,
                  "How much, of what is available less the reserve")
      ->type_name("PERCENT");
  memory
      .add_option("--mode", texts.mode,
                  "add (default): on top of what is in use; absolute: bring the memory in use on "
                  "the host to this amount")
      ->type_name("MODE");
  AddRamp(memory, texts);
  memory.add_option("--rate", texts.rate, "Take so much a second, e.g. 100MiB")->type_name("SIZE");
  memory
      .add_option("--content", texts.content,
                  "incompressible (default), or compressible by zram and the like")
      ->type_name("CONTENT");
  memory.add_option("--backing", texts.backing, "anonymous (default) or page-cache")
      ->type_name("BACKING");
  memory
      .add_option("--reserve", texts.reserve,
                  "Always leave so much available, giving back when others need it. Default: as "
                  "the host is configured (256MiB)")
      ->type_name("SIZE");
}

void AddPath(CLI::App& command, StressTexts& texts) {
  command.add_option("--path", texts.path, "A directory on the file system")
      ->type_name("DIRECTORY");
}

void AddDiskFill(CLI::App& fill, StressTexts& texts) {
  AddPath(fill, texts);
  fill.add_option("--percent", texts.percent, "Fill until so much is in use, as df shows it")
      ->type_name("PERCENT");
  fill.add_option("--size", texts.size, "Take so much, e.g. 2GiB")->type_name("SIZE");
  fill.add_option("--leave", texts.leave, "Fill until so little is left, e.g. 1GiB")
      ->type_name("SIZE");
  fill.add_option("--inodes-percent", texts.inodes_percent,
                  "Instead of room, use up inodes until so many are in use")
      ->type_name("PERCENT");
}

void AddDiskIo(CLI::App& io, StressTexts& texts) {
  AddPath(io, texts);
  io.add_option("--threads", texts.threads,
                "Each has one operation under way at a time, 1 to 256. Default: 1")
      ->type_name("COUNT");
  io.add_option("--block", texts.block, "Size of an operation, e.g. 4k. Default: 4KiB")
      ->type_name("SIZE");
  io.add_option("--mix", texts.mix, "Shares of reads and writes. Default: 50/50")->type_name("R/W");
  io.add_option("--pattern", texts.pattern, "random (default) or sequential")->type_name("PATTERN");
  io.add_flag("--direct", texts.direct,
              "Insist on going past the page cache. Default: where the file system can");
  io.add_flag("--buffered", texts.buffered, "Go through the page cache");
  io.add_option("--file-size", texts.file_size,
                "Size of the file that is read and written. Default: 256MiB")
      ->type_name("SIZE");
  io.add_option("--iops", texts.iops, "At most so many operations a second")->type_name("COUNT");
  io.add_option("--rate", texts.rate, "At most so many bytes a second, e.g. 50MiB")
      ->type_name("SIZE");
}

}  // namespace

std::vector<CLI::App*> AddStressCommands(const AddCommand& add, StressTexts& texts) {
  CLI::App* cpu = add("cpu", "Keep cores busy");
  AddCpu(*cpu, texts);
  CLI::App* memory = add("memory", "Take memory and keep it resident");
  AddMemory(*memory, texts);
  CLI::App* fill = add("disk-fill", "Fill a file system");
  AddDiskFill(*fill, texts);
  CLI::App* io = add("disk-io", "Read and write a file");
  AddDiskIo(*io, texts);
  return {cpu, memory, fill, io};
}

}  // namespace faultd::ctl
