#include <algorithm>

#include "absl/strings/str_join.h"
#include "base/proto_time.h"
#include "base/strings.h"
#include "ctl/guard_texts.h"
#include "ctl/output.h"
#include "ctl/render.h"

namespace faultd::ctl {
namespace {

// Beyond this a spec or an undo record (of thousands of addresses) hides the rest.
constexpr size_t kLongestJson = 2000;

std::string ShortJson(const google::protobuf::Message& message) {
  std::string json = ToJson(message);
  if (json.size() <= kLongestJson) return json;
  return StrCat(json.size(), " bytes; --json shows them");
}

// Lines of a name and a value; empty values are left out.
class Fields {
 public:
  explicit Fields(std::string title) : text_(std::move(title)) {}
  void Add(std::string_view name, std::string_view value) {
    constexpr size_t kColumn = 10;
    if (value.empty()) return;
    StrAppend(&text_, "\n  ", name,
              std::string(name.size() < kColumn ? kColumn - name.size() : 1, ' '), value);
  }
  void AddTime(std::string_view name, bool present, const google::protobuf::Timestamp& time) {
    if (present) Add(name, FormatTime(time));
  }
  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

std::string LeaseText(const v1::Fault& fault) {
  const v1::Lease& lease = fault.lease();
  std::string text = ShortDuration(FromProto(lease.duration()));
  if (lease.has_deadline()) StrAppend(&text, " until ", FormatTime(lease.deadline()));
  if (!IsOver(fault)) text += lease.renewable() ? ", renewable" : ", not renewable";
  if (!lease.held_by().empty()) StrAppend(&text, ", held by ", lease.held_by());
  return text;
}

std::string LabelsText(const v1::Fault& fault) {
  std::vector<std::string> labels;
  for (const auto& [key, value] : fault.labels()) labels.push_back(StrCat(key, "=", value));
  std::sort(labels.begin(), labels.end());
  return absl::StrJoin(labels, " ");
}

std::string StateWords(v1::Capability::State state) {
  switch (state) {
    case v1::Capability::AVAILABLE:
      return "available";
    case v1::Capability::LIMITED:
      return "limited";
    case v1::Capability::NOT_APPLICABLE:
      return "not for this host";
    default:
      return "unavailable";
  }
}

std::string Verdict(const v1::Agent& agent) {
  int runnable = 0;
  for (const v1::Capability& each : agent.capabilities())
    runnable +=
        each.state() == v1::Capability::AVAILABLE || each.state() == v1::Capability::LIMITED;
  std::string text = agent.leftovers().empty()
                         ? std::string("clean: nothing left over")
                         : StrCat("not clean: ", agent.leftovers_size(), " left over");
  StrAppend(&text, ", ", runnable, " of ", agent.capabilities_size(), " kinds of fault can run, ",
            agent.active_faults(), " active");
  if (agent.guardian_pid() == 0) text += ", NO GUARDIAN";
  if (agent.safety_lever().engaged()) text += ", SAFETY LEVER ENGAGED";
  return text;
}

}  // namespace

std::string FaultDetails(const v1::Fault& fault) {
  Fields fields(FaultLine(fault));
  fields.Add("lease", LeaseText(fault));
  for (const v1::Guard& guard : fault.guards()) fields.Add("stop if", GuardText(guard));
  fields.Add("effect", EffectWords(fault.effect()));
  if (fault.has_verification()) {
    fields.Add("verified", StrCat(fault.verification().detail(), ", at ",
                                  FormatTime(fault.verification().check_time())));
  }
  fields.Add("error", fault.error().message());
  fields.Add("actor", fault.actor());
  fields.Add("labels", LabelsText(fault));
  fields.AddTime("created", fault.has_create_time(), fault.create_time());
  fields.AddTime("active", fault.has_active_time(), fault.active_time());
  fields.AddTime("ended", fault.has_end_time(), fault.end_time());
  fields.Add("spec", ShortJson(fault.spec()));
  return std::move(fields).text();
}

std::string PlanText(const v1::PlanFaultResponse& plan) {
  Fields fields(StrCat("would inject: ", plan.summary()));
  for (const std::string& change : plan.changes()) fields.Add("change", change);
  for (const std::string& warning : plan.warnings()) fields.Add("warning", warning);
  fields.Add("undo", ShortJson(plan.undo()));
  return std::move(fields).text();
}

std::string LeverText(const v1::SafetyLever& lever) {
  if (!lever.engaged()) return "the safety lever is released";
  std::string text = "the safety lever is engaged";
  if (lever.has_engage_time()) StrAppend(&text, " since ", FormatTime(lever.engage_time()));
  StrAppend(&text, " by ", lever.actor(), ": ", lever.reason());
  if (!lever.not_durable().empty())
    StrAppend(&text, "\nA restart would release it: ", lever.not_durable());
  return text;
}

std::string AgentReport(const v1::Agent& agent) {
  Fields fields(Verdict(agent));
  fields.Add("daemon",
             StrCat("faultd ", agent.version(), ", since ", FormatTime(agent.start_time())));
  fields.Add("host", StrCat(agent.hostname(), ", ", agent.os(), ", Linux ", agent.kernel()));
  fields.Add("guardian", agent.guardian_pid() == 0 ? "not running; see the daemon's log"
                                                   : StrCat("running, pid ", agent.guardian_pid()));
  if (agent.safety_lever().engaged()) {
    fields.Add("lever", LeverText(agent.safety_lever()));
    fields.Add("", "to do: `faultctl lever release`, when faults may be injected again");
  }
  for (const v1::Capability& each : agent.capabilities()) {
    fields.Add(each.kind(),
               StrCat(StateWords(each.state()), each.reason().empty() ? "" : ": ", each.reason()));
    fields.Add("", each.remedy().empty() ? "" : "to do: " + each.remedy());
  }
  for (const v1::Leftover& each : agent.leftovers()) {
    fields.Add("left over", StrCat(each.type(), " ", each.name(), each.detail().empty() ? "" : ": ",
                                   each.detail()));
  }
  if (!agent.leftovers().empty()) {
    fields.Add("",
               "to do: `systemctl restart faultd`, or stop it and run `faultd-guardian --once`");
  }
  return std::move(fields).text();
}

}  // namespace faultd::ctl
