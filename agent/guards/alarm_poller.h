#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aws/alarms.h"
#include "aws/api_call.h"
#include "base/clock.h"
#include "engine/loop.h"
#include "http/pending_call.h"
#include <boost/asio/io_context.hpp>

namespace faultd {

// Asks CloudWatch for the alarms of all guards together: it answers only 9 such calls a second for
// a whole account, and there may be hundreds of hosts.
class AlarmPoller {
 public:
  static constexpr std::chrono::seconds kInterval{30};
  static constexpr std::chrono::seconds kJitter{10};  // at most, on top of the interval

  using Answer = StatusOr<AlarmStates>;
  // Must neither follow nor leave.
  using Heard = std::function<void(const Answer&)>;
  using FollowerId = uint64_t;

  // `context`, `loop` and `clock` must outlive it.
  AlarmPoller(boost::asio::io_context& context, Loop& loop, const Clock& clock,
              std::shared_ptr<ApiClient> api)
      : context_(context), loop_(loop), clock_(clock), api_(std::move(api)) {}
  ~AlarmPoller();

  // Asks for the alarm of that name soon, then once an interval. `heard` gets every answer that
  // is about it.
  FollowerId Follow(std::string name, Heard heard);
  void Leave(FollowerId follower);

 private:
  struct Follower {
    std::string name;
    Heard heard;
    bool asked = false;
  };
  // The first question about new followers; then that of each interval about all.
  void AskNew();
  void Poll();
  void Arm();
  PendingCall Ask(std::vector<std::string> names, std::function<void()> then);

  boost::asio::io_context& context_;
  Loop& loop_;
  const Clock& clock_;
  std::shared_ptr<ApiClient> api_;
  std::map<FollowerId, Follower> followers_;
  FollowerId next_ = 1;
  Loop::TimerId timer_ = Loop::kNoTimer;
  bool asking_new_ = false;
  PendingCall first_;
  PendingCall poll_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace faultd
