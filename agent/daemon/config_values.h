#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#define TOML_EXCEPTIONS 0
// What it asserts of keys is not so for each file; it finds the same error a little later.
#define TOML_ASSERT(expr) static_assert(true)
#include <toml++/toml.h>

// What the sections of the configuration are read with. A reader's error says what was expected of
// the value; who knows its key and place puts them in front.
namespace faultd {

// "expected <what>".
Status Expected(std::string_view what);

StatusOr<std::string> ReadText(const toml::node& value);
StatusOr<bool> ReadBool(const toml::node& value);
// Unlike the others, `into` is left alone on errors.
Status ReadDuration(const toml::node& value, std::chrono::nanoseconds least,
                    std::chrono::nanoseconds most, std::chrono::nanoseconds& into);
Status ReadSize(const toml::node& value, uint64_t& into);

// Replaces `into` by what `read` makes of each element of a list; it answers with a StatusOr of it.
// `expected` is said when there is no list. On errors `into` is left alone.
template <typename T, typename Read>
Status ReadList(const toml::node& value, std::string_view expected, Read read,
                std::vector<T>& into) {
  const auto* list = value.as_array();
  if (list == nullptr) return Expected(expected);
  std::vector<T> all;
  for (const toml::node& element : *list) {
    ASSIGN_OR_RETURN(T each, read(element));
    all.push_back(std::move(each));
  }
  into = std::move(all);
  return absl::OkStatus();
}

// "a, b, c": the keys of a map.
template <typename Map>
std::string KeysOf(const Map& map) {
  std::string keys;
  for (const auto& [key, value] : map) StrAppend(&keys, keys.empty() ? "" : ", ", key);
  return keys;
}

// The errors found in a file, a line each: "<path>:<line>:<column>: <what is wrong>".
class ConfigErrors {
 public:
  explicit ConfigErrors(std::string path) : path_(std::move(path)) {}
  void Add(const toml::source_region& where, std::string_view what);
  size_t count() const { return count_; }
  // INVALID_ARGUMENT with all, or OK.
  Status ToStatus() const;

 private:
  const std::string path_;
  std::string lines_;
  size_t count_ = 0;
};

// Reads one value into what it belongs to, or says what was expected of it.
template <typename T>
using KeyReader = std::function<Status(const toml::node& value, T& into)>;
template <typename T>
using KeyReaders = std::map<std::string_view, KeyReader<T>>;

// The keys of one section; what is unknown or wrong is added to `errors`.
template <typename T>
void ReadKeys(std::string_view section, const KeyReaders<T>& readers, const toml::table& values,
              T& into, ConfigErrors& errors) {
  for (const auto& [key, value] : values) {
    const auto reader = readers.find(key.str());
    if (reader == readers.end()) {
      errors.Add(key.source(), StrCat("unknown key ", section, ".", key.str(), "; [", section,
                                      "] has ", KeysOf(readers)));
    } else if (Status read = reader->second(value, into); !read.ok()) {
      errors.Add(value.source(), StrCat(section, ".", key.str(), ": ", ToStd(read.message())));
    }
  }
}

}  // namespace faultd
