// What AWS, the instance metadata and the ECS agent may answer. An input is a letter and an answer.
// In upper case it is for a parser: X for XML, C for credentials, D for times, B for what the
// metric buffer has saved, P for a profile. Else it is for a call, and follows a digit: 2, 4 or 5
// for the body of an answer with this class of status, 0 for all that the server sends.
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <unistd.h>

#include <optional>

#include "absl/strings/str_replace.h"
#include "aws/address_group.h"
#include "aws/alarms.h"
#include "aws/credential_chain.h"
#include "aws/ec2_tags.h"
#include "aws/ecs.h"
#include "aws/metric_buffer.h"
#include "aws/profile.h"
#include "aws/session.h"
#include "aws/time_format.h"
#include "aws/xml.h"
#include "base/file_io.h"
#include "fuzz/answering_server.h"
#include "fuzz/check.h"
#include "support/fake_clock.h"
#include <boost/asio/co_spawn.hpp>

namespace faultd {
namespace {

std::string Print(const XmlElement& element) {
  std::string content;
  for (const XmlElement& child : element.children) content += Print(child);
  if (element.children.empty())
    content = absl::StrReplaceAll(element.text, {{"&", "&amp;"}, {"<", "&lt;"}});
  return StrCat("<", element.name, " >", content, "</", element.name, " >");
}

void CheckXml(std::string_view text) {
  const auto root = ParseXml(text);
  if (!root.ok()) return CheckError(root.status());
  const auto again = ParseXml(Print(*root));
  Check(again.ok() && Print(*again) == Print(*root), "XML reads back", Print(*root));
  Check(root->Find("none/none") == nullptr || root->Find("none") != nullptr,
        "a path has a beginning");
}

// Differences between points in time must not overflow.
void CheckTime(std::chrono::nanoseconds time) {
  Check(time >= std::chrono::nanoseconds::zero() && time < std::chrono::nanoseconds::max(),
        "a time is after 1970", StrCat(time.count()));
  const auto again = ParseTime(FormatTime(time));
  Check(again.ok() && *again == std::chrono::floor<std::chrono::seconds>(time), "a time reads back",
        FormatTime(time));
}

void CheckTimes(std::string_view text) {
  for (const auto& time : {ParseTime(text), ParseHttpDate(text)}) {
    if (time.ok()) {
      CheckTime(*time);
    } else {
      CheckError(time.status());
    }
  }
}

void CheckCredentials(std::string_view text) {
  const auto credentials = ParseCredentials(text, "source");
  if (!credentials.ok()) return CheckError(credentials.status());
  Check(!credentials->key.id.empty() && !credentials->key.secret.empty(), "there is a key");
  if (credentials->expires) CheckTime(*credentials->expires);
}

void CheckSnapshot(std::string_view text) {
  const FakeClock clock;
  const SkewedClock skewed(clock);
  const auto snapshot = MetricSnapshot::FromDocument(std::string(text), "boot", skewed);
  if (!snapshot.ok()) return CheckError(snapshot.status());
  const std::string document = snapshot->ToDocument("boot");
  const auto again = MetricSnapshot::FromDocument(document, "boot", skewed);
  Check(again.ok() && again->ToDocument("boot") == document, "a snapshot reads back", document);
  MetricBuffer buffer(skewed, 100);
  buffer.Add(*snapshot);
  Check(buffer.size() <= 100, "a buffer is bounded");
}

void CheckProfile(std::string_view text) {
  const UniqueFd fd(memfd_create("profile", MFD_CLOEXEC));
  Check(WriteAll(fd.get(), text, "profile").ok(), "a file in memory can be written");
  const std::string path = StrCat("/proc/self/fd/", fd.get());
  const auto profile = Profile::Load(
      {{"AWS_CONFIG_FILE", path}, {"AWS_SHARED_CREDENTIALS_FILE", path}, {"AWS_PROFILE", "a"}});
  if (!profile.ok()) return CheckError(profile.status());
  Check(profile->Get("role_arn").find('\n') == std::string::npos, "a value is a line");
}

// All calls of one input, to one server.
class Calls {
 public:
  explicit Calls(AnsweringServer& server) : server_(server) {
    spdlog::set_level(spdlog::level::off);
    const Environment environment = {{"AWS_ACCESS_KEY_ID", "AKID"},
                                     {"AWS_SECRET_ACCESS_KEY", "secret"},
                                     {"AWS_MAX_ATTEMPTS", "1"},
                                     {"AWS_ENDPOINT_URL", server.url()},
                                     {"AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url()},
                                     {"HOME", "/nonexistent"}};
    session_ = MakeAwsSession(context_, clock_, environment, "eu-west-1");
    session_.imds =
        std::make_shared<Imds>(session_.http, environment, clock_, Imds::Options{.attempts = 1});
  }

  void Make(char call) {
    Ecs ecs(context_, session_.api, session_.http, server_.url());
    switch (call) {
      case 'a':
        return Ask(DescribeAlarms(session_.api, {"alarm"}));
      case 'i':
        return Wait<ContainerInstance>(
            [&](auto done) { return ecs.DescribeContainerInstance("cluster", "instance", done); });
      case 'l':
        return Wait<std::vector<std::string>>(
            [&](auto done) { return ecs.ListTasks("cluster", "instance", "RUNNING", done); });
      case 't':
        return Wait<std::vector<EcsTask>>(
            [&](auto done) { return ecs.DescribeTasks("cluster", {"task"}, done); });
      case 'g':
        return Wait<EcsAgentMetadata>([&](auto done) { return ecs.GetAgentMetadata(done); });
      case 'n':
        return Wait<InstanceName>([&](auto done) {
          return FindInstanceName(context_, session_.imds, session_.api, done);
        });
      case 's':
        return Ask(FindPrefixes(session_, {AddressGroup::Kind::kService, "S3"}));
      case 'z':
        return Ask(FindPrefixes(session_, {AddressGroup::Kind::kZoneName, "eu-west-1a"}));
      default:
        return;
    }
  }

 private:
  // The server's part is played in between. A call that is not answered is libFuzzer's to find.
  void RunUntil(const std::function<bool()>& done) {
    while (!done()) {
      context_.restart();
      context_.poll();
      server_.Step();
    }
  }

  template <typename T>
  void Wait(const std::function<PendingCall(std::function<void(StatusOr<T>)>)>& start) {
    std::optional<Status> status;
    const PendingCall pending = start([&status](StatusOr<T> answer) { status = answer.status(); });
    RunUntil([&status] { return status.has_value(); });
    if (!status->ok()) CheckError(*status);
  }

  template <typename T>
  void Ask(boost::asio::awaitable<StatusOr<T>> work) {
    auto held = std::make_shared<boost::asio::awaitable<StatusOr<T>>>(std::move(work));
    Wait<T>([&](std::function<void(StatusOr<T>)> done) {
      return StartCall(context_, std::move(*held), std::move(done));
    });
  }

  AnsweringServer& server_;
  const SystemClock clock_;
  boost::asio::io_context context_;
  AwsSession session_;
};

void Call(char call, std::string_view input) {
  const char variant = TakeLetter(input);
  if (variant != '0' && variant != '2' && variant != '4' && variant != '5') return;
  std::string answer(input);
  if (variant != '0') {
    answer = StrCat("HTTP/1.1 ", std::string(1, variant),
                    "00 Said\r\nContent-Length: ", input.size(), "\r\n\r\n", input);
  }
  AnsweringServer server(std::move(answer), variant == '0');
  Calls(server).Make(call);
}

}  // namespace
}  // namespace faultd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace faultd;
  std::string_view input = TextOf(data, size);
  switch (const char letter = TakeLetter(input); letter) {
    case 'X':
      CheckXml(input);
      break;
    case 'C':
      CheckCredentials(input);
      break;
    case 'D':
      CheckTimes(input);
      break;
    case 'B':
      CheckSnapshot(input);
      break;
    case 'P':
      CheckProfile(input);
      break;
    default:
      Call(letter, input);
  }
  return 0;
}
