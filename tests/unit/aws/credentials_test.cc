#include "aws/credentials.h"

#include <map>
#include <mutex>
#include <utility>

#include "unit/aws/aws_fixture.h"

namespace faultd {
namespace {

using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kRoleFolder[] = "/latest/meta-data/iam/security-credentials/";

std::string CredentialsJson(const std::string& id, const std::string& expiration) {
  return StrCat(R"({"Code":"Success","LastUpdated":"2025-01-01T00:00:00Z","Type":"AWS-HMAC",)",
                R"("AccessKeyId":")", id, R"(","SecretAccessKey":"s-)", id, R"(","Token":"t-)", id,
                R"(","Expiration":")", expiration, "\"}");
}

class CredentialsTest : public AwsTest {
 protected:
  CredentialsTest() {
    environment_.erase("AWS_ACCESS_KEY_ID");
    environment_.erase("AWS_SECRET_ACCESS_KEY");
    GiveRole("ASIA1", std::chrono::hours(6));
  }
  Reply Answer(const Request& request) override {
    if (failing_) return {500};
    const std::lock_guard lock(mutex_);
    const auto found = answers_.find(request.target);
    return found == answers_.end() ? Reply{404} : found->second;
  }
  void Give(const std::string& target, Reply answer) {
    const std::lock_guard lock(mutex_);
    answers_[target] = std::move(answer);
  }
  void GiveRole(const std::string& id, std::chrono::nanoseconds life) {
    Give(kRoleFolder, {200, "web\n"});
    Give(StrCat(kRoleFolder, "web"),
         {200, CredentialsJson(id, FormatTime(clock_.WallNow() + life))});
  }
  StatusOr<Credentials> Fetch() {
    const auto chain = MakeChain();
    return Await(context_, chain->Fetch());
  }
  std::string FetchId() {
    const auto credentials = Fetch();
    return credentials.ok() ? credentials->key.id : std::string(credentials.status().message());
  }

