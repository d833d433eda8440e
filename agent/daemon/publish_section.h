#pragma once

#include <functional>
#include <map>
#include <string_view>

#include "base/status.h"
#include "daemon/config_values.h"
#include "daemon/publish_config.h"

namespace faultd {

// Reads one value, or says what was expected of it.
using PublishReader = std::function<Status(const toml::node& value, PublishConfig& config)>;

// The keys of [cloudwatch], [emf] and [prometheus].
const std::map<std::string_view, std::map<std::string_view, PublishReader>>& PublishSections();

// To be called when all keys of a section have been read, which may be none of these: that the
// section is there is what turns it on. INVALID_ARGUMENT names a key that is missing.
Status FinishPublishSection(std::string_view section, PublishConfig& config);

}  // namespace faultd
