#pragma once

#include "base/status.h"
#include "google/protobuf/message.h"

namespace faultd {

// FieldError when the message or one inside it is wrong whatever it is for: it has a field that
// this version does not know (a newer client's option, left out silently, could turn a small fault
// into a large one), or a duration that is none by the rules of google.protobuf.Duration, and that
// neither the audit log nor clients could show.
Status CheckWellFormed(const google::protobuf::Message& message);

}  // namespace faultd
