#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"

namespace faultd {

// The ECS container instance that a host is.
struct EcsPlace {
  std::string cluster;  // as the ECS agent has it: a name or an ARN
  std::string instance_arn;
  friend bool operator==(const EcsPlace&, const EcsPlace&) = default;
};

struct EcsInstanceState {
  std::string status;  // "ACTIVE", "DRAINING", …
  uint64_t running_tasks = 0;
  uint64_t pending_tasks = 0;
};

// What faults need of ECS and of the instance metadata. Nothing blocks: answers come on the loop,
// maybe from inside the call. Errors as ApiClient makes them; what ECS reports in `failures` is
// one.
class EcsApi {
 public:
  template <typename T>
  using Callback = std::function<void(StatusOr<T>)>;

  virtual ~EcsApi() = default;

  // From the ECS agent of this host. NOT_FOUND when none answers; UNAVAILABLE when it has not
  // registered yet.
  virtual void FindInstance(Callback<EcsPlace> done) = 0;

  // NOT_FOUND when there is no such instance any more.
  virtual void Describe(const EcsPlace& place, Callback<EcsInstanceState> done) = 0;

  // `status` is "ACTIVE" or "DRAINING"; answers with what is so then.
  virtual void SetStatus(const EcsPlace& place, const std::string& status,
                         Callback<EcsInstanceState> done) = 0;

  // Tasks that run there and belong to no service: draining does not move them.
  virtual void CountStandaloneTasks(const EcsPlace& place, Callback<uint64_t> done) = 0;

  // Who else wants this host gone, in words: "a spot interruption notice (terminate)". Empty when
  // nobody does, as far as can be told.
  virtual void FindClaim(Callback<std::string> done) = 0;
};

}  // namespace faultd
