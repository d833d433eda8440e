#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace faultd {

// Whether this is a run in which a test that lacks what it needs fails, as the environment's
// CI=true says, and is not skipped.
bool InCi();

struct CommandResult {
  int exit_code = -1;
  std::string output;  // stdout and stderr
};

// Runs a command with sh(1) in the namespaces of the calling thread.
CommandResult RunCommand(const std::string& command);

// The same for a command that must succeed: its output; a test failure when it does not.
std::string Sh(const std::string& command);

// A network namespace, which lives as long as this object or anything in it.
class Netns {
 public:
  static Netns Create();   // a fresh one with lo up
  static Netns Current();  // of the calling thread

  // Moves the calling thread into it.
  void Enter() const;

  // Calls `body` with the calling thread in it, and answers what `body` answers.
  template <typename Body>
  auto Run(Body body) const {
    struct Return {
      Netns before;
      ~Return() { before.Enter(); }
    } back{Current()};
    Enter();
    return body();
  }

  // For ip(8): "ip link set x netns <path>".
  std::string path() const;

 private:
  explicit Netns(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// A test in a fresh network namespace. Without the privilege to make one it is skipped, or fails
// where the environment says CI=true.
class NetnsTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Adds a pair of veth links, both up: `name` here and `peer_name` in `peer`, each with addresses
  // such as "10.9.0.1/24" or "fd09::1/64", which can be used at once.
  void AddVeth(const std::string& name, const std::vector<std::string>& addresses,
               const Netns& peer, const std::string& peer_name,
               const std::vector<std::string>& peer_addresses);

 private:
  std::vector<Netns> outside_;  // where the thread came from
};

}  // namespace faultd
