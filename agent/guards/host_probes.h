#pragma once

#include <utility>

#include "guards/probe_source.h"

namespace faultd {

// The probes of this host as guards see them. `probes` must outlive it.
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
