#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "kernel/steering.h"

namespace faultd::flower {

// Keeps counters by name, while the actions that count in the kernel come and go.
class Counters {
 public:
  // What the actions of the kernel have counted, by their number.
  using Actions = std::map<uint32_t, PacketCounter>;

  // The counters with what these actions have counted.
  std::map<std::string, PacketCounter> Sum(const Actions& actions) const;
  // These actions are gone.
  void Retire(const Actions& actions) { retired_ = Sum(actions); }
  // From now on it is the actions of these rules that count. Counters that are not in `table` are
  // forgotten.
  void Begin(const SteeringTable& table, const std::map<uint32_t, const SteeringRule*>& rules);

 private:
  std::map<std::string, PacketCounter> retired_;
  std::map<uint32_t, std::set<std::string>> names_;  // by the number of the action
};

}  // namespace faultd::flower
