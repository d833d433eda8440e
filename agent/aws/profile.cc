#include "aws/profile.h"

#include <pwd.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "base/file_io.h"
#include "http/host_files.h"

namespace faultd {
namespace {

using Section = std::map<std::string, std::string, std::less<>>;
using Sections = std::map<std::string, Section, std::less<>>;

// "[profile  x]" is "profile x".
std::string SectionName(std::string_view line) {
  std::string name(line.substr(1, line.find(']') - 1));
  absl::RemoveExtraAsciiWhitespace(&name);
  return name;
}

// Lines that are indented belong to the key above, which has no value of its own.
Sections ParseSections(std::string_view text) {
  Sections sections;
  Section* section = nullptr;
  std::string above;
  for (absl::string_view raw : absl::StrSplit(ToAbsl(text), '\n')) {
    const std::string_view line = ToStd(absl::StripAsciiWhitespace(raw));
    if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;
    if (line.starts_with('[')) {
      section = &sections[SectionName(line)];
      above.clear();
      continue;
    }
    const size_t equals = line.find('=');
    if (section == nullptr || equals == std::string_view::npos) continue;
    const std::string key(absl::StripAsciiWhitespace(ToAbsl(line.substr(0, equals))));
    const std::string value(absl::StripAsciiWhitespace(ToAbsl(line.substr(equals + 1))));
    if (absl::ascii_isspace(static_cast<unsigned char>(raw.front())) && !above.empty()) {
      (*section)[StrCat(above, ".", key)] = value;
    } else {
      (*section)[key] = value;
      above = value.empty() ? key : "";
    }
  }
  return sections;
}

// systemd sets no HOME for a service of the system.
std::string Home(const Environment& environment) {
  std::string home = Variable(environment, "HOME");
  if (!home.empty()) return home;
  std::vector<char> buffer(16 << 10);
  passwd entry{};
  passwd* found = nullptr;
  getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? "/root" : found->pw_dir;
}

StatusOr<Sections> ReadSections(const Environment& environment, std::string_view variable,
                                std::string_view file) {
  std::string path = Variable(environment, variable);
  if (path.empty()) path = StrCat("~/.aws/", file);
  if (path.starts_with("~/")) path = StrCat(Home(environment), path.substr(1));
  const auto text = ReadSmallFile(path);
  if (absl::IsNotFound(text.status())) return Sections();
  if (!text.ok()) return text.status();
  return ParseSections(*text);
}

}  // namespace

StatusOr<Profile> Profile::Load(const Environment& environment) {
  Profile profile;
  std::string named = Variable(environment, "AWS_PROFILE");
  if (named.empty()) named = Variable(environment, "AWS_DEFAULT_PROFILE");
  if (!named.empty()) profile.name_ = named;
  ASSIGN_OR_RETURN(Sections credentials,
                   ReadSections(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials"));
  ASSIGN_OR_RETURN(Sections config, ReadSections(environment, "AWS_CONFIG_FILE", "config"));
  const std::string config_name = profile.name_ == "default" && config.contains("default")
                                      ? "default"
                                      : "profile " + profile.name_;
  if (!named.empty() && !credentials.contains(named) && !config.contains(config_name)) {
    return absl::NotFoundError(
        StrCat("there is no profile ", named, " in ~/.aws/credentials and ~/.aws/config"));
  }
  profile.values_ = credentials[profile.name_];
  profile.values_.merge(config[config_name]);
  profile.services_ = config[StrCat("services ", profile.Get("services"))];
  return profile;
}

boost::asio::awaitable<StatusOr<Profile>> Profile::Find(Environment environment) {
  const auto load = [environment = std::move(environment)] { return Load(environment); };
  co_return co_await ReadHostFiles(load);
}

std::string Profile::Get(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? std::string() : found->second;
}

std::string Profile::ServiceEndpoint(std::string_view service) const {
  const auto found = services_.find(StrCat(service, ".endpoint_url"));
  return found == services_.end() ? std::string() : found->second;
}

}  // namespace faultd
