#include "engine/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/util/message_differencer.h"
#include "support/fake_directory.h"
#include "support/sample_specs.h"

namespace faultd {
namespace {

using google::protobuf::util::MessageDifferencer;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

v1::JournalRecord SampleRecord() {
  v1::JournalRecord record;
  record.set_id("latency-1");
  record.set_boot_id("4c9e61e2-boot");
  record.set_deadline_boottime_ns(123'456'789'012);
  *record.mutable_spec() = *SampleSpec("latency");
  record.mutable_undo()->mutable_latency()->add_interfaces("eth0");
  record.mutable_create_time()->set_seconds(1'700'000'000);
  record.set_actor("uid=0(root)");
  (*record.mutable_labels())["team"] = "db";
  record.set_writer_version("0.1.0");
  return record;
}

v1::JournalRecord SmallRecord() {
  v1::JournalRecord record;
  record.set_id("x");
  record.mutable_undo()->mutable_noop();
  return record;
}

class JournalTest : public testing::Test {
 protected:
  FakeScript script;
  FakeDirectory directory{script};
  Journal journal{directory};
};

TEST(RecordTest, ReadsBackWhatWasWritten) {
  auto decoded = DecodeRecord(EncodeRecord(SampleRecord()));
  ASSERT_EQ(decoded.status(), absl::OkStatus());
  EXPECT_TRUE(MessageDifferencer::Equals(*decoded, SampleRecord()));
}

TEST(RecordTest, HasTheFormatOfJournalProto) {
  v1::JournalRecord record;
  record.set_id("a");
  // Field 1, one byte, 'a'; the CRC-32 is Python's.
  EXPECT_EQ(EncodeRecord(record),
            std::string("faultd-record 1\n\x03\x00\x00\x00\x4b\x3c\x78\xd1\x0a\x01\x61", 27));
}

TEST_F(JournalTest, WritesNothingThatCannotBeReadBack) {
  v1::JournalRecord record = SmallRecord();
  record.set_actor("comm=\xff");
  EXPECT_EQ(journal.Write(record),
            absl::DataLossError("write undo record of x: content is no record"));
  EXPECT_THAT(directory.files(), IsEmpty());
}

TEST(RecordTest, EveryTruncationIsRefused) {
  const std::string whole = EncodeRecord(SampleRecord());
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(DecodeRecord(whole.substr(0, length)).status().code(), absl::StatusCode::kDataLoss)
        << length;
  }
  EXPECT_EQ(DecodeRecord(whole + "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST(RecordTest, EveryFlippedBitIsRefused) {
  const std::string whole = EncodeRecord(SmallRecord());
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_EQ(DecodeRecord(damaged).status().code(), absl::StatusCode::kDataLoss) << "bit " << bit;
  }
}

TEST(RecordTest, ErrorsSayWhatIsWrong) {
  const std::string whole = EncodeRecord(SmallRecord());
  EXPECT_EQ(DecodeRecord("").status(),
            absl::DataLossError("does not begin like a record of this version"));
  EXPECT_EQ(DecodeRecord("faultd-record 2\n" + whole.substr(16)).status(),
            absl::DataLossError("does not begin like a record of this version"));
  EXPECT_EQ(DecodeRecord(whole.substr(0, whole.size() - 1)).status(),
            absl::DataLossError("has 6 bytes of content instead of 7"));
  std::string damaged = whole;
  damaged.back() = '!';
  EXPECT_EQ(DecodeRecord(damaged).status(), absl::DataLossError("checksum does not match"));
}

TEST_F(JournalTest, WritesOneFileForEachFault) {
  ASSERT_TRUE(journal.Write(SampleRecord()).ok());
  ASSERT_TRUE(journal.Write(SmallRecord()).ok());
  ASSERT_THAT(directory.files(), SizeIs(2));
  EXPECT_TRUE(directory.files().contains("latency-1.record"));
  auto content = journal.ReadAll();
  ASSERT_TRUE(content.ok());
  ASSERT_THAT(content->records, SizeIs(2));
  EXPECT_TRUE(MessageDifferencer::Equals(content->records[0], SampleRecord()));
  ASSERT_TRUE(journal.Remove("latency-1").ok());
  ASSERT_TRUE(journal.Remove("latency-1").ok()) << "again";
  EXPECT_THAT(directory.files(), SizeIs(1));
}

TEST_F(JournalTest, RecordIsOnDiskWhenWriteReturns) {
  ASSERT_TRUE(journal.Write(SmallRecord()).ok());
  directory.LosePower();
  EXPECT_THAT(journal.ReadAll()->records, SizeIs(1));
}

TEST_F(JournalTest, RemovedRecordMayComeBackUntilTheJournalIsSynced) {
  ASSERT_TRUE(journal.Write(SmallRecord()).ok());
  ASSERT_TRUE(journal.Remove("x").ok());
  EXPECT_THAT(journal.ReadAll()->records, IsEmpty());
  directory.LosePower();
  EXPECT_THAT(journal.ReadAll()->records, SizeIs(1));
  ASSERT_TRUE(journal.Remove("x").ok());
  ASSERT_TRUE(journal.Sync().ok());
  directory.LosePower();
  EXPECT_THAT(journal.ReadAll()->records, IsEmpty());
}

TEST_F(JournalTest, FilesThatAreNoRecordsAreNamedWithTheReason) {
  ASSERT_TRUE(journal.Write(SmallRecord()).ok());
  directory.files()["copy.record"] = directory.files()["x.record"];
  directory.files()["bad.record"] = "faultd";
  directory.files()["notes.txt"] = "hello";
  auto content = journal.ReadAll();
  ASSERT_TRUE(content.ok());
  EXPECT_THAT(content->records, SizeIs(1));
  ASSERT_THAT(content->unreadable, SizeIs(3));
  EXPECT_EQ(content->unreadable[0].second,
            absl::DataLossError("record bad.record: does not begin like a record of this version"));
  EXPECT_EQ(content->unreadable[1].second,
            absl::DataLossError("record copy.record: holds the record of x"));
  EXPECT_EQ(content->unreadable[2].second,
            absl::DataLossError("record notes.txt: is not named like a record"));
}

TEST_F(JournalTest, ErrorOfTheDiskThatPassesIsNoReasonToGiveARecordUp) {
  ASSERT_TRUE(journal.Write(SmallRecord()).ok());
  script.Reset();
  script.FailAt(2);
  EXPECT_THAT(journal.ReadAll()->records, SizeIs(1));
  script.Reset();
  script.FailAll("read file");
  EXPECT_THAT(journal.ReadAll()->records, IsEmpty());
  EXPECT_THAT(journal.ReadAll()->unreadable, SizeIs(1));
}

TEST_F(JournalTest, FilesSetAsideAreKeptAndNotReadAgain) {
  directory.files()["bad.record"] = "faultd";
  ASSERT_TRUE(journal.SetAside("bad.record").ok());
  auto content = journal.ReadAll();
  ASSERT_TRUE(content.ok());
  EXPECT_THAT(content->unreadable, IsEmpty());
  EXPECT_THAT(*journal.ListSetAside(), ElementsAre("bad.record.aside"));
  EXPECT_EQ(directory.files().at("bad.record.aside"), "faultd");
}

// Else a request would never be answered once the disk has gone read-only.
TEST_F(JournalTest, WhatIsNotThereNeedNotBeRemoved) {
  script.SetError(EROFS);
  script.FailAll("remove file");
  EXPECT_EQ(journal.Remove("x"), absl::OkStatus());
  script.Reset();
  ASSERT_TRUE(journal.Write(SmallRecord()).ok());
  script.SetError(EROFS);
  script.FailAll("remove file");
  EXPECT_EQ(journal.Remove("x").message(),
            "remove undo record of x: remove file x.record: Read-only file system");
}

}  // namespace
}  // namespace faultd
