#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace faultd {

// An element of the XML that AWS's query services answer with. Attributes are not kept, and text
// only where an element has no child.
struct XmlElement {
  std::string name;
  std::string text;
  std::vector<XmlElement> children;

  // The first element at a path of names below this one, e.g. Find("Error/Code"); null when there
  // is none.
  const XmlElement* Find(std::string_view path) const;
  // Its text; empty when there is none.
  std::string Text(std::string_view path) const;
};

// The root element. INVALID_ARGUMENT for what is not well-formed or nests deeper than 32 levels.
StatusOr<XmlElement> ParseXml(std::string_view document);

}  // namespace faultd
