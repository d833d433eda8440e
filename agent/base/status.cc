#include "base/status.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"

namespace faultd {
namespace {

constexpr absl::string_view kErrno = "faultd/errno";
constexpr absl::string_view kField = "faultd/field";
constexpr absl::string_view kPreconditionType = "faultd/precondition-type";
constexpr absl::string_view kPreconditionSubject = "faultd/precondition-subject";
constexpr absl::string_view kRule = "faultd/rule";

absl::StatusCode CodeOfErrno(int error) {
  switch (error) {
    case ENOENT:
    case ENODEV:
    case ESRCH:
    case ENXIO:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EPERM:
    case EACCES:
      return absl::StatusCode::kPermissionDenied;
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
      return absl::StatusCode::kResourceExhausted;
    case EBUSY:
    case EROFS:
    case EOPNOTSUPP:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kInternal;
  }
}

std::string Detail(const Status& status, absl::string_view key) {
  auto payload = status.GetPayload(key);
  return payload ? std::string(*payload) : std::string();
}

Status WithMessage(const Status& status, std::string_view message) {
  Status result(status.code(), ToAbsl(message));
  status.ForEachPayload(
      [&](absl::string_view key, const absl::Cord& value) { result.SetPayload(key, value); });
  return result;
}

}  // namespace

Status Annotate(const Status& status, std::string_view context) {
  if (status.ok()) return status;
  return WithMessage(status, StrCat(context, ": ", status.message()));
}

Status ErrnoStatus(int error, std::string_view attempt) {
  char buffer[128];
  Status status(CodeOfErrno(error),
                StrCat(attempt, ": ", strerror_r(error, buffer, sizeof(buffer))));
  status.SetPayload(kErrno, absl::Cord(StrCat(error)));
  return status;
}

int ErrnoOf(const Status& status) {
  int error = 0;
  return absl::SimpleAtoi(Detail(status, kErrno), &error) ? error : 0;
}

Status FieldError(std::string_view path, std::string_view message) {
  Status status = absl::InvalidArgumentError(StrCat(path, ": ", message));
  status.SetPayload(kField, absl::Cord(ToAbsl(path)));
  return status;
}

Status PreconditionError(std::string_view type, std::string_view subject,
                         std::string_view message) {
  Status status = absl::FailedPreconditionError(ToAbsl(message));
  status.SetPayload(kPreconditionType, absl::Cord(ToAbsl(type)));
  status.SetPayload(kPreconditionSubject, absl::Cord(ToAbsl(subject)));
  return status;
}

Status DeniedError(std::string_view rule, std::string_view message) {
  Status status = absl::PermissionDeniedError(ToAbsl(message));
  status.SetPayload(kRule, absl::Cord(ToAbsl(rule)));
  return status;
}

ErrorDetails DetailsOf(const Status& status) {
  return {Detail(status, kField), Detail(status, kPreconditionType),
          Detail(status, kPreconditionSubject), Detail(status, kRule)};
}

void MergeStatus(Status& into, const Status& other) {
  if (other.ok()) return;
  into = into.ok() ? other : WithMessage(into, StrCat(into.message(), "; ", other.message()));
}

}  // namespace faultd
