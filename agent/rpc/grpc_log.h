#pragma once

namespace faultd {

// Has what gRPC logs about itself logged by us, and no more than kLines of it in kWindow: clients
// can make it say as much as they like.
void TakeOverGrpcLog();

}  // namespace faultd
