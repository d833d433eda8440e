#include "aws/alarms.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "aws/xml.h"

namespace faultd {
namespace {

namespace asio = boost::asio;

// Of one call, and in one answer.
constexpr size_t kMostNames = 100;
constexpr size_t kLongestName = 255;
constexpr size_t kPartsOfArn = 7;

ApiRequest Request(const std::vector<std::string>& names, size_t first) {
  std::vector<std::pair<std::string, std::string>> parameters;
  const size_t last = std::min(names.size(), first + kMostNames);
  for (size_t i = first; i < last; ++i)
    parameters.emplace_back(StrCat("AlarmNames.member.", i - first + 1), names[i]);
  // Composite alarms are left out unless they are asked for.
  parameters.emplace_back("AlarmTypes.member.1", "MetricAlarm");
  parameters.emplace_back("AlarmTypes.member.2", "CompositeAlarm");
  parameters.emplace_back("MaxRecords", StrCat(kMostNames));
  return QueryRequest(kCloudWatch, "DescribeAlarms", "2010-08-01", parameters);
}

Status Collect(const std::string& body, AlarmStates& states) {
  auto answer = ParseXml(body);
  if (!answer.ok()) return Annotate(answer.status(), "cloudwatch:DescribeAlarms");
  const XmlElement* result = answer->Find("DescribeAlarmsResult");
  if (result == nullptr) {
    return absl::InternalError("cloudwatch:DescribeAlarms: the answer has no DescribeAlarmsResult");
  }
  for (const char* kind : {"MetricAlarms", "CompositeAlarms"}) {
    const XmlElement* list = result->Find(kind);
    if (list == nullptr) continue;
    for (const XmlElement& each : list->children) {
      states[each.Text("AlarmName")] = {each.Text("AlarmArn"), each.Text("StateValue"),
                                        each.Text("StateReason")};
    }
  }
  return absl::OkStatus();
}

}  // namespace

asio::awaitable<StatusOr<AlarmStates>> DescribeAlarms(std::shared_ptr<ApiClient> api,
                                                      std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  AlarmStates states;
  for (size_t first = 0; first < names.size(); first += kMostNames) {
    auto response = co_await api->Call(Request(names, first));
    if (!response.ok()) co_return response.status();
    const Status collected = Collect(response->body, states);
    if (!collected.ok()) co_return collected;
  }
  co_return states;
}

StatusOr<std::string> AlarmName(const std::string& name_or_arn) {
  std::string name = name_or_arn;
  if (name.starts_with("arn:")) {
    // A name may have colons of its own.
    const std::vector<std::string> parts =
        absl::StrSplit(name_or_arn, absl::MaxSplits(':', kPartsOfArn - 1));
    if (parts.size() != kPartsOfArn || parts[2] != "cloudwatch" || parts[5] != "alarm") {
      return absl::InvalidArgumentError(StrCat(
          "\"", name_or_arn,
          "\" is not the ARN of an alarm; write arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME, "
          "or the name alone"));
    }
    name = parts.back();
  }
  if (name.empty() || name.size() > kLongestName) {
    return absl::InvalidArgumentError(StrCat(
        "\"", name, "\" is not the name of an alarm; write 1 to ", kLongestName, " characters"));
  }
  return name;
}

}  // namespace faultd
