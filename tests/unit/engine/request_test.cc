#include "engine/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "support/sample_specs.h"

namespace faultd {
namespace {

v1::InjectFaultRequest Good() { return RequestFor("good-id", "noop { }"); }

TEST(RequestTest, GoodRequestIsTaken) {
  EXPECT_EQ(ValidateInject(Good()), absl::OkStatus());
  v1::InjectFaultRequest request = Good();
  request.clear_id();
  EXPECT_EQ(ValidateInject(request), absl::OkStatus()) << "the daemon chooses an id";
}

TEST(RequestTest, Ids) {
  for (const std::string& id :
       {std::string("a"), std::string("0"), std::string("a.b_c-9"), std::string(63, 'z')}) {
    EXPECT_EQ(ValidateId(id), absl::OkStatus()) << id;
  }
  for (const std::string& id :
       {std::string(), std::string("-a"), std::string("_a"), std::string(".a"), std::string("A"),
        std::string("a b"), std::string("a/b"), std::string("../a"), std::string("ä"),
        std::string("a\0b", 3), std::string(64, 'z')}) {
    EXPECT_EQ(ValidateId(id), FieldError("id", StrCat("\"", id,
                                                      "\" is not an id; write a-z or 0-9, then up "
                                                      "to 62 of a-z, 0-9, '.', '_' and '-'")))
        << id;
  }
}

TEST(RequestTest, ChosenIdsAreValidAndDiffer) {
  const FaultKind& kind = *KindOf(Good().spec());
  const std::string id = MakeId(kind);
  EXPECT_EQ(ValidateId(id), absl::OkStatus());
  EXPECT_THAT(id, testing::StartsWith("noop-"));
  EXPECT_NE(id, MakeId(kind));
}

TEST(RequestTest, SpecMustSayAKind) {
  EXPECT_EQ(
      ValidateSpec({}).message(),
      "spec: says no kind of fault; set one of latency, loss, blackhole, cpu, memory, disk_fill, "
      "disk_io, ecs_drain, noop");
}

TEST(RequestTest, LeaseIsRequiredAndBounded) {
  const auto message = [](int64_t whole, int nanos) {
    google::protobuf::Duration duration;
    duration.set_seconds(whole);
    duration.set_nanos(nanos);
    return std::string(ValidateLease(true, duration).message());
  };
  EXPECT_EQ(ValidateLease(false, {}).message(),
            "duration: is missing: every fault has a lease; write 100ms to 7d");
  EXPECT_EQ(message(0, 0), "duration: 0s is out of range; write 100ms to 7d");
  EXPECT_EQ(message(0, 99'999'999), "duration: 99ms999us999ns is out of range; write 100ms to 7d");
  EXPECT_EQ(message(-1, 0), "duration: -1s is out of range; write 100ms to 7d");
  EXPECT_EQ(message(604'800, 1), "duration: 7d1ns is out of range; write 100ms to 7d");
  EXPECT_EQ(message(0, 100'000'000), "");
  EXPECT_EQ(message(604'800, 0), "");
  // 2^64 ns and 10 s: came round to a lease of some ten seconds.
  EXPECT_EQ(message(18'446'744'084, 0), "duration: 104166d16h is out of range; write 100ms to 7d");
}

TEST(RequestTest, Labels) {
  v1::InjectFaultRequest request = Good();
  auto& labels = *request.mutable_labels();
  for (int i = 0; i < 32; ++i) labels[StrCat("key", i)] = std::string(255, 'v');
  EXPECT_EQ(ValidateInject(request), absl::OkStatus());
  labels["one-more"] = "";
  EXPECT_EQ(ValidateInject(request).message(), "labels: has 33 pairs; give at most 32");

  const auto message = [](const std::string& key, const std::string& value) {
    v1::InjectFaultRequest one = Good();
    (*one.mutable_labels())[key] = value;
    return std::string(ValidateInject(one).message());
  };
  EXPECT_EQ(message("", "v"), "labels: the key \"\" is not 1 to 63 printable bytes long");
  EXPECT_EQ(message("a\nb", "v"), "labels: the key \"a\nb\" is not 1 to 63 printable bytes long");
  EXPECT_EQ(message("k", std::string(256, 'v')),
            "labels[\"k\"]: the value is not at most 255 printable bytes long");
  EXPECT_EQ(message("k", "\x1b[31m"),
            "labels[\"k\"]: the value is not at most 255 printable bytes long");
  EXPECT_EQ(message(std::string(63, 'k'), ""), "");
}

}  // namespace
}  // namespace faultd
