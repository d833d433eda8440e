#pragma once

#include "base/status.h"
#include "google/rpc/status.pb.h"

namespace faultd {

// The code and message of a status as google.rpc has them, and back; details are left out.
inline google::rpc::Status ToProto(const Status& status) {
  google::rpc::Status proto;
  proto.set_code(static_cast<int>(status.code()));
  proto.set_message(std::string(status.message()));
  return proto;
}
inline Status FromProto(const google::rpc::Status& proto) {
  return {static_cast<absl::StatusCode>(proto.code()), proto.message()};
}

}  // namespace faultd
