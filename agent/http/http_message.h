#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "http/url.h"

namespace faultd {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// Host, Content-Length and Connection are added when it is sent.
struct HttpRequest {
  std::string method = "GET";
  Url url;
  HttpHeaders headers;
  std::string body;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;

  // The first header of that name, in any case; empty when there is none.
  std::string_view Header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (absl::EqualsIgnoreCase(key, ToAbsl(name))) return value;
    }
    return {};
  }
};

}  // namespace faultd
