#include "audit/audit_log.h"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>

#include "audit/read.h"
#include "audit_fixture.h"

namespace faultd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class AuditFileTest : public AuditFixture {};

TEST_F(AuditFileTest, ALineIsJsonWithItsPlaceInTheChain) {
  Write(2);
  const auto lines = LinesOf(Path());
  ASSERT_THAT(lines, SizeIs(2));
  const auto first = ParseLine(lines[0]);
  const auto second = ParseLine(lines[1]);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(lines[0],
            R"({"seq":1,"time":"1970-01-01T00:00:01.000Z","actor":"actor 1","principal":"user:0",)"
            R"("role":"admin","method":"RevertFault","request":{"id":"a"},"decision":"allowed",)"
            R"("rule":"anybody","fault":"a","result":{"code":"OK","message":""},"prev":")" +
                std::string(64, '0') + R"(","hash":")" + first->link.hash + R"("})");
  EXPECT_EQ(second->prev, first->link.hash);
  EXPECT_TRUE(HashMatches(lines[1], *second));
  EXPECT_EQ(std::filesystem::status(Path()).permissions(), std::filesystem::perms(0600));
}

TEST_F(AuditFileTest, WhatClientsSendStaysWithinItsLine) {
  AuditEntry hostile = Entry(1);
  hostile.actor = "\xff\n{\"seq\":7}\x1b[31m\",\"decision\":\"allowed";
  hostile.allowed = false;
  hostile.result = absl::PermissionDeniedError(std::string(5000, 'x'));
  AuditFile file(place);
  ASSERT_TRUE(file.Append(hostile).ok());
  ASSERT_THAT(LinesOf(Path()), SizeIs(1));
  EXPECT_LT(LinesOf(Path())[0].size(), 2000U);
  EXPECT_THAT(LinesOf(Path())[0], HasSubstr(R"("decision":"denied")"));
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(AuditFileTest, GoesOnWithTheChainAfterARestart) {
  Write(3);
  Write(2);
  EXPECT_EQ(ParseLine(LinesOf(Path()).back())->link.seq, 5U);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(AuditFileTest, GoesOnWithALargeFile) {
  Write(4000);
  ASSERT_GT(std::filesystem::file_size(Path()), 1U << 20);
  Put(Path(), Read(Path()) + "{\"seq\":4001,");
  Write(1);
  EXPECT_THAT(LinesOf(Path()), SizeIs(4002));
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(AuditFileTest, GoesOnWhenTheHeadIsOneLineBehind) {
  Write(1);
  const std::string head = Read(HeadFile(Path()));
  Write(1);
  Put(HeadFile(Path()), head);
  Write(1);
  EXPECT_THAT(LinesOf(Path()), SizeIs(3));
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(AuditFileTest, TellsOfATornLine) {
  Write(2);
  Put(Path(), Read(Path()) + "{\"seq\":3,\"ti");
  Write(1);
  const auto lines = LinesOf(Path());
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_THAT(lines[2], HasSubstr("the last line was torn by a crash; this was there of it: "
                                  "{\\\"seq\\\":3,\\\"ti"));
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(AuditFileTest, TellsOfLinesThatWereRemovedAndKeepsTheGap) {
  Write(5);
  auto lines = LinesOf(Path());
  lines.resize(3);
  PutLines(Path(), lines);
  Write(1);
  lines = LinesOf(Path());
  ASSERT_THAT(lines, SizeIs(5));
  EXPECT_THAT(lines[3], HasSubstr("line 5, the last that was written, was not found as it was; "
                                  "lines are changed or missing"));
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl:4: lines 4 to 5 are missing before it"));
}

TEST_F(AuditFileTest, TellsOfAFileThatWasReplacedWhileItWasOpen) {
  AuditFile file(place);
  ASSERT_TRUE(file.Append(Entry(1)).ok());
  std::filesystem::remove(Path());
  ASSERT_TRUE(file.Append(Entry(2)).ok());
  EXPECT_THAT(LinesOf(Path()), SizeIs(2));
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl:1: line 1 is missing before it"));
}

TEST_F(AuditFileTest, RotatesAndKeepsSoMany) {
  place.max_size = 2000;
  place.keep = 3;
  Write(60);
  EXPECT_THAT(*OlderFiles(Path()), ElementsAre(3, 2, 1));
  for (const char* suffix : {"", ".1", ".2", ".3"})
    EXPECT_LE(std::filesystem::file_size(Path(suffix)), 2000U);
  EXPECT_THAT(Problems(), IsEmpty());
  place.keep = 1;
  Write(20);
  EXPECT_THAT(*OlderFiles(Path()), ElementsAre(1));
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(AuditFileTest, GoesOnAfterACrashWithinARotation) {
  Write(3);
  std::filesystem::rename(Path(), Path(".1"));
  Write(1);
  EXPECT_EQ(ParseLine(LinesOf(Path()).front())->link.seq, 4U);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(AuditFileTest, FollowsNoLinks) {
  Put(place.directory + "/other", "");
  std::filesystem::create_symlink(place.directory + "/other", Path());
  AuditFile file(place);
  EXPECT_FALSE(file.Append(Entry(1)).ok());
  std::filesystem::remove(Path());
  std::filesystem::create_hard_link(place.directory + "/other", Path());
  EXPECT_EQ(file.Append(Entry(1)).status().message(),
            "open " + Path() + ": is not a plain file; remove it");
  EXPECT_EQ(Read(place.directory + "/other"), "");
}

// Files may grow no further than `size` while this lives.
class FullDisk {
 public:
  explicit FullDisk(rlim_t size) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{size, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

class AuditLogTest : public AuditFixture {
 protected:
  std::unique_ptr<AuditLog> Start(const Clock& of) const {
    auto log = AuditLog::Start(place, of);
    EXPECT_EQ(log.status(), absl::OkStatus());
    return *std::move(log);
  }
  SystemClock clock;
};

TEST_F(AuditLogTest, WritesWhatIsAppendedBeforeItEnds) {
  {
    const auto log = Start(clock);
    for (int number = 1; number <= 100; ++number) log->Append(Entry(number));
  }
  EXPECT_THAT(LinesOf(Path()), SizeIs(100));
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(AuditLogTest, CountsWhatAFullDiskDoesNotTake) {
  const auto log = Start(clock);
  log->Append(Entry(1));
  log->Flush();
  {
    const FullDisk full(std::filesystem::file_size(Path()) + 100);
    log->Append(Entry(2));
    log->Append(Entry(3));
    log->Flush();
    EXPECT_THAT(LinesOf(Path()), SizeIs(1));
  }
  log->Append(Entry(4));
  log->Flush();
  const auto lines = LinesOf(Path());
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_THAT(lines[1],
              HasSubstr("2 lines could not be written: write " + Path() + ": File too large"));
  EXPECT_THAT(lines[2], HasSubstr("actor 4"));
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(AuditLogTest, AFloodOfFailuresPushesNothingOut) {
  struct StillClock final : Clock {
    BootTime Now() const override { return std::chrono::seconds(5); }
    std::chrono::nanoseconds WallNow() const override { return std::chrono::seconds(5); }
  } still;
  AuditEntry failure = Entry(1);
  failure.result = absl::InvalidArgumentError("nonsense");
  {
    const auto log = Start(still);
    for (int i = 0; i < 50; ++i) log->Append(failure);
    log->Append(Entry(2));
  }
  const auto lines = LinesOf(Path());
  const auto told = [&](const std::string& of) {
    return std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(of) != std::string::npos;
    });
  };
  EXPECT_EQ(told("\"actor 1\""), AuditLog::kMostFailures);
  EXPECT_EQ(told("\"actor 2\""), 1);
  EXPECT_GE(
      told("could not be written: there were more than 20 failures a second, or more than the "
           "disk takes"),
      1);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(AuditLogTest, WaitsForNoDirectory) {
  const std::string directory = place.directory;
  place.directory += "/not/there";
  const auto log = Start(clock);
  log->Append(Entry(1));
  log->Flush();
  std::filesystem::create_directory(directory + "/not");
  log->Append(Entry(2));
  log->Flush();
  ASSERT_THAT(LinesOf(Path()), SizeIs(2));
  EXPECT_THAT(LinesOf(Path())[0], HasSubstr("1 line could not be written: make directory"));
  place.directory = directory;
}

}  // namespace
}  // namespace faultd
