#include "rpc/unknown_fields.h"

#include <string>
#include <vector>

#include "base/strings.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/unknown_field_set.h"

namespace faultd {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

Status Check(const Message& message, const std::string& path) {
  const auto* reflection = message.GetReflection();
  const auto& unknown = reflection->GetUnknownFields(message);
  if (!unknown.empty()) {
    return FieldError(path.empty() ? "request" : path,
                      StrCat("has a field with number ", unknown.field(0).number(), ", which ",
                             message.GetDescriptor()->full_name(), " does not have in faultd ",
                             FAULTD_VERSION, "; leave it out, or update faultd on this host"));
  }
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string name = path.empty() ? field->name() : StrCat(path, ".", field->name());
    if (!field->is_repeated()) {
      RETURN_IF_ERROR(Check(reflection->GetMessage(message, field), name));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      RETURN_IF_ERROR(
          Check(reflection->GetRepeatedMessage(message, field, i), StrCat(name, "[", i, "]")));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Status RefuseUnknownFields(const Message& message) { return Check(message, ""); }

}  // namespace faultd
