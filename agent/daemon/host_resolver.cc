#include "daemon/host_resolver.h"

#include <utility>

#include "base/strings.h"
#include "base/units.h"

namespace faultd {

void HostResolver::Resolve(const std::string& name, Callback done) {
  const auto group = ParseAddressGroup(name);
  if (!group) return names_.Resolve(name, std::move(done));
  const auto answer = [&](Found found) {
    loop_.Post([done, found = std::move(found)] { done(found); });
  };
  if (!find_) {
    return answer(
        absl::FailedPreconditionError("this host is not an EC2 instance, so it cannot be looked "
                                      "up; give the addresses as CIDRs"));
  }
  const auto known = known_.find(name);
  if (known != known_.end() && clock_.Now() < known->second.until)
    return answer(known->second.prefixes);
  const uint64_t number = next_lookup_++;
  Lookup& lookup = lookups_[number];
  lookup.timer = loop_.At(clock_.Now() + options_.timeout, [this, number, done] {
    lookups_.erase(number);
    done(absl::DeadlineExceededError(
        StrCat("no answer of AWS within ", FormatDuration(options_.timeout))));
  });
  lookup.call =
      StartCall<Found>(loop_.context(), find_(*group), [this, name, number, done](Found found) {
        loop_.Cancel(lookups_[number].timer);
        lookups_.erase(number);
        if (found.ok()) known_[name] = {*found, clock_.Now() + options_.fresh};
        done(std::move(found));
      });
}

}  // namespace faultd
