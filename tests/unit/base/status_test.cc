#include "base/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace faultd {
namespace {

TEST(ErrnoStatusTest, NamesTheAttemptAndKeepsTheErrno) {
  const Status status = ErrnoStatus(ENOENT, "open /run/faultd");
  EXPECT_EQ(status.message(), "open /run/faultd: No such file or directory");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrnoOf(status), ENOENT);
}

TEST(ErrnoStatusTest, MapsToCodes) {
  using Code = absl::StatusCode;
  for (const auto& [error, code] :
       {std::pair(ENODEV, Code::kNotFound), std::pair(ESRCH, Code::kNotFound),
        std::pair(EEXIST, Code::kAlreadyExists), std::pair(EPERM, Code::kPermissionDenied),
        std::pair(EACCES, Code::kPermissionDenied), std::pair(ENOSPC, Code::kResourceExhausted),
        std::pair(ENOBUFS, Code::kResourceExhausted), std::pair(EBUSY, Code::kFailedPrecondition),
        std::pair(EOPNOTSUPP, Code::kFailedPrecondition), std::pair(EIO, Code::kInternal)}) {
    EXPECT_EQ(ErrnoStatus(error, "try").code(), code) << error;
  }
}

TEST(ErrnoStatusTest, OtherStatusesHaveNoErrno) {
  EXPECT_EQ(ErrnoOf(absl::OkStatus()), 0);
  EXPECT_EQ(ErrnoOf(absl::InternalError("x")), 0);
}

TEST(AnnotateTest, PutsTheContextInFrontAndKeepsTheRest) {
  const Status status =
      Annotate(Annotate(ErrnoStatus(EPERM, "add link faultd0"), "inject latency"), "fault a");
  EXPECT_EQ(status.message(), "fault a: inject latency: add link faultd0: Operation not permitted");
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ErrnoOf(status), EPERM);
}

TEST(AnnotateTest, OkStaysOk) { EXPECT_EQ(Annotate(absl::OkStatus(), "x"), absl::OkStatus()); }

TEST(ErrorDetailsTest, AFieldErrorNamesTheField) {
  const Status status = FieldError("spec.latency.delay", "must be positive");
  EXPECT_EQ(status.message(), "spec.latency.delay: must be positive");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailsOf(status).field, "spec.latency.delay");
  EXPECT_EQ(DetailsOf(status).rule, "");
}

TEST(ErrorDetailsTest, APreconditionHasATypeAndASubject) {
  const Status status = PreconditionError("MODULE", "sch_netem", "kernel module is missing");
  EXPECT_EQ(status.message(), "kernel module is missing");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  const ErrorDetails details = DetailsOf(Annotate(status, "inject"));
  EXPECT_EQ(details.precondition_type, "MODULE");
  EXPECT_EQ(details.precondition_subject, "sch_netem");
  EXPECT_EQ(details.field, "");
}

TEST(ErrorDetailsTest, ADenialNamesTheRule) {
  const Status status = DeniedError("policy.max_lease", "the lease may be 1h at most");
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(DetailsOf(status).rule, "policy.max_lease");
}

TEST(MergeStatusTest, KeepsTheFirstErrorAndTellsAll) {
  Status status;
  MergeStatus(status, absl::OkStatus());
  EXPECT_TRUE(status.ok());
  MergeStatus(status, ErrnoStatus(EBUSY, "a"));
  MergeStatus(status, absl::OkStatus());
  MergeStatus(status, absl::NotFoundError("b"));
  EXPECT_EQ(status.message(), "a: Device or resource busy; b");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrnoOf(status), EBUSY);
}

StatusOr<std::unique_ptr<int>> Box(int value) {
  if (value < 0) return absl::OutOfRangeError("below zero");
  return std::make_unique<int>(value);
}

StatusOr<int> Sum(int a, int b) {
  ASSIGN_OR_RETURN(const std::unique_ptr<int> first, Box(a));
  ASSIGN_OR_RETURN(const std::unique_ptr<int> second, Box(b));
  RETURN_IF_ERROR(*first > 100 ? absl::OutOfRangeError("too large") : absl::OkStatus());
  return *first + *second;
}

TEST(StatusMacrosTest, ReturnTheErrorOrGoOn) {
  EXPECT_EQ(*Sum(1, 2), 3);
  EXPECT_EQ(Sum(-1, 2).status().message(), "below zero");
  EXPECT_EQ(Sum(1, -2).status().message(), "below zero");
  EXPECT_EQ(Sum(101, 2).status().message(), "too large");
}

TEST(StrCatTest, TakesEveryKindOfText) {
  const std::string_view view = "c";
  std::string text = StrCat("a", std::string("b"), view, absl::string_view("d"), 1, 2.5);
  EXPECT_EQ(text, "abcd12.5");
  StrAppend(&text, view, "!");
  EXPECT_EQ(text, "abcd12.5c!");
}

}  // namespace
}  // namespace faultd
