#pragma once

#include <functional>
#include <memory>
#include <string>

#include "aws/api_call.h"
#include "aws/imds.h"
#include "base/status.h"
#include "http/pending_call.h"
#include <boost/asio/io_context.hpp>

namespace faultd {

struct InstanceName {
  std::string value;
  // Where it is from: better ones may be had later when it is not the tag.
  enum class Source { kTag, kInstanceId, kHostName } source = Source::kHostName;
  Status why;  // there is no better one; OK for the tag
};

// How this host is called in dashboards: its Name tag, from the instance metadata, or from EC2
// where that does not have tags (InstanceMetadataTags is off by default), else its instance id,
// else its host name. `done` is called on the context, within half a minute when nothing answers.
PendingCall FindInstanceName(boost::asio::io_context& context, std::shared_ptr<Imds> imds,
                             std::shared_ptr<ApiClient> api,
                             std::function<void(StatusOr<InstanceName>)> done);

}  // namespace faultd
