#include "engine/safety_lever.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

#include "base/proto_time.h"
#include "base/strings.h"

namespace faultd {
namespace {

constexpr char kFile[] = "safety-lever.json";

v1::SafetyLever Engaged(const std::string& reason, const std::string& actor) {
  v1::SafetyLever lever;
  lever.set_engaged(true);
  lever.set_reason(reason);
  lever.set_actor(actor);
  return lever;
}

}  // namespace

SafetyLever::SafetyLever(Directory& directory) : directory_(directory) {
  const StatusOr<std::string> content = directory_.Read(kFile);
  if (absl::IsNotFound(content.status())) return;
  std::string problem(content.status().message());
  if (content.ok()) {
    google::protobuf::util::JsonParseOptions newer;
    newer.ignore_unknown_fields = true;
    const auto parsed = google::protobuf::util::JsonStringToMessage(*content, &state_, newer);
    if (parsed.ok() && state_.engaged()) return;
    problem = "it is damaged";
  }
  state_ =
      Engaged(StrCat("the file ", kFile, " is there, but cannot be read: ", problem), "faultd");
}

Status SafetyLever::Refusal() const {
  if (!state_.engaged()) return absl::OkStatus();
  const std::string since =
      state_.has_engage_time()
          ? StrCat(" since ", google::protobuf::util::TimeUtil::ToString(state_.engage_time()))
          : "";
  return PreconditionError(
      "LEVER", "safety lever",
      StrCat(
          "the safety lever is engaged", since, " by ", state_.actor(), ": ", state_.reason(),
          "; nothing is injected until it is released with `faultctl lever release`, which takes "
          "the role admin"));
}

void SafetyLever::Engage(const std::string& reason, const std::string& actor,
                         std::chrono::nanoseconds now) {
  const bool released_meanwhile = std::exchange(releasing_, false);
  if (!state_.engaged()) {
    state_ = Engaged(reason, actor);
    *state_.mutable_engage_time() = ToTimestamp(std::chrono::floor<std::chrono::milliseconds>(now));
  } else if (!released_meanwhile) {
    return;
  }
  state_.set_not_durable("it is not written yet");
}

std::function<Status()> SafetyLever::Save() const {
  if (!state_.engaged() || state_.not_durable().empty()) return [] { return absl::OkStatus(); };
  v1::SafetyLever saved = state_;
  saved.clear_not_durable();
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(saved, &json).ok();
  return [&directory = directory_, json] { return directory.Write(kFile, json + "\n"); };
}

void SafetyLever::Saved(const Status& status) {
  state_.set_not_durable(std::string(status.message()));
}

std::function<Status()> SafetyLever::Release() {
  releasing_ = true;
  return [&directory = directory_]() -> Status {
    RETURN_IF_ERROR(directory.Remove(kFile));
    return directory.Sync();
  };
}

Status SafetyLever::Released(const Status& removed) {
  if (!std::exchange(releasing_, false) && state_.engaged())
    return absl::AbortedError("the safety lever was engaged again meanwhile");
  RETURN_IF_ERROR(Annotate(removed, "release the safety lever"));
  state_.Clear();
  return absl::OkStatus();
}

Status ValidateLeverReason(const std::string& reason) {
  constexpr size_t kLongest = 256;
  const bool printable = std::none_of(reason.begin(), reason.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (!reason.empty() && reason.size() <= kLongest && printable) return absl::OkStatus();
  return FieldError(
      "reason", StrCat(reason.empty() ? "is missing" : "is too long or not printable",
                       "; say in 1 to ", kLongest, " printable bytes why nothing may be injected"));
}

}  // namespace faultd
