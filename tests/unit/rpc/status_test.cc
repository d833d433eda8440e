#include "rpc/status.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace faultd {
namespace {

google::rpc::Status DetailsIn(const grpc::Status& status) {
  google::rpc::Status full;
  EXPECT_TRUE(full.ParseFromString(status.error_details()));
  EXPECT_EQ(full.code(), static_cast<int>(status.error_code()));
  EXPECT_EQ(full.message(), status.error_message());
  return full;
}

TEST(ToGrpcStatus, OkIsOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok()); }

TEST(ToGrpcStatus, KeepsCodeAndMessage) {
  const grpc::Status status = ToGrpcStatus(absl::ResourceExhaustedError("too many"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "too many");
  EXPECT_EQ(DetailsIn(status).details_size(), 0);
}

TEST(ToGrpcStatus, CutsWhatClientsWouldNotTake) {
  // 1 + 2n bytes: the 1024th is within a character.
  std::string text = "x";
  for (int i = 0; i < 5000; ++i) text += "é";
  const grpc::Status status = ToGrpcStatus(FieldError("id", text));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), StrCat("id: ", text.substr(0, 1019), "…"));
  EXPECT_LT(status.error_message().size() * 3 + status.error_details().size() * 4 / 3, 8u << 10);
  DetailsIn(status);
}

TEST(ToGrpcStatus, FieldBecomesBadRequest) {
  const auto full = DetailsIn(ToGrpcStatus(FieldError("spec.loss.percent", "101 is out of range")));
  google::rpc::BadRequest bad_request;
  ASSERT_TRUE(full.details(0).UnpackTo(&bad_request));
  EXPECT_EQ(bad_request.field_violations(0).field(), "spec.loss.percent");
  EXPECT_EQ(bad_request.field_violations(0).description(),
            "spec.loss.percent: 101 is out of range");
}

TEST(ToGrpcStatus, PreconditionSurvivesContext) {
  const auto full = DetailsIn(ToGrpcStatus(
      Annotate(PreconditionError("MODULE", "sch_netem", "it is missing"), "inject latency")));
  google::rpc::PreconditionFailure failure;
  ASSERT_TRUE(full.details(0).UnpackTo(&failure));
  EXPECT_EQ(failure.violations(0).type(), "MODULE");
  EXPECT_EQ(failure.violations(0).subject(), "sch_netem");
  EXPECT_EQ(failure.violations(0).description(), "inject latency: it is missing");
}

TEST(ToGrpcStatus, RuleBecomesErrorInfo) {
  const grpc::Status status = ToGrpcStatus(DeniedError("protect", "never cut off"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(DetailsIn(status).details(0).UnpackTo(&info));
  EXPECT_EQ(info.metadata().at("rule"), "protect");
}

}  // namespace
}  // namespace faultd
