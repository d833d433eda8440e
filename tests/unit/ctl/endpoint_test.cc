#include "ctl/endpoint.h"

#include <gtest/gtest.h>

#include "google/protobuf/text_format.h"

namespace faultd::ctl {
namespace {

std::string Text(const v1::Endpoint& endpoint) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(endpoint, &text);
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

struct Case {
  std::string_view text;
  std::string_view expected;
};

TEST(ParseEndpoint, ReadsEveryForm) {
  const Case cases[] = {
      {"10.0.0.0/8:5432/tcp", R"(host: "10.0.0.0/8" ports { first: 5432 } protocol: PROTOCOL_TCP)"},
      {"10.0.0.0/8", R"(host: "10.0.0.0/8")"},
      {"10.0.0.0/8/udp", R"(host: "10.0.0.0/8" protocol: PROTOCOL_UDP)"},
      {"192.0.2.1", R"(host: "192.0.2.1")"},
      {"192.0.2.1/icmp", R"(host: "192.0.2.1" protocol: PROTOCOL_ICMP)"},
      {"db.example.com:5432", R"(host: "db.example.com" ports { first: 5432 })"},
      {"db.example.com", R"(host: "db.example.com")"},
      {"[2001:db8::5]:443", R"(host: "2001:db8::5" ports { first: 443 })"},
      {"[2001:db8::5]", R"(host: "2001:db8::5")"},
      {"[2001:db8::/32]:443/tcp",
       R"(host: "2001:db8::/32" ports { first: 443 } protocol: PROTOCOL_TCP)"},
      {"2001:db8::/32", R"(host: "2001:db8::/32")"},
      {"2001:db8::/32/icmp", R"(host: "2001:db8::/32" protocol: PROTOCOL_ICMP)"},
      {"2001:db8::5/udp", R"(host: "2001:db8::5" protocol: PROTOCOL_UDP)"},
      {"::1", R"(host: "::1")"},
      {"host:8000-8080/udp",
       R"(host: "host" ports { first: 8000 last: 8080 } protocol: PROTOCOL_UDP)"},
      {":5432", "ports { first: 5432 }"},
      {"any:5432", "ports { first: 5432 }"},
      {"any:53/any", "ports { first: 53 } protocol: PROTOCOL_ANY"},
      {"any/icmp", "protocol: PROTOCOL_ICMP"},
      // Availability zones and services of AWS: for the daemon to look up.
      {"us-west-2-lax-1a:443", R"(host: "us-west-2-lax-1a" ports { first: 443 })"},
      {"DYNAMODB:443/tcp", R"(host: "DYNAMODB" ports { first: 443 } protocol: PROTOCOL_TCP)"},
      {"any", ""},
      {"", ""},
      // Not an address nor a name: for the daemon to refuse.
      {"10.0.0.0/33", R"(host: "10.0.0.0/33")"},
  };
  for (const auto& [text, expected] : cases) {
    const auto endpoint = ParseEndpoint(text);
    ASSERT_TRUE(endpoint.ok()) << text << ": " << endpoint.status();
    EXPECT_EQ(Text(*endpoint), expected) << text;
  }
}

TEST(ParseEndpoint, SaysWhatIsWrong) {
  const Case cases[] = {
      {"10.0.0.0/8:5432/tpc",
       R"("10.0.0.0/8:5432/tpc": "tpc" is not a protocol; write tcp, udp, icmp or any)"},
      {"db/", R"("db/": "" is not a protocol; write tcp, udp, icmp or any)"},
      {"db:0", R"("db:0": "0" is not a port; write 1 to 65535)"},
      {"db:65536", R"("db:65536": "65536" is not a port; write 1 to 65535)"},
      {"db:+5", R"("db:+5": "+5" is not a port; write 1 to 65535)"},
      {"db:", R"("db:": "" is not a port; write 1 to 65535)"},
      {"db:80-", R"("db:80-": "" is not a port; write 1 to 65535)"},
      {"db:http", R"("db:http": "http" is not a port; write 1 to 65535)"},
      {"db:90-80", R"("db:90-80": "90-80" ends before it begins; write the lower port first)"},
      {"db:80/icmp", R"("db:80/icmp" gives ports, which icmp has not; leave them out)"},
      {"[2001:db8::5:443",
       R"("[2001:db8::5:443" has a "[" without "]"; write e.g. [2001:db8::5]:443)"},
      {"[2001:db8::5]443", R"("[2001:db8::5]443" has "443" behind "]"; write e.g. )"
                           R"([2001:db8::5]:443 or [2001:db8::/32]:443/tcp)"},
      {"2001:db8::/32:443",
       R"("2001:db8::/32:443" has more than one ":" and is no IPv6 address; to give ports, put )"
       R"(the address in brackets, e.g. [2001:db8::5]:443)"},
      {"https://db.example.com",
       R"("https://db.example.com" is a URL; write host:port, e.g. db.example.com:5432)"},
  };
  for (const auto& [text, expected] : cases) {
    const auto endpoint = ParseEndpoint(text);
    ASSERT_FALSE(endpoint.ok()) << text;
    EXPECT_EQ(endpoint.status().message(), ToAbsl(expected));
  }
}

}  // namespace
}  // namespace faultd::ctl