  std::mutex mutex_;  // the stand-in's thread answers
  std::map<std::string, Reply> answers_;
  bool failing_ = false;
};

TEST_F(CredentialsTest, ComeFromTheInstanceRole) {
  const auto credentials = Fetch();
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_EQ(credentials->key, (AccessKey{"ASIA1", "s-ASIA1", "t-ASIA1"}));
  EXPECT_EQ(credentials->source, "role web of the instance");
  EXPECT_EQ(FormatTime(*credentials->expires),
            FormatTime(clock_.WallNow() + std::chrono::hours(6)));
  EXPECT_THAT(Targets(), ElementsAre(kRoleFolder, StrCat(kRoleFolder, "web")));
}

TEST_F(CredentialsTest, SayWhyTheInstanceHasNone) {
  Give(StrCat(kRoleFolder, "web"),
       {200, R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role"})"});
  EXPECT_EQ(FetchId(),
            "role web of the instance: AssumeRoleUnauthorizedAccess: EC2 cannot assume the role");
  Give(StrCat(kRoleFolder, "web"), {200, "<html>"});
  EXPECT_EQ(FetchId(), "role web of the instance: the answer has no credentials");
  answers_.clear();
  EXPECT_EQ(FetchId(),
            "no AWS credentials: the instance has no role, and the environment and "
            "~/.aws/credentials have none");
}

TEST_F(CredentialsTest, OfTheEnvironmentAndTheSharedFilesComeFirst) {
  WriteFile(".aws/credentials",
            "[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key=file\n"
            "[second]\naws_access_key_id = AKIDSECOND\naws_secret_access_key=second\n"
            "aws_session_token = token\n");
  EXPECT_EQ(FetchId(), "AKIDFILE");
  environment_["AWS_PROFILE"] = "second";
  EXPECT_EQ(Fetch()->key, (AccessKey{"AKIDSECOND", "second", "token"}));
  environment_["AWS_ACCESS_KEY_ID"] = "AKIDENV";
  EXPECT_EQ(FetchId(), "AKIDSECOND");
  environment_["AWS_SECRET_ACCESS_KEY"] = "env";
  EXPECT_EQ(FetchId(), "AKIDENV");
  EXPECT_TRUE(Targets().empty());
}

TEST_F(CredentialsTest, RefuseAProfileThatTakesAProgram) {
  WriteFile(".aws/config", "[default]\ncredential_process = /bin/true\n");
  EXPECT_EQ(
      FetchId(),
      "profile default has credential_process, which faultd does not support; give the host an "
      "instance role, or the profile static keys");
}

TEST_F(CredentialsTest, ComeFromTheContainerAgent) {
  WriteFile("token", "Bearer 1\n");
  Give("/role?x=1", {200, CredentialsJson("ASIACONTAINER", "2031-01-01T00:00:00Z")});
  environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server_.url() + "/role?x=1";
  environment_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "unused";
  environment_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = folder_ + "/token";
  EXPECT_EQ(FetchId(), "ASIACONTAINER");
  EXPECT_EQ(server_.requests()[0].headers.at("authorization"), "Bearer 1");
  EXPECT_EQ(server_.requests()[0].headers.at("accept"), "application/json");
  environment_.erase("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  environment_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "two\nlines";
  EXPECT_THAT(FetchId(), HasSubstr("has a line break"));
  environment_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "one";
  // What is configured and fails is an error: the role of the instance is another's.
  failing_ = true;
  EXPECT_EQ(FetchId(), StrCat("container credentials of ", server_.url(), ": HTTP status 500"));
  EXPECT_EQ(server_.requests().size(), 4u);
}

TEST_F(CredentialsTest, AreNotAskedForInTheOpen) {
  environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://10.0.0.1/role";
  EXPECT_THAT(FetchId(), HasSubstr("10.0.0.1 must be asked by https"));
}

TEST_F(CredentialsTest, ComeFromAWebIdentity) {
  WriteFile("identity", "header.body+/=\n");
  environment_["AWS_WEB_IDENTITY_TOKEN_FILE"] = folder_ + "/identity";
  environment_["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/x";
  Give("/",
       {200,
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
        "<AssumeRoleWithWebIdentityResult><Credentials><SessionToken>t</SessionToken>"
        "<SecretAccessKey>s</SecretAccessKey><Expiration>2031-01-01T00:00:00Z</Expiration>"
        "<AccessKeyId>ASIAWEB</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>"
        "</AssumeRoleWithWebIdentityResponse>"});
  EXPECT_EQ(FetchId(), "ASIAWEB");
  const Request request = server_.requests()[0];
  EXPECT_EQ(request.headers.count("authorization"), 0u);
  EXPECT_EQ(
      request.body,
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%"
      "2Fx&RoleSessionName=faultd&WebIdentityToken=header.body%2B%2F%3D");
  Give("/", {400,
             "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>No "
             "provider</Message></Error></ErrorResponse>"});
  EXPECT_EQ(FetchId(), "web identity for arn:aws:iam::1:role/x: InvalidIdentityToken: No provider");
}

class CredentialCacheTest : public CredentialsTest {
 protected:
  std::string Get() {
    const auto credentials = Await(context_, cache_->Get());
    return credentials.ok() ? credentials->key.id : std::string(credentials.status().message());
  }
  size_t Fetches() const {
    size_t count = 0;
    for (const std::string& target : Targets()) count += target == kRoleFolder ? 1 : 0;
    return count;
  }
  // Until renewals in the background are over.
  void Settle() {
    context_.restart();
    while (context_.run_one_for(milliseconds(50)) > 0) {
    }
  }

  std::shared_ptr<CredentialCache> cache_ = MakeCache();
};

TEST_F(CredentialCacheTest, KeepsThemWhileTheyLast) {
  EXPECT_EQ(Get(), "ASIA1");
  clock_.Advance(std::chrono::hours(5));
  EXPECT_EQ(Get(), "ASIA1");
  EXPECT_EQ(Fetches(), 1u);
}

TEST_F(CredentialCacheTest, RenewsThemBesideTheWorkBeforeTheyEnd) {
  EXPECT_EQ(Get(), "ASIA1");
  clock_.Advance(minutes(360 - 14));
  GiveRole("ASIA2", std::chrono::hours(6));
  EXPECT_EQ(Get(), "ASIA1");
  Settle();
  EXPECT_EQ(Get(), "ASIA2");
  EXPECT_EQ(Fetches(), 2u);
}

TEST_F(CredentialCacheTest, WaitsForNewOnesShortlyBeforeTheyEnd) {
  EXPECT_EQ(Get(), "ASIA1");
  clock_.Advance(minutes(360 - 9));
  GiveRole("ASIA2", std::chrono::hours(6));
  EXPECT_EQ(Get(), "ASIA2");
}

TEST_F(CredentialCacheTest, AsksOnceForManyWhoWait) {
  int answers = 0;
  for (int i = 0; i < 20; ++i) {
    boost::asio::co_spawn(context_, cache_->Get(),
                          [&](std::exception_ptr, StatusOr<Credentials> credentials) {
                            EXPECT_EQ(credentials->key.id, "ASIA1");
                            ++answers;
                          });
  }
  RunUntil(context_, [&] { return answers == 20; });
  EXPECT_EQ(Fetches(), 1u);
}

TEST_F(CredentialCacheTest, GoesOnWithTheOldOnesWhenThereAreNoNewOnes) {
  EXPECT_EQ(Get(), "ASIA1");
  clock_.Advance(std::chrono::hours(7));
  failing_ = true;
  EXPECT_EQ(Get(), "ASIA1");
  EXPECT_EQ(Get(), "ASIA1");
  // Three attempts of one renewal, and no other while it pauses.
  EXPECT_EQ(Fetches(), 4u);
  clock_.Advance(minutes(2));
  failing_ = false;
  GiveRole("ASIA2", std::chrono::hours(6));
  EXPECT_EQ(Get(), "ASIA2");
}

TEST_F(CredentialCacheTest, SaysWhyThereAreNone) {
  answers_.clear();
  const std::string expected =
      "no AWS credentials: the instance has no role, and the environment and ~/.aws/credentials "
      "have "
      "none";
  EXPECT_EQ(Get(), expected);
  EXPECT_EQ(Get(), expected);
  EXPECT_EQ(Fetches(), 1u);
  clock_.Advance(minutes(2));
  GiveRole("ASIA1", std::chrono::hours(6));
  EXPECT_EQ(Get(), "ASIA1");
}

TEST_F(CredentialCacheTest, UsesWhatTheInstanceGivesPastItsTime) {
  GiveRole("ASIAOLD", -minutes(30));
  EXPECT_EQ(Get(), "ASIAOLD");
  clock_.Advance(minutes(11));
  EXPECT_EQ(Get(), "ASIAOLD");
  EXPECT_EQ(Fetches(), 1u);
  clock_.Advance(minutes(10));
  GiveRole("ASIA2", std::chrono::hours(6));
  EXPECT_EQ(Get(), "ASIA2");
}

TEST_F(CredentialCacheTest, RenewsWhatAServiceHasRefused) {
  EXPECT_EQ(Get(), "ASIA1");
  const Credentials used = *Await(context_, cache_->Get());
  GiveRole("ASIA2", std::chrono::hours(6));
  cache_->Refuse(used);
  EXPECT_EQ(Get(), "ASIA2");
  // Said about the former ones by a call that has taken long.
  cache_->Refuse(used);
  EXPECT_EQ(Get(), "ASIA2");
  EXPECT_EQ(Fetches(), 2u);
}

TEST_F(CredentialCacheTest, DoesNotAskAgainAndAgainForWhatStaysRefused) {
  const Credentials used = *Await(context_, cache_->Get());
  for (int i = 0; i < 5; ++i) {
    cache_->Refuse(used);
    EXPECT_EQ(Get(), "ASIA1");
  }
  EXPECT_EQ(Fetches(), 2u);
}

}  // namespace
}  // namespace faultd
