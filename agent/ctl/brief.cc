#include "ctl/brief.h"

#include <google/protobuf/util/time_util.h>

#include "base/strings.h"
#include "ctl/render.h"
#include <nlohmann/json.hpp>

namespace faultd::ctl {
namespace {

using google::protobuf::util::TimeUtil;
using Json = nlohmann::ordered_json;

constexpr size_t kLongestText = 500;
// Of all lines; leaves some of the 2,500 characters to what is said on stderr.
constexpr size_t kRoom = 1800;

std::string Cut(std::string_view text) {
  return text.size() <= kLongestText ? std::string(text)
                                     : StrCat(text.substr(0, kLongestText), "...");
}

// What is cut within a character is no UTF-8 any more.
std::string Line(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

void AddUnlessEmpty(Json& json, const char* key, std::string_view text) {
  if (!text.empty()) json[key] = Cut(text);
}

}  // namespace

std::string BriefFault(const v1::Fault& fault) {
  Json json = {{"id", fault.id()}, {"state", Words(fault.state())}};
  AddUnlessEmpty(json, "summary", fault.summary());
  if (fault.end_reason() == v1::END_REASON_UNSPECIFIED) {
    // In whole seconds: it is worked out anew for each answer, so what is behind them varies.
    json["deadline"] =
        TimeUtil::ToString(TimeUtil::SecondsToTimestamp(fault.lease().deadline().seconds()));
  } else {
    json["end_reason"] = Words(fault.end_reason());
    AddUnlessEmpty(json, "end_detail", fault.end_detail());
    AddUnlessEmpty(json, "effect", EffectWords(fault.effect()));
  }
  AddUnlessEmpty(json, "error", fault.error().message());
  return Line(json);
}

std::string BriefFaults(const std::vector<v1::Fault>& faults) {
  Json counts = {{"faults", faults.size()}};
  std::string below;
  for (const v1::Fault& fault : faults) {
    Json& count = counts[Words(fault.state())];
    count = count.is_null() ? 1 : count.get<int>() + 1;
    const std::string line = BriefFault(fault);
    if (below.size() + line.size() < kRoom) StrAppend(&below, "\n", line);
  }
  return Line(counts) + below;
}

std::string BriefError(std::string_view message) {
  Json json;
  json["error"] = Cut(message);
  return Line(json);
}

}  // namespace faultd::ctl
