#pragma once

#include <grpcpp/grpcpp.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/caller.h"
#include "google/protobuf/message.h"
#include "rpc/audited_request.h"
#include "rpc/peers.h"
#include "rpc/stream_places.h"

namespace faultd {

// Who has which role, as the configuration says.
struct AccessConfig {
  // Entries as in rpc/principal.h.
  std::vector<std::string> admins = {"user:root"};
  std::vector<std::string> operators;
  std::vector<std::string> observers;
  // Whoever is authenticated may revert any fault, whatever the role.
  bool anyone_may_revert = true;
};

// Which role a method needs. A method without a rule is refused to everybody.
struct AccessRule {
  std::string_view
      request;  // the full name of its request message, which each method has of its own
  Role role;
  bool changes = false;  // faults or the lever: goes into the audit log
};
// One for every method of faultd.v1.
const std::vector<AccessRule>& AccessRules();

// Who opened a stream; the place is to be kept for as long as the stream is open.
struct StreamCaller {
  Caller caller;
  StreamPlace place;
};

// What every RPC asks first: may this caller do this. Used from any thread.
class Access {
 public:
  // Looks the users and groups up; those that do not exist are logged, and nobody is them.
  Access(AccessConfig config, const Peers& peers, AuditLog& audit);

  // The role of somebody with these names (Peer::names).
  Role RoleOf(const std::vector<std::string>& names) const;

  // Who calls. UNAUTHENTICATED when the connection says nothing of its peer; PERMISSION_DENIED,
  // naming the role that is needed, when the caller may not call this method at all.
  StatusOr<Caller> Authorise(const grpc::CallbackServerContext& context,
                             const google::protobuf::Message& request) const;

  // The same for a stream. RESOURCE_EXHAUSTED as StreamPlaces::Take.
  StatusOr<StreamCaller> AuthoriseStream(const grpc::CallbackServerContext& context,
                                         const google::protobuf::Message& request) const;

  // The request's line in the audit log, to be told how it was answered, refusals included.
  AuditedRequest Audit(const grpc::CallbackServerContext& context,
                       const google::protobuf::Message& request) const;

  // PERMISSION_DENIED unless the fault, which belongs to `owner`, is the caller's own or the caller
  // is an admin.
  Status MayChange(const Caller& caller, std::string_view owner) const;
  // The same, but for reverting, which everybody may unless the configuration says otherwise.
  Status MayRevert(const Caller& caller, std::string_view owner) const;
  Status MayReleaseLever(const Caller& caller) const;

 private:
  AccessConfig config_;
  const Peers& peers_;
  AuditLog& audit_;
  StreamPlaces places_;
};

}  // namespace faultd
