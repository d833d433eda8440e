// The hosts that a command goes to: how they are written, read from a file and chosen.
#include "ctl/hosts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "base/strings.h"
#include "ctl/address.h"

namespace faultd::ctl {
namespace {

std::string AddressOf(std::string_view text) {
  const auto address = ParseAddress(text);
  return address.ok() ? *address : std::string(address.status().message());
}

TEST(Address, IsASocketOrAHost) {
  EXPECT_EQ(AddressOf("unix:/tmp/x"), "unix:/tmp/x");
  EXPECT_EQ(AddressOf("/tmp/x"), "unix:/tmp/x");
  EXPECT_EQ(AddressOf("db1.example.com"), "db1.example.com:7443");
  EXPECT_EQ(AddressOf("db1:99"), "db1:99");
  EXPECT_EQ(AddressOf("10.0.0.5"), "10.0.0.5:7443");
  EXPECT_EQ(AddressOf("::1"), "[::1]:7443");
  EXPECT_EQ(AddressOf("[2001:db8::5]:99"), "[2001:db8::5]:99");
}

TEST(Address, SaysWhatIsWrong) {
  for (const char* text : {"10.0.0.0/8", ":7443", "any", "a:1-2", "a:1/tcp", ""}) {
    EXPECT_EQ(AddressOf(text),
              StrCat("\"", text,
                     "\" is not where a daemon listens; write unix:/run/faultd/faultd.sock, or a "
                     "host and a port such as db1.example.com:7443"));
  }
  EXPECT_EQ(AddressOf("https://a"),
            "\"https://a\" is a URL; write host:port, e.g. db.example.com:5432");
  EXPECT_EQ(AddressOf("a:x"), "\"a:x\": \"x\" is not a port; write 1 to 65535");
}

class HostsFileTest : public ::testing::Test {
 protected:
  // "a:7443,b:99", or the error.
  std::string Read(const std::string& text) {
    std::ofstream(path_) << text;
    const auto hosts = ReadHostsFile(path_);
    if (!hosts.ok()) return std::string(hosts.status().message());
    std::string addresses;
    for (const Host& host : *hosts)
      StrAppend(&addresses, addresses.empty() ? "" : ",", host.address);
    return addresses;
  }

  const std::string path_ = ::testing::TempDir() + "/faultctl-hosts";
};

TEST_F(HostsFileTest, HasOneHostALine) {
  EXPECT_EQ(Read("# all\na\n\n  b:99  # the second\r\n[::1]"), "a:7443,b:99,[::1]:7443");
}

TEST_F(HostsFileTest, ErrorsNameTheLine) {
  EXPECT_EQ(Read("a\n#\nb c:x\n"), path_ + ":3: \"b c:x\": \"x\" is not a port; write 1 to 65535");
  EXPECT_EQ(Read("# none\n"), path_ + ": has no hosts; write one per line");
  std::string many;
  for (size_t i = 0; i <= kMostHosts; ++i) StrAppend(&many, "h", i, "\n");
  EXPECT_EQ(Read(many), path_ + ":257: is one host too many; at most 256 are allowed");
  const auto missing = ReadHostsFile("/nonexistent/hosts");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
}

TEST(Selection, SaysHowMany) {
  EXPECT_EQ(*ParseSelection("ALL", 5), 5u);
  EXPECT_EQ(*ParseSelection("COUNT(2)", 5), 2u);
  EXPECT_EQ(*ParseSelection("PERCENT(50)", 5), 2u);
  EXPECT_EQ(*ParseSelection("PERCENT(100)", 5), 5u);
  EXPECT_EQ(*ParseSelection("PERCENT(1)", 5), 1u);
}

TEST(Selection, SaysWhatIsWrong) {
  for (const char* text :
       {"2", "COUNT2", "COUNT(0)", "COUNT(-1)", "COUNT(2", "PERCENT(x)", "all"}) {
    EXPECT_EQ(
        ParseSelection(text, 5).status().message(),
        StrCat("\"", text, "\" is not a selection; write COUNT(2), PERCENT(25) or ALL, in quotes"));
  }
  EXPECT_EQ(ParseSelection("COUNT(6)", 5).status().message(),
            "COUNT(6) is more than there are hosts; write at most COUNT(5)");
  EXPECT_EQ(ParseSelection("PERCENT(101)", 5).status().message(),
            "PERCENT(101) is more than all; write at most PERCENT(100)");
}

TEST(Selection, ChoosesAtRandomInOrder) {
  std::vector<Host> hosts;
  for (const char* name : {"a", "b", "c", "d"}) hosts.push_back({name, name});
  std::set<std::string> seen;
  // By chance some pair never comes up once in 10^15 runs.
  for (int i = 0; i < 200; ++i) {
    const std::vector<Host> chosen = Choose(hosts, 2);
    ASSERT_EQ(chosen.size(), 2u);
    ASSERT_LT(chosen[0].name, chosen[1].name);
    seen.insert(chosen[0].name + chosen[1].name);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"ab", "ac", "ad", "bc", "bd", "cd"}));
}

}  // namespace
}  // namespace faultd::ctl
