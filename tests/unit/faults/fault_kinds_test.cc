#include <gtest/gtest.h>

#include <map>
#include <set>

#include "faults/fault_kind.h"
#include "support/sample_specs.h"

namespace faultd {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// Names and numbers of the arms of a message's only oneof.
std::map<std::string, int> ArmsOf(const Descriptor* message) {
  EXPECT_EQ(message->real_oneof_decl_count(), 1) << message->full_name();
  std::map<std::string, int> arms;
  const auto* oneof = message->oneof_decl(0);
  for (int i = 0; i < oneof->field_count(); ++i) {
    const FieldDescriptor* arm = oneof->field(i);
    arms[arm->name()] = arm->number();
  }
  return arms;
}

TEST(FaultKindsTest, EveryArmOfTheSpecIsListedOnce) {
  std::multiset<std::string> listed;
  for (const FaultKind* kind : FaultKinds()) listed.emplace(kind->name);
  std::multiset<std::string> arms;
  for (const auto& [name, number] : ArmsOf(v1::FaultSpec::descriptor())) arms.insert(name);
  EXPECT_EQ(listed, arms);
}

TEST(FaultKindsTest, UndoAndEffectHaveTheArmsOfTheSpec) {
  const auto arms = ArmsOf(v1::FaultSpec::descriptor());
  EXPECT_EQ(ArmsOf(v1::Undo::descriptor()), arms);
  EXPECT_EQ(ArmsOf(v1::Effect::descriptor()), arms);
}

TEST(FaultKindsTest, EveryKindHasAllFunctions) {
  for (const FaultKind* kind : FaultKinds()) {
    SCOPED_TRACE(kind->name);
    EXPECT_NE(kind->validate, nullptr);
    EXPECT_NE(kind->names, nullptr);
    EXPECT_NE(kind->plan, nullptr);
    EXPECT_NE(kind->inject, nullptr);
    EXPECT_NE(kind->revert, nullptr);
    EXPECT_NE(kind->observe, nullptr);
    EXPECT_NE(kind->capability, nullptr);
  }
}

TEST(FaultKindsTest, EveryKindIsFoundByItsSpec) {
  for (const FaultKind* kind : FaultKinds()) {
    const auto spec = SampleSpec(kind->name);
    ASSERT_TRUE(spec) << kind->name << " has no line in tests/support/sample_specs.cc";
    EXPECT_EQ(KindOf(*spec), kind);
  }
}

TEST(FaultKindsTest, NothingSetIsNoKind) {
  EXPECT_EQ(KindOf(v1::FaultSpec()), nullptr);
  EXPECT_EQ(KindOf(v1::Undo()), nullptr);
}

}  // namespace
}  // namespace faultd
