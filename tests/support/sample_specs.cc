#include "support/sample_specs.h"

#include <map>
#include <stdexcept>
#include <string>

#include "google/protobuf/text_format.h"

namespace faultd {

std::optional<v1::FaultSpec> SampleSpec(std::string_view kind) {
  static const std::map<std::string_view, const char*> kSamples = {
      {"latency", R"(latency {
         target {
           to { host: "10.0.0.0/8" }
           to { host: "2001:db8::/32" ports { first: 443 } protocol: PROTOCOL_TCP }
           except { host: "10.1.0.0/16" }
           direction: DIRECTION_BOTH
         }
         delay { nanos: 100000000 } jitter { nanos: 10000000 }
         correlation_percent: 25 distribution: DELAY_DISTRIBUTION_NORMAL })"},
      {"loss", R"(loss {
         target { to { host: "10.0.0.0/9" ports { first: 8000 last: 8999 } } }
         percent: 7 correlation_percent: 10 })"},
      {"blackhole", R"(blackhole {
         target { all_traffic: true interfaces: "eth0" interfaces: "eth1" } })"},
      {"cpu",
       R"(cpu { load_percent: 80 core_list: "0-1,3" mode: CPU_MODE_TOTAL ramp { seconds: 10 } })"},
      {"memory", R"(memory { percent_of_total: 50 backing: MEMORY_BACKING_PAGE_CACHE })"},
      {"disk_fill", R"(disk_fill { path: "/data" inodes_percent_full: 100 })"},
      {"disk_io", R"(disk_io { path: "/data" threads: 4 read_percent: 70 direct: true })"},
      {"ecs_drain", "ecs_drain {}"},
      {"noop", R"(noop { note: "hello" })"},
  };
  auto found = kSamples.find(kind);
  if (found == kSamples.end()) return std::nullopt;
  return SpecFromText(found->second);
}

v1::FaultSpec SpecFromText(const std::string& text) {
  v1::FaultSpec spec;
  if (!google::protobuf::TextFormat::ParseFromString(text, &spec)) {
    throw std::invalid_argument("malformed spec: " + text);
  }
  return spec;
}

v1::InjectFaultRequest RequestFor(const std::string& id, v1::FaultSpec spec) {
  v1::InjectFaultRequest request;
  request.set_id(id);
  *request.mutable_spec() = std::move(spec);
  request.mutable_duration()->set_seconds(60);
  return request;
}

v1::InjectFaultRequest RequestFor(const std::string& id, const std::string& spec_text) {
  return RequestFor(id, SpecFromText(spec_text));
}

}  // namespace faultd
