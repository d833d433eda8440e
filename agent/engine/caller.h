#pragma once

#include <string>

namespace faultd {

// What somebody may do, each role all that those before it may.
enum class Role {
  kNone,
  kObserver,  // read and watch
  kOperator,  // inject, and renew, hold and revert what is theirs
  kAdmin,     // the same with everybody's faults; the safety lever
};

// Who asks for something, as authentication has found.
struct Caller {
  // For people: "uid=0(root) pid=4711 comm=faultctl", "uri:spiffe://example.org/ci
  // from 10.0.0.9:40312".
  std::string actor;
  // The same for every request of one user or certificate, whatever the connection: "user:0",
  // "uri:spiffe://example.org/ci". Faults belong to it.
  std::string principal;
  Role role = Role::kNone;
};

}  // namespace faultd
