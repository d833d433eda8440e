#include "faults/fault_kind.h"

namespace faultd {

#define FAULT(name) extern const FaultKind name##_fault;
#include "faults/faults.def"
#undef FAULT

const std::vector<const FaultKind*>& FaultKinds() {
  static const std::vector<const FaultKind*> kinds = {
#define FAULT(name) &name##_fault,
#include "faults/faults.def"
#undef FAULT
  };
  return kinds;
}

namespace {

// The set arm of the message's only oneof names the kind.
const FaultKind* KindOfArm(const google::protobuf::Message& message) {
  const auto* arm = message.GetReflection()->GetOneofFieldDescriptor(
      message, message.GetDescriptor()->oneof_decl(0));
  if (arm == nullptr) return nullptr;
  for (const FaultKind* kind : FaultKinds()) {
    if (kind->name == arm->name()) return kind;
  }
  return nullptr;
}

}  // namespace

const FaultKind* KindOf(const v1::FaultSpec& spec) { return KindOfArm(spec); }
const FaultKind* KindOf(const v1::Undo& undo) { return KindOfArm(undo); }

}  // namespace faultd
