#include "rpc/unknown_fields.h"

#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/unknown_field_set.h"

namespace faultd {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

struct UnknownField {
  int number = 0;
  std::string message;  // type of the message it is in
  std::string path;     // of that message
};

// The path is put together on the way back: a request may have many thousands of messages, and
// mostly there is nothing to say.
std::optional<UnknownField> Find(const Message& message) {
  const auto* reflection = message.GetReflection();
  if (const auto& unknown = reflection->GetUnknownFields(message); !unknown.empty()) {
    return UnknownField{unknown.field(0).number(), message.GetDescriptor()->full_name(), ""};
  }
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

Status RefuseUnknownFields(const Message& message) {
  const std::optional<UnknownField> found = Find(message);
  if (!found) return absl::OkStatus();
  return FieldError(found->path.empty() ? "request" : found->path,
                    StrCat("has a field with number ", found->number, ", which ", found->message,
                           " does not have in faultd ", FAULTD_VERSION,
                           "; leave it out, or update faultd on this host"));
}

}  // namespace faultd
