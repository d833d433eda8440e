#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "probe/probes.h"

namespace faultd {

// The part of Probes that guards use.
class ProbeSource {
 public:
  virtual ~ProbeSource() = default;
  virtual const std::vector<std::unique_ptr<ProbeHistory>>& all() const = 0;
  virtual const ProbeHistory* Find(std::string_view name) const = 0;
  virtual Probes::WatchId Watch(Probes::Watcher each) = 0;
  virtual void Unwatch(Probes::WatchId watch) = 0;
};

}  // namespace faultd
