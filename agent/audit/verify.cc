#include "audit/verify.h"

#include <filesystem>
#include <optional>

#include "audit/chain.h"
#include "audit/read.h"
#include "base/strings.h"

namespace faultd {
namespace {

constexpr size_t kMostProblems = 100;

std::string Lines(uint64_t from, uint64_t to) {
  return from == to ? StrCat("line ", from, " is") : StrCat("lines ", from, " to ", to, " are");
}

std::string NameOf(const std::string& path) {
  return std::filesystem::path(path).filename().native();
}

// Walks along the chain and notes what is wrong.
class Walk {
 public:
  explicit Walk(std::string path) : path_(std::move(path)) {}

  StatusOr<AuditReport> Run() {
    ASSIGN_OR_RETURN(const std::vector<int> numbers, OlderFiles(path_));
    ReadHead();
    int expected = numbers.empty() ? 0 : numbers.front();
    for (const int number : numbers) {
      for (; expected > number; --expected) Problem(OlderFile(path_, expected), "is missing");
      RETURN_IF_ERROR(ReadFile(OlderFile(path_, number)));
      --expected;
    }
    for (; expected > 0; --expected) Problem(OlderFile(path_, expected), "is missing");
    const Status newest = ReadFile(path_);
    if (absl::IsNotFound(newest) && report_.files > 0) {
      Problem(path_, "is missing");
    } else {
      RETURN_IF_ERROR(newest);
    }
    CheckEnd();
    return report_;
  }

 private:
  void ReadHead() {
    const std::string file = HeadFile(path_);
    const auto text = ReadAuditFile(file);
    auto head = text.ok() ? ParseHead(*text) : text.status();
    if (absl::IsNotFound(text.status())) {
      Problem(file, "is missing: nobody can tell whether lines were cut off");
    } else if (!head.ok()) {
      Problem(file, ToStd(head.status().message()));
    } else {
      head_ = *std::move(head);
    }
  }

  Status ReadFile(const std::string& file) {
    ASSIGN_OR_RETURN(const std::string content, ReadAuditFile(file));
    ++report_.files;
    ForEachLine(content, [&](const RawLine& line) {
      ++report_.lines;
      Check(line, StrCat(file, ":", line.number));
    });
    return absl::OkStatus();
  }

  void Check(const RawLine& line, const std::string& where) {
    if (!line.whole) return Problem(where, "ends in the middle");
    const auto parsed = ParseLine(line.text);
    if (!parsed.ok()) return Problem(where, ToStd(parsed.status().message()));
    if (!HashMatches(line.text, *parsed)) Problem(where, "was changed after it was written");
    const ChainLink& link = parsed->link;
    if (report_.first == 0) {
      Begin(*parsed, where);
    } else if (link.seq > last_.seq + 1) {
      Problem(where, StrCat(Lines(last_.seq + 1, link.seq - 1), " missing before it"));
    } else if (link.seq <= last_.seq) {
      Problem(where, StrCat("is line ", link.seq, ", but comes after line ", last_.seq));
    } else if (parsed->prev != last_.hash) {
      Problem(where, StrCat("does not follow line ", last_.seq, " as it is now"));
    }
    if (head_ && link.seq == head_->last.seq && link.hash != head_->last.hash)
      Problem(where,
              StrCat("is another line than the one that ", NameOf(HeadFile(path_)), " tells of"));
    last_ = link;
  }

  void Begin(const ChainedLine& line, const std::string& where) {
    report_.first = line.link.seq;
    if (line.link.seq == 1 && line.prev != ChainLink().hash)
      Problem(where, "is the first line, but follows another");
    const uint64_t first = head_ ? head_->first : line.link.seq;
    if (line.link.seq > first)
      Problem(where, StrCat(Lines(first, line.link.seq - 1), " missing before it"));
  }

  void CheckEnd() {
    report_.last = last_.seq;
    if (head_ && last_.seq < head_->last.seq)
      Problem(path_, StrCat(Lines(last_.seq + 1, head_->last.seq), " missing at its end"));
  }

  void Problem(const std::string& where, std::string_view what) {
    if (report_.problems.size() == kMostProblems) return;
    report_.problems.push_back(StrCat(NameOf(where), ": ", what));
  }

  const std::string path_;
  std::optional<ChainHead> head_;
  ChainLink last_;
  AuditReport report_;
};

}  // namespace

StatusOr<AuditReport> VerifyAudit(const std::string& path) {
  // The files may have been renamed meanwhile.
  constexpr int kTries = 3;
  StatusOr<AuditReport> report;
  for (int i = 0; i < kTries; ++i) {
    const auto before = ReadAuditFile(HeadFile(path));
    report = Walk(path).Run();
    if (report.ok() && report->problems.empty()) return report;
    const auto after = ReadAuditFile(HeadFile(path));
    if (before.ok() && after.ok() && *before == *after) return report;
  }
  return report;
}

}  // namespace faultd
