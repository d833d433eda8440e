#include "engine/request.h"

#include <sys/random.h>

#include <array>

#include "absl/strings/ascii.h"
#include "base/proto_time.h"
#include "base/strings.h"
#include "base/units.h"

namespace faultd {
namespace {

constexpr size_t kLongestId = 63;
constexpr int kMaxLabels = 32;
constexpr size_t kLongestLabelKey = 63;
constexpr size_t kLongestLabelValue = 255;

bool IsIdCharacter(char c) {
  return absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
         absl::ascii_islower(static_cast<unsigned char>(c));
}

bool IsPrintable(const std::string& text) {
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

Status ValidateLabels(const google::protobuf::Map<std::string, std::string>& labels) {
  if (labels.size() > kMaxLabels) {
    return FieldError("labels", StrCat("has ", labels.size(), " pairs; give at most ", kMaxLabels));
  }
  for (const auto& [key, value] : labels) {
    if (key.empty() || key.size() > kLongestLabelKey || !IsPrintable(key)) {
      return FieldError("labels", StrCat("the key \"", key, "\" is not 1 to ", kLongestLabelKey,
                                         " printable bytes long"));
    }
    if (value.size() > kLongestLabelValue || !IsPrintable(value)) {
      return FieldError(
          StrCat("labels[\"", key, "\"]"),
          StrCat("the value is not at most ", kLongestLabelValue, " printable bytes long"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Status ValidateId(const std::string& id) {
  bool good = !id.empty() && id.size() <= kLongestId && IsIdCharacter(id.front());
  for (char c : id) good = good && (IsIdCharacter(c) || c == '.' || c == '_' || c == '-');
  if (good) return absl::OkStatus();
  return FieldError("id", StrCat("\"", id, "\" is not an id; write a-z or 0-9, then up to ",
                                 kLongestId - 1, " of a-z, 0-9, '.', '_' and '-'"));
}

Status ValidateSpec(const v1::FaultSpec& spec) {
  const FaultKind* kind = KindOf(spec);
  if (kind == nullptr) {
    std::string names;
    for (const FaultKind* each : FaultKinds())
      StrAppend(&names, names.empty() ? "" : ", ", each->name);
    return FieldError("spec", StrCat("says no kind of fault; set one of ", names));
  }
  return kind->validate(spec);
}

Status ValidateLease(bool present, const google::protobuf::Duration& duration) {
  const std::string expected =
      StrCat("write ", FormatDuration(kShortestLease), " to ", FormatDuration(kLongestLease));
  if (!present)
    return FieldError("duration", StrCat("is missing: every fault has a lease; ", expected));
  const std::chrono::nanoseconds lease = FromProto(duration);
  if (lease < kShortestLease || lease > kLongestLease) {
    return FieldError("duration", StrCat(FormatDuration(lease), " is out of range; ", expected));
  }
  return absl::OkStatus();
}

Status ValidateInject(const v1::InjectFaultRequest& request) {
  if (!request.id().empty()) RETURN_IF_ERROR(ValidateId(request.id()));
  RETURN_IF_ERROR(ValidateSpec(request.spec()));
  RETURN_IF_ERROR(ValidateLease(request.has_duration(), request.duration()));
  return ValidateLabels(request.labels());
}

std::string MakeId(const FaultKind& kind) {
  constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";
  std::array<unsigned char, 8> random{};
  // Cannot fail for so few bytes once the kernel's generator is seeded (getrandom(2)).
  while (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
  }
  std::string id = StrCat(kind.name, "-");
  for (unsigned char byte : random) id.push_back(kDigits[byte % kDigits.size()]);
  return id;
}

}  // namespace faultd
