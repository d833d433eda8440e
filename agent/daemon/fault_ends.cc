#include "daemon/fault_ends.h"

#include <google/protobuf/util/json_util.h>

#include "base/proto_status.h"
#include "base/strings.h"

namespace faultd {

void AuditFaultEnds(Engine& engine, AuditLog& audit) {
  engine.Watch([&audit](const v1::Fault& fault) {
    // One that never was active is told by the answer to its request.
    if (!IsOver(fault.state()) || !fault.has_active_time() ||
        fault.end_reason() == v1::END_REASON_REQUESTED) {
      return;
    }
    v1::Fault end;
    end.set_end_reason(fault.end_reason());
    end.set_end_detail(fault.end_detail());
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    std::string json;
    (void)google::protobuf::util::MessageToJsonString(end, &json, options).ok();
    audit.Append({.actor = "faultd",
                  .method = "EndFault",
                  .request = json,
                  .rule = "own",
                  .fault = fault.id(),
                  .result = FromProto(fault.error())});
  });
}

}  // namespace faultd
