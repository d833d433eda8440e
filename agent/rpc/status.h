#pragma once

#include <grpcpp/support/status.h>

#include "base/status.h"

namespace faultd {

// The one way from our status to gRPC's: same code, same message, and the details of status.h as a
// google.rpc.Status in the trailer grpc-status-details-bin: BadRequest for a field,
// PreconditionFailure for a precondition, ErrorInfo for a rule.
grpc::Status ToGrpcStatus(const Status& status);

}  // namespace faultd
