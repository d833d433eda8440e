#include "aws/metric.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include "absl/strings/str_split.h"
#include "aws/metric_buffer.h"
#include "aws/metric_store.h"
#include "aws/put_metric_data.h"
#include "aws/time_format.h"
#include "support/fake_clock.h"

namespace faultd {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

MetricSeries Series(const std::string& name, const std::string& host = "web-1") {
  return {"Bookstore", name, {{"Host", host}}, "Count"};
}

TEST(Metric, NamespacesThatCloudWatchTakes) {
  for (const char* good : {"Bookstore", "Chaos/Probe", "a.b-c_d#e:f g", "AWSX"}) {
    EXPECT_TRUE(CheckNamespace(good).ok()) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("AWS/EC2"), std::string(":x"), std::string("a\nb"),
        std::string("\xc3\xb6"), std::string(" "), std::string(256, 'x')}) {
    EXPECT_FALSE(CheckNamespace(bad).ok()) << bad;
  }
}

TEST(Metric, AreMadeFitForCloudWatch) {
  MetricSeries series{"Bookstore",
                      ":db\tok",
                      {{"H\xc3\xb6st",
                        "B\xc3\xbc"
                        "cher \xf0\x9f\x93\x9a 1"},
                       {":Zone", "  "},
                       {"", std::string(2000, 'x')}}};
  series.dimensions.resize(40, {"More", "1"});
  const MetricSeries fit = Sanitised(series);
  EXPECT_EQ(fit.name, "_db_ok");
  EXPECT_EQ(fit.dimensions.size(), 30u);
  EXPECT_THAT(fit.dimensions[0], Pair("H_st", "B_cher _ 1"));
  EXPECT_THAT(fit.dimensions[1], Pair("_Zone", "-"));
  EXPECT_THAT(fit.dimensions[2], Pair("-", std::string(1024, 'x')));
  EXPECT_EQ(Sanitised(Series("db-connectivity", "web-1 (a/b)")),
            Series("db-connectivity", "web-1 (a/b)"));

  EXPECT_TRUE(IsMetricValue(0));
  EXPECT_TRUE(IsMetricValue(-0x1p360));
  EXPECT_FALSE(IsMetricValue(0x1p361));
  EXPECT_FALSE(IsMetricValue(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(IsMetricValue(std::numeric_limits<double>::infinity()));
}

class MetricBufferTest : public testing::Test {
 protected:
  MetricBufferTest() { clock_.Set(std::chrono::hours(5)); }

  void Add(const std::string& name, double value, const std::string& name_space = "Bookstore") {
    MetricSeries series = Series(name);
    series.name_space = name_space;
    buffer_.Add({series, value, clock_.Now()});
  }
  std::string TimeOf(const MetricDatum& datum) const {
    return FormatTime(DatumTime(skewed_.WallNow() - skewed_.Now() + datum.start,
                                buffer_.series(datum.series).resolution_s));
  }
  std::string Body(const std::vector<MetricDatum>& datums, size_t* used) const {
    return PutMetricDataRequest(buffer_, datums, skewed_, used).body;
  }

  FakeClock clock_;
  SkewedClock skewed_{clock_};
  MetricBuffer buffer_{skewed_, 100};
};

TEST_F(MetricBufferTest, GathersSamplesByMinute) {
  clock_.Advance(seconds(5));
  for (int i = 0; i < 9; ++i) {
    Add("db", i % 3 == 0 ? 0 : 1);
    clock_.Advance(seconds(10));
  }
  const auto taken = buffer_.Take(10);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_THAT(taken[0].values, ElementsAre(Pair(0, 2u), Pair(1, 4u)));
  EXPECT_THAT(taken[1].values, ElementsAre(Pair(0, 1u), Pair(1, 2u)));
  EXPECT_EQ(TimeOf(taken[0]), "2024-12-18T05:00:00Z");
  EXPECT_EQ(TimeOf(taken[1]), "2024-12-18T05:01:00Z");
  EXPECT_EQ(buffer_.size(), 0u);
}

TEST_F(MetricBufferTest, WritesTheQueryProtocol) {
  Add("db ok", 1);
  clock_.Advance(minutes(1));
  for (double value : {1.5, 2.0, 1.5}) Add("latency", value);
  const auto taken = buffer_.Take(10);
  size_t used = 0;
  EXPECT_EQ(Body(taken, &used),
            "Action=PutMetricData&Version=2010-08-01&Namespace=Bookstore"
            "&MetricData.member.1.MetricName=db%20ok"
            "&MetricData.member.1.Dimensions.member.1.Name=Host"
            "&MetricData.member.1.Dimensions.member.1.Value=web-1"
            "&MetricData.member.1.Timestamp=2024-12-18T05%3A00%3A00Z"
            "&MetricData.member.1.Value=1"
            "&MetricData.member.1.Unit=Count"
            "&MetricData.member.2.MetricName=latency"
            "&MetricData.member.2.Dimensions.member.1.Name=Host"
            "&MetricData.member.2.Dimensions.member.1.Value=web-1"
            "&MetricData.member.2.Timestamp=2024-12-18T05%3A01%3A00Z"
            "&MetricData.member.2.Values.member.1=1.5&MetricData.member.2.Counts.member.1=2"
            "&MetricData.member.2.Values.member.2=2&MetricData.member.2.Counts.member.2=1"
            "&MetricData.member.2.Unit=Count");
  EXPECT_EQ(used, 2u);
}

TEST_F(MetricBufferTest, GathersBySecondAtHighResolution) {
  MetricSeries series = Series("db");
  series.resolution_s = 1;
  for (int i = 0; i < 4; ++i) {
    buffer_.Add({series, 1, clock_.Now()});
    clock_.Advance(std::chrono::milliseconds(500));
  }
  const auto taken = buffer_.Take(10);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(TimeOf(taken[1]), "2024-12-18T05:00:01Z");
  size_t used = 0;
  EXPECT_THAT(Body(taken, &used), HasSubstr("&MetricData.member.2.StorageResolution=1"));
}

TEST_F(MetricBufferTest, GivesSamplesTheirTimesThoughTheClockWasWrong) {
  Add("db", 1);
  clock_.StepWallClock(std::chrono::hours(1) + seconds(17));
  clock_.Advance(minutes(1));
  Add("db", 0);
  clock_.Advance(minutes(1));
  // Now a service tells the time.
  skewed_.Observe(clock_.Now() + std::chrono::hours(24 * 365 * 55));
  Add("db", 1);
  const auto taken = buffer_.Take(10);
  ASSERT_EQ(taken.size(), 3u);
  std::vector<std::string> times;
  times.reserve(taken.size());
  for (const MetricDatum& datum : taken) times.push_back(TimeOf(datum));
  EXPECT_THAT(times, testing::UnorderedElementsAre("2024-12-18T05:00:00Z", "2024-12-18T05:01:00Z",
                                                   "2024-12-18T05:02:00Z"));
}

TEST_F(MetricBufferTest, TakesOneNamespaceAtATimeAndPutsBack) {
  Add("a", 1);
  Add("b", 2, "Other");
  Add("c", 3);
  auto taken = buffer_.Take(10);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(buffer_.size(), 1u);
  Add("a", 1);
  Add("a", 5);
  buffer_.PutBack(std::move(taken));
  EXPECT_EQ(buffer_.size(), 3u);
  EXPECT_THAT(buffer_.Take(1).at(0).values, ElementsAre(Pair(1, 2u), Pair(5, 1u)));
}

TEST_F(MetricBufferTest, IsBoundedByNumberAndAge) {
  for (int i = 0; i < 150; ++i) Add(StrCat("metric-", i), 1);
  EXPECT_EQ(buffer_.size(), 100u);
  EXPECT_EQ(buffer_.dropped(), 50u);
  clock_.Advance(minutes(10));
  Add("young", 1);
  clock_.Advance(minutes(6));
  buffer_.DropOlderThan(minutes(15));
  ASSERT_EQ(buffer_.size(), 1u);
  EXPECT_EQ(buffer_.series(buffer_.Take(1)[0].series).name, "young");
  EXPECT_EQ(buffer_.dropped(), 150u);
}

TEST_F(MetricBufferTest, BoundsTheValuesOfADatum) {
  for (int i = 0; i < 1000; ++i) Add("latency", i);
  auto taken = buffer_.Take(1);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].values.size(), 600u);
  uint32_t samples = 0;
  for (const auto& [value, count] : taken[0].values) samples += count;
  EXPECT_EQ(samples, 1000u);
  // A datum takes 150 values.
  size_t used = 0;
  const std::string body = Body(taken, &used);
  EXPECT_THAT(body, HasSubstr("MetricData.member.4.Counts.member.150="));
  EXPECT_THAT(body, Not(HasSubstr("member.151=")));
  EXPECT_THAT(body, Not(HasSubstr("MetricData.member.5.")));
}

