#include "fuzz/check.h"

namespace faultd {

void CheckError(const Status& error) {
  Check(!error.ok(), "there is an error");
  Check(!error.message().empty(), "an error has a message", error.ToString());
}

void CheckFieldError(const Status& error) {
  CheckError(error);
  Check(absl::IsInvalidArgument(error), "it is the request that is wrong", error.ToString());
  Check(!DetailsOf(error).field.empty(), "an error names the field", error.ToString());
}

}  // namespace faultd
