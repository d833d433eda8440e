#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aws/api_call.h"
#include "base/status.h"
#include <boost/asio/awaitable.hpp>

namespace faultd {

// A CloudWatch alarm as it is.
struct AlarmState {
  std::string arn;
  std::string value;   // "OK", "ALARM" or "INSUFFICIENT_DATA"
  std::string reason;  // why, in CloudWatch's words
};
using AlarmStates = std::map<std::string, AlarmState, std::less<>>;  // by name

// The alarms of these names in this account and region, metric and composite ones; what is not
// there is left out. Any number of names.
boost::asio::awaitable<StatusOr<AlarmStates>> DescribeAlarms(std::shared_ptr<ApiClient> api,
                                                             std::vector<std::string> names);

// The name of an alarm that is given by its name or its ARN. INVALID_ARGUMENT for what cannot be
// either.
StatusOr<std::string> AlarmName(const std::string& name_or_arn);

}  // namespace faultd