TEST_F(MetricBufferTest, KeepsRequestsWithinTheLimits) {
  MetricBuffer large(skewed_, 5000);
  for (int i = 0; i < 1200; ++i) {
    large.Add({Series(StrCat("metric-", i), std::string(200, 'h')), 1, clock_.Now()});
  }
  size_t used = 0;
  std::string body = PutMetricDataRequest(large, large.Take(5000), skewed_, &used).body;
  EXPECT_EQ(used, 1000u);
  EXPECT_LT(body.size(), 1'000'000u);
  for (int i = 0; i < 1200; ++i) {
    for (int value = 0; value < 40; ++value) {
      large.Add({Series(StrCat("metric-", i)), value / 7.0, clock_.Now()});
    }
  }
  const auto datums = large.Take(5000);
  body = PutMetricDataRequest(large, datums, skewed_, &used).body;
  EXPECT_LT(body.size(), 1'000'000u);
  EXPECT_GT(body.size(), 800'000u);
  EXPECT_LT(used, 1000u);
  EXPECT_THAT(body, Not(HasSubstr(StrCat("MetricData.member.", used + 1, "."))));
}

TEST_F(MetricBufferTest, SurvivesARestartInTheSameBoot) {
  Add("a", 0.1);
  Add("a", 0.1);
  clock_.Advance(minutes(2));
  Add("b", 2, "Other");
  const std::string document = buffer_.Snapshot().ToDocument("boot-1");
  clock_.Advance(minutes(3));
  clock_.StepWallClock(std::chrono::hours(3));
  MetricBuffer next(skewed_, 100);
  const auto snapshot = MetricSnapshot::FromDocument(document, "boot-1", skewed_);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  next.Add(*snapshot);
  const auto taken = next.Take(10);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(next.series(taken[0].series), Series("a"));
  EXPECT_THAT(taken[0].values, ElementsAre(Pair(0.1, 2u)));
  EXPECT_EQ(taken[0].start, std::chrono::hours(5));
  EXPECT_EQ(next.series(next.Take(10).at(0).series).name_space, "Other");
}

TEST_F(MetricBufferTest, SurvivesAReboot) {
  Add("a", 1);
  const std::string document = buffer_.Snapshot().ToDocument("boot-1");
  // Two minutes later by the wall clock, 20 s after the next boot.
  const auto wall = clock_.WallNow() + minutes(2);
  FakeClock rebooted;
  rebooted.Set(seconds(20));
  rebooted.StepWallClock(wall - rebooted.WallNow());
  const SkewedClock skewed(rebooted);
  const auto snapshot = MetricSnapshot::FromDocument(document, "boot-2", skewed);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->datums.at(0).start, seconds(20) - minutes(2));
}

