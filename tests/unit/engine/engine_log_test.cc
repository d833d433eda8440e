// What the engine's lines in the log are about.
#include <spdlog/sinks/base_sink.h>

#include <mutex>

#include "base/log.h"
#include "support/engine_fixture.h"

namespace faultd {
namespace {

using testing::ElementsAre;

struct Line {
  std::string text;
  LogSubject about;
};

class CapturingSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::vector<Line> lines;

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const LogSubject* subject = LogAbout::Current();
    lines.push_back({std::string(message.payload.data(), message.payload.size()),
                     subject == nullptr ? LogSubject() : *subject});
  }
  void flush_() override {}
};

class EngineLogTest : public EngineFixture {
 protected:
  void SetUp() override { spdlog::set_default_logger(std::make_shared<spdlog::logger>("", sink_)); }
  void TearDown() override { spdlog::set_default_logger(before_); }

  const std::shared_ptr<CapturingSink> sink_ = std::make_shared<CapturingSink>();
  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

TEST_F(EngineLogTest, LinesSayWhichFaultTheyAreAbout) {
  Inject("a", kNoop);
  Revert("a");
  ASSERT_EQ(sink_->lines.size(), 2u);
  std::vector<std::string> states;
  for (const Line& line : sink_->lines) {
    EXPECT_TRUE(line.text.starts_with("fault a: ")) << line.text;
    EXPECT_EQ(line.about.fault_id, "a");
    EXPECT_EQ(line.about.kind, "noop");
    EXPECT_EQ(line.about.actor, "uid=0(root)");
    states.push_back(line.about.state);
  }
  EXPECT_THAT(states, ElementsAre("ACTIVE", "REVERTED"));
  spdlog::info("nothing in particular");
  EXPECT_EQ(sink_->lines.back().about.fault_id, "");
}

}  // namespace
}  // namespace faultd
