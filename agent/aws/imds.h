#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include <boost/asio/io_context.hpp>

namespace faultd {

// Whether this host is an EC2 instance, from its DMI tables (EC2 user guide, "Detect whether a host
// is an EC2 instance"): no network is touched to find out.
bool IsEc2Instance(const std::string& root = "/");

// One value of the instance metadata, version 2 only: a token first (PUT /latest/api/token), then
// GET /latest/<path>. `done` is called on the context within some seconds. NOT_FOUND on 404.
void FetchInstanceMetadata(boost::asio::io_context& context, const std::string& path,
                           std::function<void(StatusOr<std::string>)> done);

}  // namespace faultd
