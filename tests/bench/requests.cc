#include "bench/requests.h"

#include <stdexcept>

#include "base/proto_time.h"
#include "base/strings.h"
#include "google/protobuf/text_format.h"

namespace faultd::bench {
namespace {

void FillTarget(const std::vector<std::string>& to, v1::NetworkTarget& target) {
  for (const std::string& cidr : to) target.add_to()->set_host(cidr);
  target.add_interfaces(kInterface);
}

}  // namespace

v1::InjectFaultRequest BlackholeRequest(const std::string& id, const std::vector<std::string>& to,
                                        std::chrono::nanoseconds lease) {
  v1::InjectFaultRequest request;
  request.set_id(id);
  *request.mutable_duration() = ToProto(lease);
  FillTarget(to, *request.mutable_spec()->mutable_blackhole()->mutable_target());
  return request;
}

v1::InjectFaultRequest LossRequest(const std::string& id, const std::vector<std::string>& to,
                                   std::chrono::nanoseconds lease) {
  v1::InjectFaultRequest request = TextRequest(id, "loss { percent: 10 }", lease);
  FillTarget(to, *request.mutable_spec()->mutable_loss()->mutable_target());
  return request;
}

v1::InjectFaultRequest TextRequest(const std::string& id, const std::string& spec,
                                   std::chrono::nanoseconds lease) {
  v1::InjectFaultRequest request;
  request.set_id(id);
  *request.mutable_duration() = ToProto(lease);
  if (!google::protobuf::TextFormat::ParseFromString(spec, request.mutable_spec()))
    throw std::runtime_error("malformed spec: " + spec);
  return request;
}

std::vector<std::string> Cidrs(int count, int first) {
  std::vector<std::string> cidrs;
  for (int i = first; i < first + count; ++i) {
    const int at = i * 32;  // every second /28 of 10.128.0.0/9
    cidrs.push_back(StrCat("10.", 128 + (at >> 16), ".", (at >> 8) & 255, ".", at & 255, "/28"));
  }
  return cidrs;
}

}  // namespace faultd::bench
