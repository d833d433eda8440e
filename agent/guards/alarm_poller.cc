#include "guards/alarm_poller.h"

#include <algorithm>

#include "aws/backoff.h"

namespace faultd {

AlarmPoller::~AlarmPoller() { loop_.Cancel(timer_); }

AlarmPoller::FollowerId AlarmPoller::Follow(std::string name, Heard heard) {
  const FollowerId id = next_++;
  followers_.emplace(id, Follower{std::move(name), std::move(heard)});
  // Later, so that the guards of one fault are one question.
  loop_.Post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) AskNew();
  });
  if (followers_.size() == 1) Arm();
  return id;
}

void AlarmPoller::Leave(FollowerId follower) {
  followers_.erase(follower);
  if (!followers_.empty()) return;
  loop_.Cancel(std::exchange(timer_, Loop::kNoTimer));
  first_.Cancel();
  poll_.Cancel();
  asking_new_ = false;
}

PendingCall AlarmPoller::Ask(std::vector<std::string> names, std::function<void()> then) {
  std::sort(names.begin(), names.end());
  return StartCall<Answer>(context_, DescribeAlarms(api_, names),
                           [this, names, then = std::move(then)](const Answer& answer) {
                             for (const auto& [id, each] : followers_) {
                               if (std::binary_search(names.begin(), names.end(), each.name))
                                 each.heard(answer);
                             }
                             then();
                           });
}

void AlarmPoller::AskNew() {
  if (asking_new_) return;
  std::vector<std::string> names;
  for (auto& [id, each] : followers_) {
    if (!std::exchange(each.asked, true)) names.push_back(each.name);
  }
  if (names.empty()) return;
  asking_new_ = true;
  first_ = Ask(std::move(names), [this] {
    asking_new_ = false;
    AskNew();
  });
}

void AlarmPoller::Poll() {
  std::vector<std::string> names;
  names.reserve(followers_.size());
  for (const auto& [id, each] : followers_) names.push_back(each.name);
  poll_ = Ask(std::move(names), [this] { Arm(); });
}

void AlarmPoller::Arm() {
  timer_ = loop_.At(clock_.Now() + kInterval + Backoff(0, kJitter, kJitter), [this] {
    timer_ = Loop::kNoTimer;
    Poll();
  });
}

}  // namespace faultd
