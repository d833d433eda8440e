#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/strings.h"

// The result type everywhere: its codes are gRPC's. An error names the attempt and the object, and
// each level adds its context in front, so that the whole reads like
// "inject latency on ens5: add link faultd0: Operation not permitted (needs CAP_NET_ADMIN)".
namespace faultd {

using absl::Status;
using absl::StatusOr;

// The same error with "<context>: " in front of its message; code and details stay. OK stays OK.
Status Annotate(const Status& status, std::string_view context);

// The error of a system call, e.g. ErrnoStatus(errno, "open /run/faultd"). ENOENT and ENODEV become
// NOT_FOUND, EEXIST ALREADY_EXISTS, EPERM and EACCES PERMISSION_DENIED, running out of something
// RESOURCE_EXHAUSTED, EBUSY FAILED_PRECONDITION; all else INTERNAL. The errno can be asked for
// again.
Status ErrnoStatus(int error, std::string_view attempt);

// The errno a status was made from, or 0.
int ErrnoOf(const Status& status);

// INVALID_ARGUMENT about one field of a request. `path` is the field's path in proto notation, e.g.
// "spec.latency.target.to[2].host"; `message` names the value, what was expected and what to do.
Status FieldError(std::string_view path, std::string_view message);

// FAILED_PRECONDITION with a machine-readable type ("MODULE", "INTERFACE", "NAME", …) and subject.
Status PreconditionError(std::string_view type, std::string_view subject, std::string_view message);

// PERMISSION_DENIED by a rule of the host's policy or protection; the message must name the rule
// too.
Status DeniedError(std::string_view rule, std::string_view message);

// Details attached by the functions above; empty strings where there are none.
struct ErrorDetails {
  std::string field;
  std::string precondition_type;
  std::string precondition_subject;
  std::string rule;
};
ErrorDetails DetailsOf(const Status& status);

// Keeps the first error; later ones are appended to its message. For tear-down that never stops
// early.
void MergeStatus(Status& into, const Status& other);

}  // namespace faultd

#define FAULTD_CONCAT_(a, b) a##b
#define FAULTD_CONCAT(a, b) FAULTD_CONCAT_(a, b)

// Evaluates an expression of type Status and returns it from the function when it is an error.
#define RETURN_IF_ERROR(expression)                                  \
  do {                                                               \
    ::faultd::Status return_if_error_status = (expression);          \
    if (!return_if_error_status.ok()) return return_if_error_status; \
  } while (false)

// ASSIGN_OR_RETURN(auto link, links.Get("eth0")): assigns the value or returns the error.
#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_(FAULTD_CONCAT(assign_or_return_, __LINE__), declaration, expression)
#define ASSIGN_OR_RETURN_(temporary, declaration, expression) \
  auto temporary = (expression);                              \
  if (!temporary.ok()) return std::move(temporary).status();  \
  declaration = *std::move(temporary)
