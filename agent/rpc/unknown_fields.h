#pragma once

#include "base/status.h"
#include "google/protobuf/message.h"

namespace faultd {

// FieldError when the message or one inside it has a field that this version does not know: a newer
// client's option, left out silently, could turn a small fault into a large one.
Status RefuseUnknownFields(const google::protobuf::Message& message);

}  // namespace faultd
