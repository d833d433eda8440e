#include "absl/strings/str_split.h"
#include "unit/guards/guards_fixture.h"

namespace faultd {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

class AlarmTest : public GuardsTest {
 protected:
  // Lets time pass to the next question and waits for the answer to it.
  void Poll() {
    const int before = asked_;
    loop_.RunFor(seconds(40));
    Settle([&] { return asked_ > before; });
    // The answer has been heard when the next question has its time.
    Settle([&] { return loop_.timers() == 2; });
    loop_.RunReady();
  }
};

TEST_F(AlarmTest, TripsWhenAnAlarmRings) {
  alarms_["checkout errors"] = {};
  const auto watched = BeginWell({AlarmRings("checkout errors")});
  Poll();
  EXPECT_EQ(watched->tripped, "");
  alarms_["checkout errors"].state = "INSUFFICIENT_DATA";
  Poll();
  EXPECT_EQ(watched->tripped, "");
  alarms_["checkout errors"] = {"ALARM", "Threshold Crossed: 5 errors"};
  Poll();
  EXPECT_EQ(watched->tripped, "alarm checkout errors is in ALARM: Threshold Crossed: 5 errors");
}

TEST_F(AlarmTest, AsksForMetricAndCompositeAlarms) {
  alarms_["all"] = {.composite = true};
  const auto watched = BeginWell({AlarmRings("all")});
  EXPECT_EQ(last_body_,
            "Action=DescribeAlarms&Version=2010-08-01&AlarmNames.member.1=all"
            "&AlarmTypes.member.1=MetricAlarm&AlarmTypes.member.2=CompositeAlarm&MaxRecords=100");
  alarms_["all"].state = "ALARM";
  Poll();
  EXPECT_EQ(watched->tripped, "alarm all is in ALARM: Threshold Crossed");
}

TEST_F(AlarmTest, AsksNotMoreOftenThanEvery30Seconds) {
  alarms_["a"] = {};
  const auto watched = BeginWell({AlarmRings("a")});
  loop_.RunFor(milliseconds(29'900));
  context_.restart();
  context_.poll();
  EXPECT_EQ(asked_, 1);
  Poll();
  EXPECT_EQ(asked_, 2);
}

TEST_F(AlarmTest, AlarmThatRingsAlreadyIsRefused) {
  alarms_["a"] = {"ALARM", "too many"};
  const Status status = Refused({AlarmRings("a")});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(status.message(), "guards[0] has tripped already: alarm a is in ALARM: too many");
}

TEST_F(AlarmTest, AlarmThatDoesNotExistIsRefused) {
  alarms_["a"] = {};
  const Status status = Refused({AlarmRings("a"), AlarmRings("b")});
  EXPECT_EQ(status.message(),
            "guards[1].alarm.alarm: there is no alarm b in the account and region of this host; "
            "write the name or the ARN of one");
  EXPECT_EQ(DetailsOf(status).field, "guards[1].alarm.alarm");
  EXPECT_EQ(asked_, 1);
}

TEST_F(AlarmTest, AnArnMeansThatAlarmAndNoOther) {
  alarms_["a:b"] = {};
  const auto watched = BeginWell({AlarmRings(ArnOf("a:b"))});
  EXPECT_THAT(last_body_, HasSubstr("AlarmNames.member.1=a%3Ab&"));
  EXPECT_EQ(
      DetailsOf(Refused({AlarmRings("arn:aws:cloudwatch:us-east-1:123456789012:alarm:a:b")})).field,
      "guards[0].alarm.alarm");
}

TEST_F(AlarmTest, RefusesWhatIsNoNameOfAnAlarm) {
  EXPECT_EQ(RefusedText({AlarmRings("")}),
            "guards[0].alarm.alarm: \"\" is not the name of an alarm; write 1 to 255 characters");
  EXPECT_EQ(
      RefusedText({AlarmRings("arn:aws:sns:eu-west-1:1:topic")}),
      "guards[0].alarm.alarm: \"arn:aws:sns:eu-west-1:1:topic\" is not the ARN of an alarm; write "
      "arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME, or the name alone");
  EXPECT_EQ(asked_, 0);
}

TEST_F(AlarmTest, SaysWhichPermissionIsMissing) {
  code_ = "AccessDenied";
  const Status status = Refused({AlarmRings("a")});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(status.message(),
            "CloudWatch cannot be asked for alarm a: cloudwatch:DescribeAlarms: AccessDenied: no "
            "(the role of this host needs a policy that allows cloudwatch:DescribeAlarms); add "
            R"({"Effect": "Allow", "Action": "cloudwatch:DescribeAlarms", "Resource": "*"})");
}

TEST_F(AlarmTest, WithoutAwsAlarmsAreRefused) {
  MakeGuards(/*with_aws=*/false);
  const Status status = Refused({AlarmRings("a")});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(status.message(),
            "guards[0]: alarms cannot be watched on this host: it has no AWS access; set region in "
            "[aws] of the configuration and give the host a role");
}

TEST_F(AlarmTest, TripsAfterThreeMinutesWithoutAnAnswer) {
  alarms_["a"] = {};
  v1::Guard patient = AlarmRings("a");
  patient.mutable_alarm()->set_ignore_poll_failure(true);
  const auto watched = BeginWell({AlarmRings("a")});
  const auto ignoring = BeginWell({patient});
  code_ = "InvalidParameterValue";
  for (int i = 0; i < 3; ++i) Poll();
  EXPECT_EQ(watched->tripped, "");
  // Answered again, so the three minutes begin anew.
  code_ = "";
  Poll();
  code_ = "InvalidParameterValue";
  for (int i = 0; i < 4; ++i) Poll();
  EXPECT_EQ(watched->tripped, "");
  loop_.RunFor(seconds(21));
  EXPECT_EQ(watched->tripped,
            "alarm a: CloudWatch could not be asked for 3m: cloudwatch:DescribeAlarms: "
            "InvalidParameterValue: no");
  EXPECT_EQ(ignoring->tripped, "");
}

TEST_F(AlarmTest, TripsWhenTheAlarmIsDeleted) {
  alarms_["a"] = {};
  const auto watched = BeginWell({AlarmRings("a")});
  alarms_.clear();
  Poll();
  EXPECT_EQ(watched->tripped, "alarm a is there no longer");
}

TEST_F(AlarmTest, AsksForTheAlarmsOfAllFaultsTogether) {
  std::vector<std::unique_ptr<Watched>> all;
  for (int i = 0; i < 15; ++i) {
    std::vector<v1::Guard> guards;
    for (int j = 0; j < 16; ++j) {
      const std::string name = StrCat("alarm-", i, "-", j, "-");
      alarms_[name] = {};
      guards.push_back(AlarmRings(name));
    }
    all.push_back(Begin(std::move(guards)));
  }
  Settle([&] { return all.back()->ready.has_value(); });
  // 240 alarms, 100 in a call.
  EXPECT_EQ(asked_, 3);
  for (const auto& each : all) EXPECT_TRUE(each->ready.has_value() && each->ready->ok());
  alarms_["alarm-3-7-"] = {"ALARM", "x"};
  loop_.RunFor(seconds(40));
  Settle([&] { return !all[3]->tripped.empty(); });
  EXPECT_EQ(asked_, 6);
  all.clear();
  EXPECT_EQ(loop_.timers(), 0u);
}

TEST_F(AlarmTest, AFaultThatBeginsLaterAsksOnlyForItsOwn) {
  alarms_["a"] = {};
  alarms_["b"] = {};
  const auto first = BeginWell({AlarmRings("a")});
  const auto second = BeginWell({AlarmRings("b")});
  EXPECT_THAT(last_body_, Not(HasSubstr("=a&")));
  EXPECT_EQ(asked_, 2);
}

}  // namespace
}  // namespace faultd
