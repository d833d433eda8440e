#include "aws/address_group.h"

#include "unit/aws/aws_fixture.h"

namespace faultd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = AddressGroup::Kind;

TEST(ParseAddressGroup, KnowsZonesAndServices) {
  for (const char* name : {"us-east-1a", "eu-central-1c", "us-gov-west-1b", "cn-northwest-1a",
                           "ap-southeast-2b", "us-iso-east-1a", "us-west-2-lax-1a"}) {
    const auto group = ParseAddressGroup(name);
    ASSERT_TRUE(group) << name;
    EXPECT_EQ(group->kind, Kind::kZoneName) << name;
    EXPECT_EQ(group->name, name);
  }
  for (const char* id : {"use1-az1", "euw1-az3", "apne1-az4", "usgw1-az1", "usw2-lax1-az1"}) {
    const auto group = ParseAddressGroup(id);
    ASSERT_TRUE(group) << id;
    EXPECT_EQ(group->kind, Kind::kZoneId) << id;
  }
  EXPECT_EQ(ParseAddressGroup("S3")->kind, Kind::kService);
  EXPECT_EQ(ParseAddressGroup("DYNAMODB")->kind, Kind::kService);
}

TEST(ParseAddressGroup, LeavesHostNamesAlone) {
  for (const char* name :
       {"", "db", "us-east-1", "us-east-1a.example.com", "us-east-1a.", "db-east-1a", "US-EAST-1A",
        "use1-az1.example.com", "s3", "s3.eu-west-1.amazonaws.com", "dynamodb", "EC2",
        "us-east-1-xxxx-1a", "10.0.0.0"}) {
    EXPECT_FALSE(ParseAddressGroup(name)) << name;
  }
  EXPECT_FALSE(ParseAddressGroup(std::string(100'000, 'a')));
}

// An EC2 that answers its calls in turn, by action.
class AddressGroupTest : public AwsTest {
 protected:
  Reply Answer(const Request& request) override {
    if (request.target == "/latest/meta-data/mac") return mac_;
    if (request.target == "/latest/meta-data/network/interfaces/macs/02:00:00:00:00:01/vpc-id")
      return {200, "vpc-1"};
    if (request.target == "/latest/meta-data/placement/availability-zone-id")
      return {200, "euw1-az2"};
    if (request.target != "/") return {404};
    const size_t begin = request.body.find('=') + 1;
    auto& answers = answers_[request.body.substr(begin, request.body.find('&') - begin)];
    if (answers.empty()) return {500};
    const Reply reply = answers.front();
    answers.erase(answers.begin());
    return reply;
  }

  // Elements as EC2 writes them.
  static std::string Page(const std::string& set, const std::string& items,
                          const std::string& token = "") {
    return StrCat("<R><requestId>1</requestId><", set, ">", items, "</", set, ">",
                  token.empty() ? "" : StrCat("<nextToken>", token, "</nextToken>"), "</R>");
  }
  static std::string Subnet(const std::string& cidr, const std::string& ipv6 = "",
                            const std::string& state = "associated") {
    std::string item = "<item><subnetId>subnet-1</subnetId>";
    if (!cidr.empty()) StrAppend(&item, "<cidrBlock>", cidr, "</cidrBlock>");
    StrAppend(&item, "<ipv6CidrBlockAssociationSet>");
    if (!ipv6.empty()) {
      StrAppend(&item, "<item><ipv6CidrBlock>", ipv6, "</ipv6CidrBlock><ipv6CidrBlockState><state>",
                state, "</state></ipv6CidrBlockState></item>");
    }
    return item + "</ipv6CidrBlockAssociationSet></item>";
  }

  StatusOr<std::vector<IpPrefix>> Find(const std::string& name) {
    AwsSession session;
    session.imds = MakeImds();
    session.endpoints = MakeEndpoints();
    session.api = MakeApi(1);
    return Await(context_, FindPrefixes(session, *ParseAddressGroup(name)));
  }
  std::vector<std::string> FindTexts(const std::string& name) {
    const auto found = Find(name);
    EXPECT_TRUE(found.ok()) << found.status();
    std::vector<std::string> texts;
    if (!found.ok()) return texts;
    for (const IpPrefix& prefix : *found) texts.push_back(prefix.ToString());
    return texts;
  }
  std::vector<std::string> Bodies() const {
    std::vector<std::string> bodies;
    for (const Request& request : server_.requests()) {
      if (!request.body.empty()) bodies.push_back(request.body);
    }
    return bodies;
  }

  Reply mac_{200, "02:00:00:00:00:01"};
  std::map<std::string, std::vector<Reply>> answers_;
};

TEST_F(AddressGroupTest, ZoneIsTheSubnetsOfTheOwnVpc) {
  answers_["DescribeSubnets"] = {
      {200, Page("subnetSet", Subnet("10.0.16.0/20", "2001:db8:0:1::/64") + Subnet("10.0.0.0/20"),
                 "a+b")},
      {200, Page("subnetSet", Subnet("", "2001:db8:0:2::/64") +
                                  Subnet("10.0.0.0/20", "2001:db8:0:3::/64", "disassociated"))}};
  EXPECT_THAT(FindTexts("eu-west-1a"),
              ElementsAre("10.0.0.0/20", "10.0.16.0/20", "2001:db8:0:1::/64", "2001:db8:0:2::/64"));
  const std::string body =
      "Action=DescribeSubnets&Version=2016-11-15&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1&"
      "Filter.2.Name=availability-zone&Filter.2.Value.1=eu-west-1a&MaxResults=1000";
  EXPECT_THAT(Bodies(), ElementsAre(body, body + "&NextToken=a%2Bb"));
}

TEST_F(AddressGroupTest, ZoneMayBeGivenByItsId) {
  answers_["DescribeSubnets"] = {{200, Page("subnetSet", Subnet("10.0.0.0/20"))}};
  EXPECT_THAT(FindTexts("euw1-az1"), ElementsAre("10.0.0.0/20"));
  EXPECT_THAT(Bodies()[0],
              HasSubstr("Filter.2.Name=availability-zone-id&Filter.2.Value.1=euw1-az1"));
}

TEST_F(AddressGroupTest, ServiceIsItsPrefixListsOfTheRegion) {
  answers_["DescribeManagedPrefixLists"] = {
      {200, Page("prefixListSet",
                 "<item><prefixListId>pl-1</prefixListId><addressFamily>IPv4</addressFamily>"
                 "</item><item><prefixListId>pl-2</prefixListId></item>")}};
  answers_["GetManagedPrefixListEntries"] = {
      {200, Page("entrySet", "<item><cidr>52.218.0.0/17</cidr></item>", "more")},
      {200, Page("entrySet", "<item><cidr>3.5.64.0/21</cidr></item>")},
      {200, Page("entrySet", "<item><cidr>2a05:d07a:8000::/40</cidr></item>")}};
  EXPECT_THAT(FindTexts("S3"), ElementsAre("3.5.64.0/21", "52.218.0.0/17", "2a05:d07a:8000::/40"));
  const std::string entries = "Action=GetManagedPrefixListEntries&Version=2016-11-15&PrefixListId=";
  EXPECT_THAT(
      Bodies(),
      ElementsAre("Action=DescribeManagedPrefixLists&Version=2016-11-15&"
                  "Filter.1.Name=prefix-list-name&"
                  "Filter.1.Value.1=com.amazonaws.eu-west-1.s3&"
                  "Filter.1.Value.2=com.amazonaws.eu-west-1.ipv6.s3&MaxResults=100",
                  entries + "pl-1&MaxResults=100", entries + "pl-1&MaxResults=100&NextToken=more",
                  entries + "pl-2&MaxResults=100"));
}

TEST_F(AddressGroupTest, SaysWhyThereAreNoAddresses) {
  const std::vector<Reply> nothing(2, {200, "<R><subnetSet/></R>"});
  for (const char* zone : {"eu-west-1c", "euw1-az3"}) {
    answers_["DescribeSubnets"] = nothing;
    EXPECT_EQ(Find(zone).status(),
              absl::NotFoundError(
                  "the VPC of this host, vpc-1, has no subnet in this availability zone"));
  }
  for (const char* zone : {"us-east-1a", "eu-west-2a", "use1-az1", "usw2-lax1-az1"}) {
    answers_["DescribeSubnets"] = nothing;
    EXPECT_EQ(
        Find(zone).status(),
        absl::NotFoundError("it is no availability zone of eu-west-1, the region of this host"));
  }
  answers_["DescribeManagedPrefixLists"] = {{200, "<R><prefixListSet/></R>"}};
  EXPECT_EQ(Find("DYNAMODB").status(),
            absl::NotFoundError(
                "EC2 has no addresses in a prefix list com.amazonaws.eu-west-1.dynamodb here"));
}

TEST_F(AddressGroupTest, NamesThePermissionThatIsMissing) {
  const Reply denied{403,
                     "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>User: "
                     "arn:aws:sts::123456789012:assumed-role/web/i-1 is not authorized"
                     "</Message></Error></Errors></Response>"};
  const auto message = [](const std::string& action) {
    return absl::PermissionDeniedError(
        StrCat(action,
               ": UnauthorizedOperation: User: arn:aws:sts::123456789012:assumed-role/web/i-1 is "
               "not authorized (the role of this host needs a policy that allows ",
               action, ")"));
  };
  const auto find = [&](const std::string& name) {
    const Status status = Find(name).status();
    return Status(status.code(), status.message());
  };
  answers_["DescribeSubnets"] = {denied};
  EXPECT_EQ(find("eu-west-1a"), message("ec2:DescribeSubnets"));
  answers_["DescribeManagedPrefixLists"] = {
      denied,
      {200,
       "<R><prefixListSet><item><prefixListId>pl-1</prefixListId></item>"
       "</prefixListSet></R>"}};
  EXPECT_EQ(find("S3"), message("ec2:DescribeManagedPrefixLists"));
  answers_["GetManagedPrefixListEntries"] = {denied};
  EXPECT_EQ(find("S3"), message("ec2:GetManagedPrefixListEntries"));
}

TEST_F(AddressGroupTest, AnswersThatCannotBeAreErrors) {
  answers_["DescribeSubnets"] = {
      {200, "<R><subnetSet>"}, {200, "<R/>"}, {200, Page("subnetSet", Subnet("10.0.0.0/33"))}};
  EXPECT_EQ(Find("eu-west-1a").status().message(),
            "ec2:DescribeSubnets: XML: <subnetSet> does not end");
  EXPECT_EQ(Find("eu-west-1a").status().message(),
            "ec2:DescribeSubnets: the answer has no subnetSet");
  EXPECT_EQ(
      Find("eu-west-1a").status().message(),
      "ec2:DescribeSubnets: \"10.0.0.0/33\" is not a CIDR: the prefix length must be 0 to 32");
  answers_["DescribeSubnets"].assign(1000, {200, Page("subnetSet", "", "again")});
  EXPECT_EQ(Find("eu-west-1a").status().message(),
            "ec2:DescribeSubnets: the answer has more than 50 pages");
}

TEST_F(AddressGroupTest, SaysThatTheVpcIsNotKnown) {
  mac_ = {404};
  EXPECT_EQ(Find("eu-west-1a").status(),
            absl::NotFoundError("the VPC of this host is not known: instance metadata "
                                "/latest/meta-data/mac: HTTP status 404"));
  environment_["AWS_EC2_METADATA_DISABLED"] = "true";
  EXPECT_EQ(Find("eu-west-1a").status().message(),
            "the VPC of this host is not known: instance metadata is not used: "
            "AWS_EC2_METADATA_DISABLED is true");
}

}  // namespace
}  // namespace faultd
