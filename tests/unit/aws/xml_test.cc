#include "aws/xml.h"

#include <gtest/gtest.h>

namespace faultd {
namespace {

TEST(Xml, FindsElementsByPath) {
  const auto root = ParseXml(R"(<?xml version="1.0" encoding="UTF-8"?>
<!-- a comment -->
<Answer xmlns="http://x/">
  <requestId>1</requestId>
  <tagSet><item><key>Name</key><value>a &lt;b&gt; &amp; &#xF6;&#65;</value></item><item/></tagSet>
  <data><![CDATA[<raw> & ]]></data>
</Answer>)");
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->name, "Answer");
  EXPECT_EQ(root->Text("requestId"), "1");
  EXPECT_EQ(root->Text("tagSet/item/value"),
            "a <b> & \xc3\xb6"
            "A");
  EXPECT_EQ(root->Text("data"), "<raw> & ");
  EXPECT_EQ(root->Find("tagSet")->children.size(), 2u);
  EXPECT_EQ(root->Find("tagSet/none/value"), nullptr);
  EXPECT_EQ(root->Text("none"), "");
}

TEST(Xml, RefusesWhatIsNotWellFormed) {
  for (const char* text : {"", "text", "<a>", "<a></b>", "</a>", "<a></a><b></b>", "<a",
                           "<a>&x;</a>", "<a>&#xD800;</a>", "<a>&amp</a>", "<a>&#xD800000000;</a>",
                           "<!DOCTYPE a><a></a>", "<></>", "<a><!-- </a>", "<a><![CDATA[ </a>"}) {
    EXPECT_FALSE(ParseXml(text).ok()) << text;
  }
}

TEST(Xml, BoundsTheDepth) {
  std::string deep;
  for (int i = 0; i < 32; ++i) deep += "<a>";
  for (int i = 0; i < 32; ++i) deep += "</a>";
  EXPECT_TRUE(ParseXml(deep).ok());
  EXPECT_FALSE(ParseXml("<a>" + deep + "</a>").ok());
}

}  // namespace
}  // namespace faultd
