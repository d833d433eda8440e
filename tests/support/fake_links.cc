// Links and qdiscs of the fake kernel.
#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "support/fake_kernel.h"

namespace faultd {

StatusOr<std::vector<Link>> FakeKernel::FakeLinks::List() {
  return kernel_.script_.Run("list links", [&]() -> StatusOr<std::vector<Link>> {
    std::vector<int> done;
    for (auto& [index, lists] : kernel_.deleting_) {
      if (lists == 0) continue;
      --lists;
      if (lists == 0) done.push_back(index);
    }
    for (int index : done) kernel_.RemoveLink(index);
    std::vector<Link> links;
    links.reserve(kernel_.state_.links.size());
    for (const auto& [index, link] : kernel_.state_.links) links.push_back(link);
    return links;
  });
}

StatusOr<Link> FakeKernel::FakeLinks::Get(std::string_view name) {
  return kernel_.script_.Run(StrCat("get link ", name), [&]() -> StatusOr<Link> {
    for (const auto& [index, link] : kernel_.state_.links) {
      if (link.name == name) return link;
    }
    return absl::NotFoundError(StrCat("no interface named ", name));
  });
}

StatusOr<std::vector<Link>> FakeKernel::FakeLinks::DefaultRouteLinks() {
  return kernel_.script_.Run("list default routes", [&]() -> StatusOr<std::vector<Link>> {
    std::vector<Link> links;
    links.reserve(kernel_.state_.links.size());
    for (const auto& [index, link] : kernel_.state_.links) {
      if (kernel_.state_.default_routes.contains(link.name)) links.push_back(link);
    }
    std::ranges::sort(links, {}, &Link::name);
    return links;
  });
}

StatusOr<Link> FakeKernel::FakeLinks::CreateIfb(std::string_view name, bool up) {
  return kernel_.script_.Run(StrCat("create link ", name), [&]() -> StatusOr<Link> {
    if (!name.starts_with(kLinkPrefix) || name.size() > 15) {
      throw std::logic_error(StrCat("CreateIfb: bad name ", name));
    }
    for (const auto& [index, link] : kernel_.state_.links) {
      if (link.name == name) return ErrnoStatus(EEXIST, StrCat("create link ", name));
    }
    const int index = kernel_.next_index_++;
    return kernel_.state_.links[index] = Link{.index = index,
                                              .name = std::string(name),
                                              .kind = "ifb",
                                              .alias = std::string(kLinkAlias),
                                              .group = kLinkGroup,
                                              .up = up};
  });
}

Status FakeKernel::FakeLinks::Delete(const std::vector<int>& indices) {
  return kernel_.script_.Run(StrCat("delete links ", absl::StrJoin(indices, " ")), [&] {
    for (int index : indices) kernel_.RemoveLink(index);
    return absl::OkStatus();
  });
}

void FakeKernel::FakeLinks::DeleteInBackground(std::vector<int> indices) {
  kernel_.script_
      .Run(StrCat("delete links in background ", absl::StrJoin(indices, " ")),
           [&] {
             for (int index : indices) kernel_.deleting_[index] = kernel_.background_lists_;
             return absl::OkStatus();
           })
      .IgnoreError();  // only logged, as the interface says
}

uint64_t FakeKernel::FakeLinks::SpeedBps(const Link& link) {
  auto found = kernel_.speeds_.find(link.name);
  return found == kernel_.speeds_.end() ? 0 : found->second;
}

Status FakeKernel::FakeQdiscs::SetNetem(int ifindex, const Netem& netem) {
  return kernel_.script_.Run(StrCat("set netem on ", ifindex), [&]() -> Status {
    const auto link = kernel_.state_.links.find(ifindex);
    if (link == kernel_.state_.links.end()) return ErrnoStatus(ENODEV, "set netem");
    if (!IsOurs(link->second)) throw std::logic_error("SetNetem: not a link of ours");
    RETURN_IF_ERROR(kernel_.features_.netem);
    kernel_.state_.netem[ifindex] = netem;
    return absl::OkStatus();
  });
}

StatusOr<std::map<int, NetemState>> FakeKernel::FakeQdiscs::ListNetem() {
  using States = std::map<int, NetemState>;
  return kernel_.script_.Run("list netem", [&]() -> StatusOr<States> {
    States states;
    for (const auto& [ifindex, netem] : kernel_.state_.netem) {
      NetemState& state = states[ifindex];
      state.netem = netem;
      state.packets_queued = kernel_.queued_[ifindex];
      const uint64_t all = kernel_.sent_[ifindex];
      state.packets_dropped = static_cast<uint64_t>(static_cast<double>(all) * netem.loss);
      state.packets_sent = all - state.packets_dropped;
      // Times rounded to ticks of 64 ns, as the real one does.
      state.netem.delay -= state.netem.delay % std::chrono::nanoseconds(64);
      state.netem.jitter -= state.netem.jitter % std::chrono::nanoseconds(64);
    }
    return states;
  });
}

}  // namespace faultd
