#include "rpc/access.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/file_io.h"
#include "base/strings.h"
#include "faultd/v1/agent_service.pb.h"
#include "faultd/v1/fault_service.pb.h"
#include "faultd/v1/probe_service.pb.h"
#include "google/protobuf/descriptor.h"

namespace faultd {
namespace {

// Of every method of every service there is.
std::multiset<std::string> RequestsOfAllMethods() {
  // So that they are linked in.
  for (const google::protobuf::Message* each :
       std::initializer_list<const google::protobuf::Message*>{
           &v1::GetAgentRequest::default_instance(), &v1::InjectFaultRequest::default_instance(),
           &v1::ListProbesRequest::default_instance()}) {
    EXPECT_NE(each->GetDescriptor(), nullptr);
  }
  std::multiset<std::string> requests;
  for (const auto& file : std::filesystem::directory_iterator(FAULTD_PROTO_DIR "/faultd/v1")) {
    const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindFileByName(
        "faultd/v1/" + file.path().filename().string());
    if (descriptor == nullptr) {  // not linked into the daemon, so it serves none of it
      EXPECT_EQ(ReadSmallFile(file.path())->find("\nservice "), std::string::npos) << file.path();
      continue;
    }
    for (int service = 0; service < descriptor->service_count(); ++service) {
      for (int method = 0; method < descriptor->service(service)->method_count(); ++method)
        requests.insert(descriptor->service(service)->method(method)->input_type()->full_name());
    }
  }
  return requests;
}

TEST(AccessRulesTest, EveryMethodHasOneRuleAndARequestOfItsOwn) {
  std::multiset<std::string> rules;
  for (const AccessRule& rule : AccessRules()) rules.emplace(rule.request);
  EXPECT_GE(rules.size(), 12);
  EXPECT_EQ(rules, RequestsOfAllMethods());
  EXPECT_EQ(std::set(rules.begin(), rules.end()).size(), rules.size());
}

class RoleTest : public testing::Test {
 protected:
  Peers peers_;
  SystemClock clock_;
  // Nothing is written.
  const std::unique_ptr<AuditLog> audit_ = *AuditLog::Start({.directory = "/nonexistent"}, clock_);
  const Access access_{{.admins = {"user:root"},
                        .operators = {"uri:spiffe://example.org/ci/*", "user:4711"},
                        .observers = {"dns:*.example.org", "group:no-such-group"}},
                       peers_,
                       *audit_};
};

TEST_F(RoleTest, IsTheHighestThatOneOfTheNamesHas) {
  EXPECT_EQ(access_.RoleOf({"user:0", "group:0"}), Role::kAdmin);
  EXPECT_EQ(access_.RoleOf({"user:4711"}), Role::kOperator);
  EXPECT_EQ(access_.RoleOf({"dns:a.example.org"}), Role::kObserver);
  EXPECT_EQ(access_.RoleOf({"dns:a.example.org", "uri:spiffe://example.org/ci/1"}),
            Role::kOperator);
  EXPECT_EQ(access_.RoleOf({"user:1", "group:4711"}), Role::kNone);
  EXPECT_EQ(access_.RoleOf({}), Role::kNone);
}

TEST_F(RoleTest, FaultsBelongToWhoInjectedThem) {
  const Caller admin{"root", "user:0", Role::kAdmin};
  const Caller owner{"ci", "uri:spiffe://example.org/ci/1", Role::kOperator};
  const Caller other{"ci", "uri:spiffe://example.org/ci/2", Role::kOperator};
  EXPECT_TRUE(access_.MayChange(admin, owner.principal).ok());
  EXPECT_TRUE(access_.MayChange(owner, owner.principal).ok());
  const Status refused = access_.MayChange(other, owner.principal);
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(DetailsOf(refused).rule, "role admin");
  EXPECT_EQ(refused.message(),
            "ci may not change what belongs to uri:spiffe://example.org/ci/1: that takes the role "
            "admin, and it has "
            "operator; roles are given in [access] of faultd.toml");
  EXPECT_TRUE(access_.MayRevert(other, owner.principal).ok());
}

// Nobody owns what is left from before a restart; an empty principal would.
TEST_F(RoleTest, WhatBelongsToNobodyIsForAdmins) {
  const Caller caller{"ci", "uri:spiffe://example.org/ci/1", Role::kOperator};
  EXPECT_FALSE(access_.MayChange(caller, "").ok());
}

}  // namespace
}  // namespace faultd
