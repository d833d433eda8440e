#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "aws/ecs.h"
#include "aws/session.h"
#include "faults/ecs/ecs_api.h"
#include "http/pending_call.h"
#include <boost/asio/io_context.hpp>

namespace faultd {

// The real EcsApi: the agent of this host, the ECS API and the instance metadata. Calls that are
// under way when it is destroyed are given up.
class HostEcs final : public EcsApi {
 public:
  // `agent_url` is that of the ECS agent's introspection endpoint. Without instance metadata (not
  // on EC2: an external instance, ECS Anywhere) nobody else can want the host gone.
  HostEcs(boost::asio::io_context& context, const AwsSession& session, const std::string& agent_url,
          bool has_metadata);

  void FindInstance(Callback<EcsPlace> done) override;
  void Describe(const EcsPlace& place, Callback<EcsInstanceState> done) override;
  void SetStatus(const EcsPlace& place, const std::string& status,
                 Callback<EcsInstanceState> done) override;
  void CountStandaloneTasks(const EcsPlace& place, Callback<uint64_t> done) override;
  void FindClaim(Callback<std::string> done) override;

 private:
  // Starts a call and keeps it until its answer has come.
  template <typename Start>
  void Keep(Start start);

  boost::asio::io_context& context_;
  std::shared_ptr<Imds> imds_;
  Ecs ecs_;
  const bool has_metadata_;
  std::map<uint64_t, PendingCall> calls_;
  uint64_t next_call_ = 0;
};

}  // namespace faultd
