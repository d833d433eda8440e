#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aws/api_call.h"
#include "base/clock.h"
#include "engine/guard_watcher.h"
#include "engine/loop.h"
#include "guards/alarm_poller.h"
#include "guards/condition.h"
#include "guards/file_events.h"
#include "guards/probe_source.h"
#include <boost/asio/io_context.hpp>

namespace faultd {

// Watches the guards of all faults of this host: it looks at everything once a second while there
// is a fault, and at once when a probe, a file or an alarm calls for it.
class HostGuards final : public GuardWatcher {
 public:
  struct Options {
    std::vector<v1::Guard> standing;  // of every fault, beside its own
    std::string root;                 // in front of /proc, for tests
  };

  // Without `api` alarms are refused. All references must outlive it, and it its watches.
  HostGuards(boost::asio::io_context& context, Loop& loop, const Clock& clock, ProbeSource& probes,
             std::shared_ptr<ApiClient> api, Options options);
  ~HostGuards() override;

  std::unique_ptr<Watch> Start(std::vector<v1::Guard> guards, std::function<void(Status)> ready,
                               std::function<void(const std::string& why)> tripped) override;

 private:
  class FaultWatch;
  void Forget(uint64_t watch);
  void CheckSoon();
  void CheckAll();
  void Check(uint64_t watch);  // unless it is forgotten
  void Arm();

  Loop& loop_;
  const Clock& clock_;
  const Options options_;
  FileEvents files_;
  std::unique_ptr<AlarmPoller> alarms_;
  const Surroundings surroundings_;
  std::map<uint64_t, FaultWatch*> watches_;
  uint64_t next_ = 1;
  Loop::TimerId timer_ = Loop::kNoTimer;
  bool posted_ = false;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace faultd
