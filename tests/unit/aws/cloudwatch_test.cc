#include "aws/cloudwatch.h"

#include <atomic>
#include <mutex>
#include <set>

#include "absl/strings/str_split.h"
#include "unit/aws/aws_fixture.h"

namespace faultd {
namespace {

using testing::HasSubstr;

// Names of the metrics in a request.
std::multiset<std::string> NamesIn(const std::string& body) {
  std::multiset<std::string> names;
  for (absl::string_view part : absl::StrSplit(body, '&')) {
    const size_t equals = part.find('=');
    if (absl::StrContains(part.substr(0, equals), ".MetricName")) {
      names.insert(PercentDecode(ToStd(part.substr(equals + 1))));
    }
  }
  return names;
}

class CloudWatchTest : public AwsTest {
 protected:
  Reply Answer(const Request& request) override {
    if (habit_ != Reply::kAnswer) {
      Reply reply;
      reply.habit = Reply::kClose;
      return reply;
    }
    if (status_ != 200)
      return {status_, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"};
    const auto names = NamesIn(request.body);
    if (names.count("poison") > 0) {
      return {
          400,
          "<ErrorResponse><Error><Code>InvalidParameterValue</Code><Message>no</Message></Error>"
          "</ErrorResponse>"};
    }
    received_.insert(names.begin(), names.end());
    received_count_ = received_.size();
    return {200, "<PutMetricDataResponse/>"};
  }

  std::unique_ptr<CloudWatchPublisher> MakePublisher() {
    CloudWatchPublisher::Options options;
    options.interval = milliseconds(20);
    options.file = folder_ + "/metrics.json";
    options.boot_id = "boot-1";
    auto publisher = std::make_unique<CloudWatchPublisher>(context_, MakeApi(1), skewed_, options);
    publisher->Start();
    return publisher;
  }
  void Add(CloudWatchPublisher& publisher, const std::string& name, double value = 1) {
    publisher.Add({{"Bookstore", name, {{"Host", "web-1"}}, "Count"}, value, clock_.Now()});
  }
  void RunUntilEmpty(const CloudWatchPublisher& publisher) {
    RunUntil(context_, [&] { return publisher.statistics().waiting == 0; });
  }
  bool FileExists() const { return std::filesystem::exists(folder_ + "/metrics.json"); }

  std::atomic<int> habit_ = Reply::kAnswer;
  std::atomic<int> status_ = 200;
  std::multiset<std::string> received_;
  std::atomic<size_t> received_count_ = 0;
};

TEST_F(CloudWatchTest, PublishesWhatIsAdded) {
  const auto publisher = MakePublisher();
  for (int i = 0; i < 3; ++i) Add(*publisher, "db");
  Add(*publisher, "cdn");
  Add(*publisher, "nonsense", std::nan(""));
  RunUntilEmpty(*publisher);
  EXPECT_EQ(received_, (std::multiset<std::string>{"cdn", "db"}));
  const auto statistics = publisher->statistics();
  EXPECT_EQ(statistics.sent, 2u);
  EXPECT_EQ(statistics.dropped, 1u);
  EXPECT_EQ(statistics.requests, 1u);
  EXPECT_TRUE(statistics.last.ok()) << statistics.last;
  EXPECT_THAT(server_.requests().at(0).body, HasSubstr("Counts.member.1=3"));
  EXPECT_THAT(server_.requests().at(0).headers.at("authorization"),
              HasSubstr("/eu-west-1/monitoring/aws4_request"));
  EXPECT_TRUE(publisher->Stop().ok());
  EXPECT_FALSE(FileExists());
}

TEST_F(CloudWatchTest, SplitsWhatOneRequestDoesNotTake) {
  const auto publisher = MakePublisher();
  for (int i = 0; i < 1200; ++i) Add(*publisher, StrCat("metric-", i));
  RunUntilEmpty(*publisher);
  EXPECT_EQ(received_.size(), 1200u);
  EXPECT_EQ(publisher->statistics().requests, 2u);
}

TEST_F(CloudWatchTest, KeepsWhatCannotBeSentAndSendsItLaterWithItsTime) {
  const auto publisher = MakePublisher();
  habit_ = Reply::kClose;
  std::vector<std::string> times;
  for (int minute = 0; minute < 10; ++minute) {
    const uint64_t requests = publisher->statistics().requests;
    Add(*publisher, StrCat("db-", minute));
    times.push_back(PercentEncode(FormatTime(clock_.WallNow())));
    RunUntil(context_, [&] { return publisher->statistics().requests > requests; });
    clock_.Advance(std::chrono::minutes(1));
  }
  EXPECT_EQ(publisher->statistics().waiting, 10u);
  EXPECT_EQ(publisher->statistics().last.code(), absl::StatusCode::kUnavailable);
  habit_ = Reply::kAnswer;
  RunUntilEmpty(*publisher);
  EXPECT_EQ(received_.size(), 10u);
  for (const std::string& time : times)
    EXPECT_THAT(server_.requests().back().body, HasSubstr(time));
  RunUntil(context_, [&] { return !FileExists(); });
  EXPECT_EQ(publisher->statistics().dropped, 0u);
}

TEST_F(CloudWatchTest, DropsWhatIsTooOld) {
  const auto publisher = MakePublisher();
  status_ = 403;
  Add(*publisher, "old");
  RunUntil(context_, [&] { return publisher->statistics().requests > 0; });
  EXPECT_EQ(publisher->statistics().last.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(publisher->statistics().last.message()),
              HasSubstr("allows cloudwatch:PutMetricData"));
  clock_.Advance(std::chrono::minutes(17));
  Add(*publisher, "new");
  status_ = 200;
  RunUntilEmpty(*publisher);
  EXPECT_EQ(received_, std::multiset<std::string>{"new"});
  EXPECT_EQ(publisher->statistics().dropped, 1u);
}

TEST_F(CloudWatchTest, KeepsWaitingSamplesOverARestart) {
  status_ = 403;
  {
    const auto publisher = MakePublisher();
    Add(*publisher, "before");
    ASSERT_TRUE(publisher->Stop().ok());
    EXPECT_TRUE(FileExists());
  }
  status_ = 200;
  const auto publisher = MakePublisher();
  EXPECT_EQ(publisher->statistics().waiting, 1u);
  RunUntilEmpty(*publisher);
  EXPECT_EQ(received_, std::multiset<std::string>{"before"});
  RunUntil(context_, [&] { return !FileExists(); });
}

TEST_F(CloudWatchTest, KeepsWaitingSamplesOverACrash) {
  status_ = 403;
  auto publisher = MakePublisher();
  Add(*publisher, "before");
  RunUntil(context_, [&] { return FileExists(); });
  publisher.reset();
  const auto next = MakePublisher();
  EXPECT_EQ(next->statistics().waiting, 1u);
}

TEST_F(CloudWatchTest, KeepsWhatIsUnderWayWhenItStops) {
  status_ = 200;
  habit_ = Reply::kClose;
  {
    const auto publisher = MakePublisher();
    Add(*publisher, "under-way");
    RunUntil(context_, [&] { return publisher->statistics().requests > 0; });
    ASSERT_TRUE(publisher->Stop().ok());
  }
  EXPECT_EQ(MakePublisher()->statistics().waiting, 1u);
}

TEST_F(CloudWatchTest, StartsWithoutAFileItCannotRead) {
  WriteFile("metrics.json", "{\"version\":");
  const auto publisher = MakePublisher();
  Add(*publisher, "db");
  RunUntilEmpty(*publisher);
  EXPECT_EQ(received_.size(), 1u);
}

TEST_F(CloudWatchTest, FindsTheOneDatumThatIsRefused) {
  const auto publisher = MakePublisher();
  for (int i = 0; i < 300; ++i) Add(*publisher, i == 217 ? "poison" : StrCat("metric-", i));
  RunUntilEmpty(*publisher);
  EXPECT_EQ(received_.size(), 299u);
  EXPECT_EQ(publisher->statistics().dropped, 1u);
  EXPECT_LT(publisher->statistics().requests, 25u);
}

TEST_F(CloudWatchTest, BoundsTheRequestsWhenAllIsRefused) {
  const auto publisher = MakePublisher();
  for (int i = 0; i < 300; ++i) {
    publisher->Add({{"Bookstore", "poison", {{"Host", StrCat(i)}}, "Count"}, 1, clock_.Now()});
  }
  RunUntil(context_, [&] { return publisher->statistics().requests >= 100; });
  // One flush is over; it has halved 300 down to one, dropped some, and kept the rest for another.
  EXPECT_GT(publisher->statistics().waiting, 200u);
}

}  // namespace
}  // namespace faultd
