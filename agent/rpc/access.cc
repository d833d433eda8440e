#include "rpc/access.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "rpc/principal.h"

namespace faultd {
namespace {

std::string_view NameOf(Role role) {
  switch (role) {
    case Role::kNone:
      return "none";
    case Role::kObserver:
      return "observer";
    case Role::kOperator:
      return "operator";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

Status Denied(const Caller& caller, std::string_view what, Role needed) {
  return DeniedError(
      StrCat("role ", NameOf(needed)),
      StrCat(caller.actor, " may not ", what, ": that takes the role ", NameOf(needed),
             ", and it has ", caller.role == Role::kNone ? "no role" : NameOf(caller.role),
             "; roles are given in [access] of faultd.toml"));
}

const AccessRule* RuleFor(std::string_view message) {
  const auto& rules = AccessRules();
  const auto rule = std::find_if(rules.begin(), rules.end(),
                                 [&](const AccessRule& each) { return each.request == message; });
  return rule == rules.end() ? nullptr : &*rule;
}

}  // namespace

const std::vector<AccessRule>& AccessRules() {
  static const std::vector<AccessRule> rules = {
      {"faultd.v1.GetAgentRequest", Role::kObserver},
      // Engaging stops faults, and is for whoever may do that; releasing is for admins.
      {"faultd.v1.SetSafetyLeverRequest", Role::kNone, true},
      {"faultd.v1.InjectFaultRequest", Role::kOperator, true},
      {"faultd.v1.PlanFaultRequest", Role::kObserver},
      {"faultd.v1.GetFaultRequest", Role::kObserver},
      {"faultd.v1.ListFaultsRequest", Role::kObserver},
      {"faultd.v1.RenewLeaseRequest", Role::kOperator, true},
      // What stops faults is asked again about the fault: MayRevert.
      {"faultd.v1.RevertFaultRequest", Role::kNone, true},
      {"faultd.v1.RevertAllRequest", Role::kNone, true},
      {"faultd.v1.WatchFaultsRequest", Role::kObserver},
      {"faultd.v1.HoldFaultRequest", Role::kOperator, true},
      {"faultd.v1.ListProbesRequest", Role::kObserver},
      {"faultd.v1.WatchProbesRequest", Role::kObserver},
  };
  return rules;
}

Access::Access(AccessConfig config, const Peers& peers, AuditLog& audit)
    : config_(std::move(config)), peers_(peers), audit_(audit) {
  for (auto* entries : {&config_.admins, &config_.operators, &config_.observers}) {
    for (const std::string& entry : std::exchange(*entries, {})) {
      if (StatusOr<std::string> number = WithNumber(entry); number.ok()) {
        entries->push_back(*std::move(number));
      } else {
        spdlog::warn("access: {}; nobody has its role", std::string(number.status().message()));
      }
    }
  }
}

Role Access::RoleOf(const std::vector<std::string>& names) const {
  if (AnyMatches(config_.admins, names)) return Role::kAdmin;
  if (AnyMatches(config_.operators, names)) return Role::kOperator;
  if (AnyMatches(config_.observers, names)) return Role::kObserver;
  return Role::kNone;
}

StatusOr<Caller> Access::Authorise(const grpc::CallbackServerContext& context,
                                   const google::protobuf::Message& request) const {
  ASSIGN_OR_RETURN(const Peer peer, peers_.PeerOf(context));
  Caller caller{peer.description, peer.names.front(), RoleOf(peer.names)};
  const std::string& message = request.GetDescriptor()->full_name();
  const AccessRule* rule = RuleFor(message);
  if (rule == nullptr)
    return DeniedError("no rule", StrCat("nobody may send ", message, ": there is no rule for it"));
  if (caller.role < rule->role) return Denied(caller, StrCat("send ", message), rule->role);
  return caller;
}

StatusOr<StreamCaller> Access::AuthoriseStream(const grpc::CallbackServerContext& context,
                                               const google::protobuf::Message& request) const {
  ASSIGN_OR_RETURN(Caller caller, Authorise(context, request));
  ASSIGN_OR_RETURN(StreamPlace place, places_.Take(caller.principal));
  return StreamCaller{std::move(caller), std::move(place)};
}

AuditedRequest Access::Audit(const grpc::CallbackServerContext& context,
                             const google::protobuf::Message& request) const {
  const AccessRule* rule = RuleFor(request.GetDescriptor()->full_name());
  if (rule == nullptr || !rule->changes) return {};
  AuditEntry who{.actor = context.peer()};
  if (const StatusOr<Peer> peer = peers_.PeerOf(context); peer.ok()) {
    who.actor = peer->description;
    who.principal = peer->names.front();
    who.role = NameOf(RoleOf(peer->names));
  }
  who.rule = rule->role == Role::kNone ? "anybody" : StrCat("role ", NameOf(rule->role));
  return {audit_, std::move(who), request};
}

Status Access::MayChange(const Caller& caller, std::string_view owner) const {
  if (caller.role == Role::kAdmin) return absl::OkStatus();
  if (caller.role == Role::kOperator && owner == caller.principal) return absl::OkStatus();
  return Denied(caller, StrCat("change what belongs to ", owner.empty() ? "others" : owner),
                Role::kAdmin);
}

Status Access::MayRevert(const Caller& caller, std::string_view owner) const {
  return config_.anyone_may_revert ? absl::OkStatus() : MayChange(caller, owner);
}

Status Access::MayReleaseLever(const Caller& caller) const {
  if (caller.role == Role::kAdmin) return absl::OkStatus();
  return Denied(caller, "release the safety lever", Role::kAdmin);
}

}  // namespace faultd
