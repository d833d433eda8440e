#include "publish/emf_event.h"

#include <gtest/gtest.h>

namespace faultd {
namespace {

TEST(EmfEvent, IsALineAsTheSpecificationHasIt) {
  MetricSample sample;
  sample.series = {"Bookstore", "FaultActive", {{"Host", "web-1"}, {"Kind", "noop"}}, "Count", 60};
  sample.value = 2;
  EXPECT_EQ(
      EmfEvent(sample, std::chrono::milliseconds(1574109732004), "/faultd/metrics"),
      R"({"FaultActive":2.0,"Host":"web-1","Kind":"noop","_aws":{"CloudWatchMetrics":[{"Dimensions":[["Host","Kind"]],"Metrics":[{"Name":"FaultActive","StorageResolution":60,"Unit":"Count"}],"Namespace":"Bookstore"}],"LogGroupName":"/faultd/metrics","Timestamp":1574109732004}})"
      "\n");
}

TEST(EmfEvent, WithoutLogGroupItIsTheAgentsDefault) {
  MetricSample sample;
  sample.series = {"N", "m", {{"Host", "h"}}, "None", 1};
  EXPECT_EQ(
      EmfEvent(sample, {}, ""),
      R"({"Host":"h","_aws":{"CloudWatchMetrics":[{"Dimensions":[["Host"]],"Metrics":[{"Name":"m","StorageResolution":1,"Unit":"None"}],"Namespace":"N"}],"Timestamp":0},"m":0.0})"
      "\n");
}

}  // namespace
}  // namespace faultd
