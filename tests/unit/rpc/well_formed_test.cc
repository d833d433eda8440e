#include "rpc/well_formed.h"

#include <gtest/gtest.h>

#include "faultd/v1/fault_service.pb.h"

namespace faultd {
namespace {

v1::InjectFaultRequest RequestOf(int64_t seconds, int32_t nanos) {
  v1::InjectFaultRequest request;
  auto& delay = *request.mutable_spec()->mutable_latency()->mutable_delay();
  delay.set_seconds(seconds);
  delay.set_nanos(nanos);
  return request;
}

TEST(WellFormedTest, DurationsThatNobodyCouldShowAreRefused) {
  EXPECT_EQ(
      CheckWellFormed(RequestOf(10, -1)),
      FieldError("spec.latency.delay",
                 "has 10 seconds and -1 nanos, which is no duration; write less than a second "
                 "of nanos, with the sign of the seconds"));
  EXPECT_FALSE(CheckWellFormed(RequestOf(0, 1'000'000'000)).ok());
  EXPECT_FALSE(CheckWellFormed(RequestOf(-1, 1)).ok());
  EXPECT_FALSE(CheckWellFormed(RequestOf(INT64_MAX, 0)).ok());
  EXPECT_TRUE(CheckWellFormed(RequestOf(0, -1)).ok());
  EXPECT_TRUE(CheckWellFormed(RequestOf(10, 999'999'999)).ok());
}

TEST(WellFormedTest, AFieldThatIsNotKnownIsNamedWithItsPath) {
  v1::InjectFaultRequest request = RequestOf(1, 0);
  auto& target = *request.mutable_spec()->mutable_latency()->mutable_target();
  target.GetReflection()->MutableUnknownFields(&target)->AddVarint(99, 1);
  EXPECT_EQ(DetailsOf(CheckWellFormed(request)).field, "spec.latency.target");
}

}  // namespace
}  // namespace faultd
