#include "rpc/stream_places.h"

#include "base/strings.h"

namespace faultd {

StatusOr<StreamPlace> StreamPlaces::Take(const std::string& principal) const {
  const std::lock_guard taking(taken_->mutex);
  int& count = taken_->of[principal];
  if (count == kOfEach) {
    return absl::ResourceExhaustedError(StrCat(
        principal, " has ", kOfEach, " streams open, which is as many as it may; end one of them"));
  }
  ++count;
  return StreamPlace(nullptr, [taken = taken_, principal](const void*) {
    const std::lock_guard giving_back(taken->mutex);
    const auto of = taken->of.find(principal);
    if (--of->second == 0) taken->of.erase(of);
  });
}

}  // namespace faultd
