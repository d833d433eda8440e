#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/sample_specs.h"
#include "support/test_host.h"

namespace faultd {

// An engine on a fake host whose time passes when the test says so.
class EngineFixture : public testing::Test {
 protected:
  using Answer = std::optional<StatusOr<v1::Fault>>;

  // What a call will have been answered with; empty until then.
  std::shared_ptr<Answer> Inject(const v1::InjectFaultRequest& request) {
    auto answer = std::make_shared<Answer>();
    engine().Inject(request, {"uid=0(root)", "user:0", Role::kAdmin},
                    [answer](StatusOr<v1::Fault> fault) { *answer = std::move(fault); });
    return answer;
  }
  std::shared_ptr<Answer> Inject(const std::string& id, const std::string& spec) {
    return Inject(RequestFor(id, spec));
  }
  std::shared_ptr<Answer> Revert(const std::string& id) {
    auto answer = std::make_shared<Answer>();
    engine().Revert(id, v1::END_REASON_REQUESTED,
                    [answer](StatusOr<v1::Fault> fault) { *answer = std::move(fault); });
    return answer;
  }
  // With the answer that there is at once.
  StatusOr<v1::Fault> Renew(const std::string& id, std::chrono::seconds duration) {
    return StartRenewal(id, duration)->value_or(absl::UnavailableError("no answer yet"));
  }
  std::shared_ptr<Answer> StartRenewal(const std::string& id, std::chrono::seconds duration) {
    v1::RenewLeaseRequest request;
    request.set_id(id);
    request.mutable_duration()->set_seconds(duration.count());
    return Renew(request);
  }
  std::shared_ptr<Answer> Renew(const v1::RenewLeaseRequest& request) {
    auto answer = std::make_shared<Answer>();
    engine().Renew(request, [answer](StatusOr<v1::Fault> fault) { *answer = std::move(fault); });
    return answer;
  }

  v1::FaultState StateOf(const std::string& id) {
    auto fault = engine().Get(id);
    return fault.ok() ? fault->state() : v1::FAULT_STATE_UNSPECIFIED;
  }
  // As it stands in the journal.
  std::optional<v1::JournalRecord> RecordOf(const std::string& id) {
    auto content = host.journal().ReadAll();
    for (const v1::JournalRecord& record : content->records) {
      if (record.id() == id) return record;
    }
    return std::nullopt;
  }
  // Whether packets to an address are steered by what is in the kernel.
  bool IsHit(std::string_view address) const {
    return host.kernel.FateOf("eth0", Direction::kEgress, {*IpAddress::Parse(address)}) !=
           FakeKernel::Fate();
  }

  Engine& engine() { return host.engine(); }

  static constexpr char kLatency[] =
      R"(latency { target { to { host: "10.0.0.0/8" } } delay { nanos: 100000000 } })";
  static constexpr char kBlackhole[] = R"(blackhole { target { to { host: "10.0.0.0/8" } } })";
  static constexpr char kNoop[] = "noop { }";

  TestHost host;
  const HostSnapshot before = host.Snapshot();
};

}  // namespace faultd
