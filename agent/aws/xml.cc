#include "aws/xml.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace faultd {
namespace {

constexpr size_t kMaxDepth = 32;

Status Malformed(std::string_view why) { return absl::InvalidArgumentError(StrCat("XML: ", why)); }

void AppendUtf8(std::string* out, uint32_t code) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr uint32_t kLead[] = {0, 0xC0, 0xE0, 0xF0};
  out->push_back(static_cast<char>(kLead[more] | code >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) {
    out->push_back(static_cast<char>(0x80 | (code >> (6 * i) & 0x3F)));
  }
}

Status AppendText(std::string* out, std::string_view raw) {
  constexpr std::pair<std::string_view, char> kNamed[] = {
      {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
  while (!raw.empty()) {
    const size_t ampersand = raw.find('&');
    out->append(raw.substr(0, ampersand));
    if (ampersand == std::string_view::npos) break;
    const size_t end = raw.find(';', ampersand);
    if (end == std::string_view::npos) return Malformed("an entity without ;");
    const std::string_view entity = raw.substr(ampersand + 1, end - ampersand - 1);
    raw.remove_prefix(end + 1);
    uint32_t code = 0;
    for (const auto& [name, character] : kNamed) {
      if (entity == name) code = static_cast<unsigned char>(character);
    }
    if (entity.starts_with("#x")) {
      if (!absl::SimpleHexAtoi(ToAbsl(entity.substr(2)), &code)) code = 0;
    } else if (entity.starts_with("#")) {
      if (!absl::SimpleAtoi(ToAbsl(entity.substr(1)), &code)) code = 0;
    }
    const bool surrogate = code >= 0xD800 && code < 0xE000;
    if (code == 0 || surrogate || code > 0x10FFFF)
      return Malformed(StrCat("unknown entity ", entity));
    AppendUtf8(out, code);
  }
  return absl::OkStatus();
}

// Walks through the tags. Attributes are skipped as a whole: a ">" in one of their values, which
// AWS does not write, ends the tag.
class Parser {
 public:
  explicit Parser(std::string_view document) : rest_(document) { open_.push_back({}); }

  StatusOr<XmlElement> Run() {
    while (!rest_.empty()) RETURN_IF_ERROR(Step());
    if (open_.size() != 1) return Malformed(StrCat("<", open_.back().name, "> does not end"));
    if (open_[0].children.size() != 1) return Malformed("there must be one root element");
    return std::move(open_[0].children[0]);
  }

 private:
  Status Step() {
    const size_t tag = rest_.find('<');
    RETURN_IF_ERROR(AppendText(&open_.back().text, rest_.substr(0, tag)));
    rest_.remove_prefix(std::min(tag, rest_.size()));
    if (rest_.empty()) return absl::OkStatus();
    std::string_view content;
    if (rest_.starts_with("<!--")) return Take("<!--", "-->", &content);
    if (rest_.starts_with("<?")) return Take("<?", "?>", &content);
    if (rest_.starts_with("<![CDATA[")) {
      RETURN_IF_ERROR(Take("<![CDATA[", "]]>", &content));
      open_.back().text.append(content);
      return absl::OkStatus();
    }
    if (rest_.starts_with("<!")) return Malformed("a document type is not accepted");
    const bool closing = rest_.starts_with("</");
    RETURN_IF_ERROR(Take(closing ? "</" : "<", ">", &content));
    return closing ? Close(content) : Open(content);
  }

  Status Take(std::string_view begin, std::string_view end, std::string_view* content) {
    const size_t found = rest_.find(end, begin.size());
    if (found == std::string_view::npos) return Malformed(StrCat(end, " is missing"));
    *content = rest_.substr(begin.size(), found - begin.size());
    rest_.remove_prefix(found + end.size());
    return absl::OkStatus();
  }

  Status Open(std::string_view tag) {
    const bool empty = tag.ends_with('/');
    if (empty) tag.remove_suffix(1);
    const std::string_view name = tag.substr(0, tag.find_first_of(" \t\r\n"));
    if (name.empty()) return Malformed("a tag without a name");
    if (open_.size() > kMaxDepth) return Malformed("it nests too deep");
    open_.push_back({std::string(name), {}, {}});
    return empty ? Close(name) : absl::OkStatus();
  }

  Status Close(std::string_view tag) {
    const std::string_view name = tag.substr(0, tag.find_first_of(" \t\r\n"));
    if (open_.size() == 1 || open_.back().name != name) {
      return Malformed(StrCat("</", name, "> has no beginning"));
    }
    XmlElement element = std::move(open_.back());
    open_.pop_back();
    if (!element.children.empty()) element.text.clear();
    open_.back().children.push_back(std::move(element));
    return absl::OkStatus();
  }

  std::string_view rest_;
  std::vector<XmlElement> open_;  // from a nameless one above the root
};

}  // namespace

const XmlElement* XmlElement::Find(std::string_view path) const {
  const XmlElement* element = this;
  while (element != nullptr && !path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view step = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    const XmlElement* found = nullptr;
    for (const XmlElement& child : element->children) {
      if (found == nullptr && child.name == step) found = &child;
    }
    element = found;
  }
  return element;
}

std::string XmlElement::Text(std::string_view path) const {
  const XmlElement* element = Find(path);
  return element == nullptr ? std::string() : element->text;
}

StatusOr<XmlElement> ParseXml(std::string_view document) { return Parser(document).Run(); }

}  // namespace faultd
