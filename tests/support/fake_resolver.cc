#include "support/fake_resolver.h"

namespace faultd {

void FakeResolver::Resolve(const std::string& name, Callback done) {
  ++lookups_;
  auto found = answers_.find(name);
  const Answer answer =
      found != answers_.end() ? found->second : absl::NotFoundError("no such name");
  auto work = [answer, done = std::move(done)] { done(answer); };
  if (holding_) {
    held_.push_back(std::move(work));
  } else {
    loop_.Post(std::move(work));
  }
}

void FakeResolver::Set(const std::string& name, const std::vector<std::string>& addresses) {
  std::vector<IpPrefix> parsed;
  parsed.reserve(addresses.size());
  for (const std::string& address : addresses) parsed.push_back(*IpPrefix::Parse(address));
  answers_[name] = std::move(parsed);
}

void FakeResolver::LetGo() {
  holding_ = false;
  for (auto& work : std::exchange(held_, {})) loop_.Post(std::move(work));
}

}  // namespace faultd
