#include "audit/chain.h"

#include <openssl/evp.h>

#include <array>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "base/strings.h"
#include <nlohmann/json.hpp>

namespace faultd {
namespace {

using nlohmann::ordered_json;

constexpr size_t kLongestText = 1024;
constexpr std::string_view kHashKey = ",\"hash\":\"";
constexpr size_t kTailSize = kHashKey.size() + 64 + 2;  // ,"hash":"…"}

// ASCII only, so that no terminal and no line reader stumbles over what a client has sent.
std::string Dump(const ordered_json& object) {
  return object.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
}

std::string Bounded(std::string_view text) { return std::string(text.substr(0, kLongestText)); }

std::string FormatTime(std::chrono::nanoseconds since_epoch) {
  return absl::FormatTime(
      "%Y-%m-%dT%H:%M:%E3SZ",
      absl::FromChrono(std::chrono::system_clock::time_point(
          std::chrono::duration_cast<std::chrono::system_clock::duration>(since_epoch))),
      absl::UTCTimeZone());
}

// A member of an object, or its type's default.
template <typename Value>
Value Member(const ordered_json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return Value();
  if constexpr (std::is_same_v<Value, std::string>) {
    return found->is_string() ? found->template get<std::string>() : Value();
  } else {
    return found->is_number_unsigned() ? found->template get<Value>() : Value();
  }
}

}  // namespace

std::string Sha256Hex(std::string_view text) {
  std::array<char, 32> digest{};
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr,
             EVP_sha256(), nullptr);
  return absl::BytesToHexString({digest.data(), digest.size()});
}

std::string MakeLine(const AuditEntry& entry, ChainLink& last) {
  ordered_json line;
  line["seq"] = last.seq + 1;
  line["time"] = FormatTime(entry.time);
  line["actor"] = Bounded(entry.actor);
  line["principal"] = Bounded(entry.principal);
  line["role"] = entry.role;
  line["method"] = entry.method;
  if (!entry.request.empty())
    line["request"] = ordered_json::parse(entry.request, nullptr, /*allow_exceptions=*/false);
  line["decision"] = entry.allowed ? "allowed" : "denied";
  line["rule"] = Bounded(entry.rule);
  line["fault"] = Bounded(entry.fault);
  line["result"] = {{"code", absl::StatusCodeToString(entry.result.code())},
                    {"message", Bounded(ToStd(entry.result.message()))}};
  line["prev"] = last.hash;
  std::string text = Dump(line);
  last = {last.seq + 1, Sha256Hex(text)};
  text.pop_back();
  return StrCat(text, kHashKey, last.hash, "\"}");
}

StatusOr<ChainedLine> ParseLine(std::string_view line) {
  const auto object = ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::DataLossError("is no line of an audit log");
  ChainedLine parsed{{Member<uint64_t>(object, "seq"), Member<std::string>(object, "hash")},
                     Member<std::string>(object, "prev")};
  if (parsed.link.seq == 0 || parsed.link.hash.size() != 64 || parsed.prev.size() != 64)
    return absl::DataLossError("has no seq, prev or hash");
  return parsed;
}

bool HashMatches(std::string_view line, const ChainedLine& parsed) {
  if (line.size() < kTailSize) return false;
  const std::string_view tail = line.substr(line.size() - kTailSize);
  const std::string body = StrCat(line.substr(0, line.size() - kTailSize), "}");
  return tail == StrCat(kHashKey, parsed.link.hash, "\"}") && Sha256Hex(body) == parsed.link.hash;
}

std::string FormatHead(const ChainHead& head) {
  return Dump({{"first", head.first}, {"seq", head.last.seq}, {"hash", head.last.hash}}) + "\n";
}

StatusOr<ChainHead> ParseHead(std::string_view text) {
  const auto object = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::DataLossError("is damaged");
  ChainHead head{Member<uint64_t>(object, "first"),
                 {Member<uint64_t>(object, "seq"), Member<std::string>(object, "hash")}};
  if (head.first == 0 || head.last.hash.size() != 64) return absl::DataLossError("is damaged");
  return head;
}

}  // namespace faultd
