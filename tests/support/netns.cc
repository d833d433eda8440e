#include "support/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/strings.h"

namespace faultd {

bool InCi() {
  const char* ci = getenv("CI");
  return ci != nullptr && std::string_view(ci) == "true";
}

namespace {

void AddAddresses(const std::string& link, const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    // Without duplicate address detection an IPv6 address can be used at once.
    const bool v6 = address.find(':') != std::string::npos;
    Sh(StrCat("ip address add ", address, " dev ", link, v6 ? " nodad" : ""));
  }
  Sh("ip link set " + link + " up");
}

}  // namespace

CommandResult RunCommand(const std::string& command) {
  FILE* pipe = popen(("exec 2>&1; " + command).c_str(), "re");
  if (pipe == nullptr) return {-1, strerror(errno)};
  CommandResult result;
  char buffer[4096];
  size_t got = 0;
  while ((got = fread(buffer, 1, sizeof(buffer), pipe)) > 0) result.output.append(buffer, got);
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

std::string Sh(const std::string& command) {
  CommandResult result = RunCommand(command);
  EXPECT_EQ(result.exit_code, 0) << command << ": " << result.output;
  return std::move(result.output);
}

Netns Netns::Current() {
  UniqueFd fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(fd.valid()) << strerror(errno);
  return Netns(std::move(fd));
}

Netns Netns::Create() {
  const Netns before = Current();
  EXPECT_EQ(unshare(CLONE_NEWNET), 0) << strerror(errno);
  Sh("ip link set lo up");
  Netns created = Current();
  before.Enter();
  return created;
}

void Netns::Enter() const { EXPECT_EQ(setns(fd_.get(), CLONE_NEWNET), 0) << strerror(errno); }

std::string Netns::path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_.get());
}

void NetnsTest::SetUp() {
  Netns before = Netns::Current();
  if (unshare(CLONE_NEWNET) != 0) {
    const std::string reason = std::string("cannot make a network namespace: ") + strerror(errno);
    if (InCi()) FAIL() << reason;
    GTEST_SKIP() << reason;
  }
  outside_.push_back(std::move(before));
  Sh("ip link set lo up");
}

void NetnsTest::TearDown() {
  if (!outside_.empty()) outside_.front().Enter();
  outside_.clear();
}

void NetnsTest::AddVeth(const std::string& name, const std::vector<std::string>& addresses,
                        const Netns& peer, const std::string& peer_name,
                        const std::vector<std::string>& peer_addresses) {
  Sh("ip link add " + name + " type veth peer name " + peer_name + " netns " + peer.path());
  AddAddresses(name, addresses);
  peer.Run([&] { AddAddresses(peer_name, peer_addresses); });
}

}  // namespace faultd
