#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "audit/audit_file.h"
#include "audit/verify.h"

namespace faultd {

// An audit log in a directory of its own.
class AuditFixture : public testing::Test {
 protected:
  AuditFixture() {
    std::string path = testing::TempDir() + "audit-XXXXXX";
    place.directory = mkdtemp(path.data());
  }
  ~AuditFixture() override { std::filesystem::remove_all(place.directory); }

  static AuditEntry Entry(int number) {
    return {.time = std::chrono::milliseconds(1'000),
            .actor = "actor " + std::to_string(number),
            .principal = "user:0",
            .role = "admin",
            .method = "RevertFault",
            .request = R"({"id":"a"})",
            .rule = "anybody",
            .fault = "a"};
  }
  // Lines number 1 to `count` by one writer.
  void Write(int count) {
    AuditFile file(place);
    for (int number = 1; number <= count; ++number) {
      const auto line = file.Append(Entry(number));
      ASSERT_TRUE(line.ok()) << line.status();
    }
  }
  std::string Path(const std::string& suffix = "") const { return place.path() + suffix; }
  static std::string Read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void Put(const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::trunc) << content;
  }
  static std::vector<std::string> LinesOf(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  static void PutLines(const std::string& path, const std::vector<std::string>& lines) {
    std::string content;
    for (const std::string& line : lines) content += line + "\n";
    Put(path, content);
  }
  std::vector<std::string> Problems() const {
    const auto report = VerifyAudit(Path());
    return report.ok() ? report->problems
                       : std::vector<std::string>{std::string(report.status().message())};
  }

  AuditPlace place;
};

}  // namespace faultd
