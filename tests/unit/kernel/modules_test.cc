#include "kernel/modules.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace faultd {
namespace {

class ModulePackageHintTest : public ::testing::Test {
 protected:
  void SetUp() override {
    utsname name{};
    uname(&name);
    release_ = name.release;
    char directory[] = "/tmp/faultd-test-XXXXXX";
    root_ = mkdtemp(directory);
    std::filesystem::create_directories(root_ + "/lib/modules/" + release_);
    std::filesystem::create_directories(root_ + "/etc");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string HintFor(const std::string& os_release) {
    std::ofstream(root_ + "/etc/os-release") << os_release;
    return ModulePackageHint("sch_netem", root_);
  }

  std::string release_;
  std::string root_;
};

TEST_F(ModulePackageHintTest, NamesThePackageOfTheDistribution) {
  EXPECT_EQ(HintFor("NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n"),
            "install linux-modules-extra-" + release_ + " (apt)");
  EXPECT_EQ(HintFor("ID=linuxmint\nID_LIKE='ubuntu debian'\n"),
            "install linux-modules-extra-" + release_ + " (apt)");
  EXPECT_EQ(HintFor("ID=debian\n"), "install linux-image-" + release_ + " (apt)");
  EXPECT_EQ(HintFor("ID=\"rhel\"\nID_LIKE=\"fedora\"\n"),
            "install kernel-modules-extra-" + release_ + " (dnf)");
  EXPECT_EQ(HintFor("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"),
            "install kernel-modules-extra-" + release_ + " (dnf)");
  EXPECT_EQ(HintFor("ID=\"amzn\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"2023\"\n"),
            "install kernel-modules-extra-" + release_ + " (dnf)");
}

TEST_F(ModulePackageHintTest, ElsewhereNamesTheModule) {
  const std::string hint = "install the package that has sch_netem for kernel " + release_;
  EXPECT_EQ(HintFor("ID=nixos\n"), hint);
  std::filesystem::remove(root_ + "/etc/os-release");
  EXPECT_EQ(ModulePackageHint("sch_netem", root_), hint);
}

// Threads that have answered count as done.
TEST_F(ModulePackageHintTest, IsTheSameEachTime) {
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(HintFor("ID=debian\n"), "install linux-image-" + release_ + " (apt)") << i;
}

TEST_F(ModulePackageHintTest, WithoutModulesNoPackageHelps) {
  std::filesystem::remove_all(root_ + "/lib");
  EXPECT_EQ(HintFor("ID=debian\n"), "there are no modules for the running kernel in /lib/modules/" +
                                        release_ + "; boot a kernel of the distribution");
}

}  // namespace
}  // namespace faultd