TEST_F(MetricBufferTest, RefusesDocumentsThatAreNotItsOwn) {
  for (const char* document : {"", "{}", "[]", R"({"version":2})", R"({"version":1})",
                               R"({"version":1,"series":[],"datums":[[0,0,0,[[1,1]]]]})",
                               R"({"version":1,"series":[["a"]],"datums":[]})",
                               R"({"version":1,"series":[],"datums":[["x"]]})",
                               R"({"version":1,"series":[["N","a",[],"None",7]],"datums":[]})",
                               R"({"version":1,"series":[["N","a",[],"None",60]],)"
                               R"("datums":[[0.5,0,0,[[1,1]]]]})",
                               R"({"version":1,"series":[["N","a",[],"None",60]],)"
                               R"("datums":[[0,0,0,[[1,-1]]]]})",
                               R"({"version":1,"series":[["N","a",[],"None",60]],)"
                               R"("datums":[[0,0,9223372036854775807,[[1,1]]]]})",
                               R"({"version":1,"boot_id":"boot-0","boot_ns":9223372036854775807,)"
                               R"("wall_ns":0,"series":[],"datums":[]})"}) {
    EXPECT_FALSE(MetricSnapshot::FromDocument(document, "boot-1", skewed_).ok()) << document;
  }
}

TEST(MetricStore, ReplacesAndRemovesItsFile) {
  std::string folder = std::filesystem::temp_directory_path() / "faultd-store-XXXXXX";
  folder = mkdtemp(folder.data());
  const std::string path = folder + "/metrics.json";
  {
    MetricStore store(path);
    EXPECT_EQ(store.Load().status().code(), absl::StatusCode::kNotFound);
    EXPECT_TRUE(store.Save("one").ok());
    EXPECT_EQ(*store.Load(), "one");
    EXPECT_TRUE(store.SaveSoon([] { return std::string("two"); }));
  }
  {
    MetricStore store(path);
    EXPECT_EQ(*store.Load(), "two");
    EXPECT_FALSE(store.Save(std::string(MetricStore::kMostBytes + 1, 'x')).ok());
    EXPECT_EQ(*store.Load(), "two");
    EXPECT_TRUE(store.Save("").ok());
    EXPECT_TRUE(store.Save("").ok());
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove_all(folder);
  MetricStore gone(path);
  EXPECT_EQ(gone.Save("x").message(), StrCat("create ", path, ".new: No such file or directory"));
}

TEST(MetricStore, FollowsNoLinks) {
  std::string folder = std::filesystem::temp_directory_path() / "faultd-store-XXXXXX";
  folder = mkdtemp(folder.data());
  const std::string path = folder + "/metrics.json";
  const std::string victim = folder + "/victim";
  std::ofstream(victim) << "precious";
  std::filesystem::create_symlink(victim, path);
  std::filesystem::create_hard_link(victim, path + ".new");
  MetricStore store(path);
  EXPECT_FALSE(store.Load().ok());
  EXPECT_TRUE(store.Save("one").ok());
  EXPECT_EQ(*store.Load(), "one");
  std::string content;
  std::ifstream(victim) >> content;
  EXPECT_EQ(content, "precious");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace faultd
