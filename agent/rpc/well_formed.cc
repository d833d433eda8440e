#include "rpc/well_formed.h"

#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/unknown_field_set.h"

namespace faultd {
namespace {

using google::protobuf::Duration;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

struct Problem {
  std::string path;  // of the message that has it
  std::string text;
};

// As google/protobuf/duration.proto has it.
bool IsDuration(const Duration& duration) {
  constexpr int64_t kMostSeconds = 315'576'000'000;
  constexpr int32_t kMostNanos = 999'999'999;
  const bool one_sign = duration.seconds() == 0 || duration.nanos() == 0 ||
                        (duration.seconds() > 0) == (duration.nanos() > 0);
  return one_sign && duration.seconds() >= -kMostSeconds && duration.seconds() <= kMostSeconds &&
         duration.nanos() >= -kMostNanos && duration.nanos() <= kMostNanos;
}

// In this message itself; empty when there is none.
std::string ProblemOf(const Message& message) {
  if (const auto& unknown = message.GetReflection()->GetUnknownFields(message); !unknown.empty()) {
    return StrCat("has a field with number ", unknown.field(0).number(), ", which ",
                  message.GetDescriptor()->full_name(), " does not have in faultd ", FAULTD_VERSION,
                  "; leave it out, or update faultd on this host");
  }
  const auto* duration = google::protobuf::DynamicCastToGenerated<Duration>(&message);
  if (duration != nullptr && !IsDuration(*duration)) {
    return StrCat("has ", duration->seconds(), " seconds and ", duration->nanos(),
                  " nanos, which is no duration; write less than a second of nanos, with the sign "
                  "of the seconds");
  }
  return {};
}

// The path is put together on the way back: a request may have many thousands of messages, and
// mostly there is nothing to say.
std::optional<Problem> Find(const Message& message) {
  if (std::string text = ProblemOf(message); !text.empty()) return Problem{"", std::move(text)};
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      auto found = Find(field->is_repeated() ? reflection->GetRepeatedMessage(message, field, i)
                                             : reflection->GetMessage(message, field));
      if (!found) continue;
      const std::string index = field->is_repeated() ? StrCat("[", i, "]") : "";
      found->path = StrCat(field->name(), index, found->path.empty() ? "" : ".", found->path);
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace

Status CheckWellFormed(const Message& message) {
  const std::optional<Problem> found = Find(message);
  if (!found) return absl::OkStatus();
  return FieldError(found->path.empty() ? "request" : found->path, found->text);
}

}  // namespace faultd
