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

// That of this host. `probes` must outlive it.
class HostProbes final : public ProbeSource {
 public:
  explicit HostProbes(Probes& probes) : probes_(probes) {}

  const std::vector<std::unique_ptr<ProbeHistory>>& all() const override { return probes_.all(); }
  const ProbeHistory* Find(std::string_view name) const override { return probes_.Find(name); }
  Probes::WatchId Watch(Probes::Watcher each) override { return probes_.Watch(std::move(each)); }
  void Unwatch(Probes::WatchId watch) override { probes_.Unwatch(watch); }

 private:
  Probes& probes_;
};

}  // namespace faultd
