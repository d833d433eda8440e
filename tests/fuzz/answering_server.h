#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace faultd {

// A server on loopback that sends the same bytes to whoever has sent something, without a thread of
// its own: Step is called while its client runs.
class AnsweringServer {
 public:
  // `and_close`: nothing comes after the answer.
  AnsweringServer(std::string answer, bool and_close);

  const std::string& url() const { return url_; }  // http://<address>:<port>
  void Step();

 private:
  const std::string answer_;
  const bool and_close_;
  const UniqueFd listener_;
  std::string url_;
  std::vector<UniqueFd> clients_;
};

}  // namespace faultd
