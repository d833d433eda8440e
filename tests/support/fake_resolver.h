#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/loop.h"
#include "engine/resolver.h"

namespace faultd {

// Names and their addresses as the test sets them; others do not exist.
class FakeResolver final : public Resolver {
 public:
  explicit FakeResolver(Loop& loop) : loop_(loop) {}

  void Resolve(const std::string& name, Callback done) override;

  void Set(const std::string& name, const std::vector<std::string>& addresses);
  void Fail(const std::string& name, Status error) { answers_[name] = std::move(error); }
  // From now on answers wait until they are let go.
  void HoldAnswers() { holding_ = true; }
  void LetGo();
  size_t lookups() const { return lookups_; }

 private:
  using Answer = StatusOr<std::vector<IpPrefix>>;

  Loop& loop_;
  std::map<std::string, Answer> answers_;
  std::vector<std::function<void()>> held_;
  bool holding_ = false;
  size_t lookups_ = 0;
};

}  // namespace faultd
