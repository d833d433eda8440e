#include "publish/host_dimension.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include "support/manual_loop.h"
#include "unit/publish/recording_sink.h"

namespace faultd {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using Source = InstanceName::Source;

class HostDimensionTest : public testing::Test {
 protected:
  HostDimensionTest() {
    folder_ = std::filesystem::temp_directory_path() / "faultd-host-XXXXXX";
    folder_ = mkdtemp(folder_.data());
    options_.file = folder_ + "/host";
    Restart();
  }
  ~HostDimensionTest() override {
    host_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Restart() {
    host_.reset();
    asked_ = 0;
    host_ = std::make_unique<HostDimension>(
        loop_, clock_, sink_,
        [this](auto done) {
          ++asked_;
          answer_ = std::move(done);
          return PendingCall();
        },
        options_);
  }
  void Answer(StatusOr<InstanceName> name) { std::exchange(answer_, nullptr)(std::move(name)); }
  void Add(const std::string& name) {
    MetricSample sample;
    sample.series.name = name;
    sample.series.dimensions = {{"Kind", "noop"}};
    host_->Add(sample);
  }
  // Once the thread that writes it is done.
  std::string File() {
    host_.reset();
    std::ostringstream content;
    content << std::ifstream(options_.file).rdbuf();
    return content.str();
  }
  void WriteFile(const std::string& content) { std::ofstream(options_.file) << content; }

  static InstanceName Tag(const std::string& value) {
    return {value, Source::kTag, absl::OkStatus()};
  }
  static InstanceName NoTag() {
    return {"i-1", Source::kInstanceId, absl::NotFoundError("instance i-1 has no Name tag")};
  }
  static InstanceName Unreachable() {
    return {"ip-10-0-0-1", Source::kHostName, absl::UnavailableError("connect: timed out")};
  }

  std::string folder_;
  FakeClock clock_;
  ManualLoop loop_{clock_};
  RecordingSink sink_;
  HostDimension::Options options_;
  int asked_ = 0;
  std::function<void(StatusOr<InstanceName>)> answer_;
  std::unique_ptr<HostDimension> host_;
};

TEST_F(HostDimensionTest, ConfiguredNameAsksNobody) {
  options_.name = "bookstore-1";
  Restart();
  host_->Start();
  Add("x");
  EXPECT_EQ(asked_, 0);
  EXPECT_THAT(sink_.lines, ElementsAre("x{Host=bookstore-1,Kind=noop} 0 None at 0s"));
}

TEST_F(HostDimensionTest, SamplesWaitForTheTag) {
  Add("before");
  host_->Start();
  Add("while");
  EXPECT_THAT(sink_.lines, IsEmpty());
  Answer(Tag("web-1"));
  Add("after");
  EXPECT_THAT(sink_.lines, ElementsAre("before{Host=web-1,Kind=noop} 0 None at 0s",
                                       "while{Host=web-1,Kind=noop} 0 None at 0s",
                                       "after{Host=web-1,Kind=noop} 0 None at 0s"));
  loop_.RunFor(hours(24));
  Add("a day later");
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(loop_.timers(), 0u);
  EXPECT_EQ(File(), "web-1");
}

TEST_F(HostDimensionTest, NoMoreWaitThanThereIsRoom) {
  options_.max_waiting = 2;
  Restart();
  host_->Start();
  for (const char* name : {"a", "b", "c"}) Add(name);
  Answer(Tag("web-1"));
  EXPECT_THAT(sink_.lines, ElementsAre("b{Host=web-1,Kind=noop} 0 None at 0s",
                                       "c{Host=web-1,Kind=noop} 0 None at 0s"));
}

TEST_F(HostDimensionTest, KeptTagHoldsWhileNobodyAnswers) {
  WriteFile("web-1");
  Restart();
  host_->Start();
  Add("x");
  EXPECT_THAT(sink_.lines, IsEmpty());
  Answer(Unreachable());
  EXPECT_EQ(host_->name(), "web-1");
  EXPECT_THAT(sink_.lines, ElementsAre("x{Host=web-1,Kind=noop} 0 None at 0s"));
  EXPECT_EQ(asked_, 1);
}

TEST_F(HostDimensionTest, KeptTagOfAnotherInstanceIsReplaced) {
  WriteFile("the image was made on");
  Restart();
  host_->Start();
  Answer(Tag("web-2"));
  EXPECT_EQ(host_->name(), "web-2");
  EXPECT_EQ(File(), "web-2");
}

TEST_F(HostDimensionTest, InstanceWithoutTagGoesByItsIdAndAsksAgainWithSamplesOnly) {
  host_->Start();
  Answer(NoTag());
  EXPECT_EQ(host_->name(), "i-1");
  EXPECT_EQ(loop_.timers(), 0u);
  Add("x");
  EXPECT_EQ(asked_, 1);
  loop_.RunFor(seconds(10));
  Add("x");
  Add("x");
  EXPECT_EQ(asked_, 2);
  Answer(Tag("web-1"));
  EXPECT_EQ(host_->name(), "web-1");
  EXPECT_EQ(File(), "web-1");
}

TEST_F(HostDimensionTest, WhatStandsInIsNotTakenBeforePatienceHasRunOut) {
  host_->Start();
  Add("x");
  const BootTime begin = clock_.Now();
  while (host_->name().empty()) {
    Answer(Unreachable());
    if (!host_->name().empty()) break;
    ASSERT_EQ(loop_.timers(), 1u);
    while (answer_ == nullptr) loop_.RunFor(seconds(1));
  }
  EXPECT_EQ(host_->name(), "ip-10-0-0-1");
  EXPECT_GE(clock_.Now() - begin, minutes(5));
  EXPECT_LE(clock_.Now() - begin, minutes(6));
  EXPECT_THAT(sink_.lines, ElementsAre("x{Host=ip-10-0-0-1,Kind=noop} 0 None at 0s"));
  EXPECT_EQ(File(), "");
}

}  // namespace
}  // namespace faultd
