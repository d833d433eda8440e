#include <gmock/gmock.h>

#include "kernel/links_linux.h"
#include "kernel/modules.h"
#include "kernel/qdiscs_linux.h"
#include "support/netns.h"

namespace faultd {
namespace {

class QdiscsTest : public NetnsTest {
 protected:
  void SetUp() override {
    NetnsTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ifindex_ = (*OpenLinks())->CreateIfb("faultd0", true)->index;
    qdiscs_ = *OpenQdiscs();
  }

  int ifindex_ = 0;
  std::unique_ptr<Qdiscs> qdiscs_;
};

TEST_F(QdiscsTest, SetsNetemOrSaysWhatToInstall) {
  const Status missing = qdiscs_->SetNetem(ifindex_, Netem{});
  if (missing.ok()) {
    EXPECT_TRUE(qdiscs_->ListNetem()->contains(ifindex_));
    return;
  }
  EXPECT_EQ(missing.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(missing.message(),
            "kernel module sch_netem is missing: " + ModulePackageHint("sch_netem"));
  EXPECT_EQ(DetailsOf(missing).precondition_type, "MODULE");
  EXPECT_EQ(DetailsOf(missing).precondition_subject, "sch_netem");
}

TEST_F(QdiscsTest, LinksWithoutNetemAreNotListed) {
  const auto found = qdiscs_->ListNetem();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->empty());
}

TEST_F(QdiscsTest, ALinkThatIsGoneIsNotFound) {
  const Status set = qdiscs_->SetNetem(4711, Netem{});
  EXPECT_EQ(set.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(set.message(), "set netem on interface 4711: No such device");
}

}  // namespace
}  // namespace faultd
