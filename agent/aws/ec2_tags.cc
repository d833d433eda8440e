#include "aws/ec2_tags.h"

#include <unistd.h>

#include "aws/xml.h"

namespace faultd {
namespace {

namespace asio = boost::asio;

std::string HostName() {
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  return name;
}

asio::awaitable<StatusOr<std::string>> DescribeNameTag(std::shared_ptr<ApiClient> api,
                                                       std::string instance_id) {
  std::vector<std::pair<std::string, std::string>> parameters;
  parameters.emplace_back("Filter.1.Name", "resource-id");
  parameters.emplace_back("Filter.1.Value.1", instance_id);
  parameters.emplace_back("Filter.2.Name", "key");
  parameters.emplace_back("Filter.2.Value.1", "Name");
  ApiRequest request = QueryRequest(kEc2, "DescribeTags", "2016-11-15", parameters);
  auto response = co_await api->Call(std::move(request));
  if (!response.ok()) co_return response.status();
  auto answer = ParseXml(response->body);
  if (!answer.ok()) co_return Annotate(answer.status(), "ec2:DescribeTags");
  const std::string value = answer->Text("tagSet/item/value");
  if (value.empty()) {
    co_return absl::NotFoundError(StrCat("instance ", instance_id, " has no Name tag"));
  }
  co_return value;
}

asio::awaitable<StatusOr<InstanceName>> FindName(std::shared_ptr<Imds> imds,
                                                 std::shared_ptr<ApiClient> api) {
  using Source = InstanceName::Source;
  InstanceName name;
  auto tag = co_await imds->Get("meta-data/tags/instance/Name");
  if (tag.ok() && !tag->empty()) {
    name = {*std::move(tag), Source::kTag, absl::OkStatus()};
    co_return name;
  }
  // Without metadata there is no instance to ask about.
  if (!tag.ok() && !absl::IsNotFound(tag.status())) {
    name = {HostName(), Source::kHostName, tag.status()};
    co_return name;
  }
  auto instance_id = co_await imds->Get("meta-data/instance-id");
  if (!instance_id.ok()) {
    name = {HostName(), Source::kHostName, instance_id.status()};
    co_return name;
  }
  auto described = co_await DescribeNameTag(api, *instance_id);
  if (described.ok()) {
    name = {*std::move(described), Source::kTag, absl::OkStatus()};
  } else {
    name = {*std::move(instance_id), Source::kInstanceId, described.status()};
  }
  co_return name;
}

}  // namespace

PendingCall FindInstanceName(asio::io_context& context, std::shared_ptr<Imds> imds,
                             std::shared_ptr<ApiClient> api,
                             std::function<void(StatusOr<InstanceName>)> done) {
  return StartCall(context, FindName(std::move(imds), std::move(api)), std::move(done));
}

}  // namespace faultd
