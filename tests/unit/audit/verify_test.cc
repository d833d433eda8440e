#include "audit/verify.h"

#include "audit/chain.h"
#include "audit/read.h"
#include "audit_fixture.h"

namespace faultd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class VerifyAuditTest : public AuditFixture {
 protected:
  // The same line with another actor, and a hash that fits it.
  static std::string Forge(const std::string& line) {
    ChainLink before{ParseLine(line)->link.seq - 1, ParseLine(line)->prev};
    return MakeLine(Entry(999), before);
  }
};

TEST_F(VerifyAuditTest, SaysWhatThereIs) {
  place.max_size = 1650;
  Write(10);
  const auto report = VerifyAudit(Path());
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->problems, IsEmpty());
  EXPECT_EQ(report->lines, 10U);
  EXPECT_EQ(report->first, 1U);
  EXPECT_EQ(report->last, 10U);
  EXPECT_EQ(report->files, 3U);
}

TEST_F(VerifyAuditTest, NoLogIsNone) {
  EXPECT_TRUE(absl::IsNotFound(VerifyAudit(Path()).status()));
}

TEST_F(VerifyAuditTest, FindsAnEditedLine) {
  Write(10);
  auto lines = LinesOf(Path());
  lines[4].replace(lines[4].find("actor 5"), 7, "actor 6");
  PutLines(Path(), lines);
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl:5: was changed after it was written"));
}

TEST_F(VerifyAuditTest, FindsALineThatWasEditedAndHashedAnew) {
  Write(10);
  auto lines = LinesOf(Path());
  lines[4] = Forge(lines[4]);
  PutLines(Path(), lines);
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl:6: does not follow line 5 as it is now"));
}

TEST_F(VerifyAuditTest, FindsALastLineThatWasEditedAndHashedAnew) {
  Write(10);
  auto lines = LinesOf(Path());
  lines[9] = Forge(lines[9]);
  PutLines(Path(), lines);
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl:10: is another line than the one that "
                                      "audit.jsonl.head tells of"));
}

TEST_F(VerifyAuditTest, FindsARemovedLine) {
  Write(10);
  auto lines = LinesOf(Path());
  lines.erase(lines.begin() + 4);
  PutLines(Path(), lines);
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl:5: line 5 is missing before it"));
}

TEST_F(VerifyAuditTest, FindsReorderedLines) {
  Write(10);
  auto lines = LinesOf(Path());
  std::swap(lines[4], lines[5]);
  PutLines(Path(), lines);
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl:5: line 5 is missing before it",
                                      "audit.jsonl:6: is line 5, but comes after line 6",
                                      "audit.jsonl:7: line 6 is missing before it"));
}

TEST_F(VerifyAuditTest, FindsAnAddedLine) {
  Write(10);
  auto lines = LinesOf(Path());
  lines.insert(lines.begin() + 4, lines[4]);
  lines.push_back("{}");
  PutLines(Path(), lines);
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl:6: is line 5, but comes after line 5",
                                      "audit.jsonl:12: has no seq, prev or hash"));
}

TEST_F(VerifyAuditTest, FindsLinesCutOffAtTheEnd) {
  Write(10);
  auto lines = LinesOf(Path());
  lines.resize(8);
  PutLines(Path(), lines);
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl: lines 9 to 10 are missing at its end"));
  Put(Path(), "");
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl: lines 1 to 10 are missing at its end"));
}

TEST_F(VerifyAuditTest, FindsATornLine) {
  Write(10);
  std::string content = Read(Path());
  content.resize(content.size() - 20);
  Put(Path(), content);
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl:10: ends in the middle",
                                      "audit.jsonl: line 10 is missing at its end"));
}

TEST_F(VerifyAuditTest, FindsAMissingFile) {
  place.max_size = 1650;
  Write(20);  // 4 lines to a file
  std::filesystem::remove(Path(".2"));
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl.2: is missing",
                                      "audit.jsonl.1:1: lines 9 to 12 are missing before it"));
  std::filesystem::remove(Path(".4"));
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl.3:1: lines 1 to 4 are missing before it",
                                      "audit.jsonl.2: is missing",
                                      "audit.jsonl.1:1: lines 9 to 12 are missing before it"));
  std::filesystem::remove(Path());
  EXPECT_THAT(Problems(), testing::Contains("audit.jsonl: is missing"));
}

TEST_F(VerifyAuditTest, FindsAMissingOrDamagedHead) {
  Write(2);
  Put(HeadFile(Path()), "{");
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl.head: is damaged"));
  std::filesystem::remove(HeadFile(Path()));
  EXPECT_THAT(Problems(), ElementsAre("audit.jsonl.head: is missing: nobody can tell whether lines "
                                      "were cut off"));
}

}  // namespace
}  // namespace faultd
