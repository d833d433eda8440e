#include "probe/host_names.h"

#include <netinet/in.h>
#include <sys/stat.h>

#include <cstring>
#include <utility>

#include "base/strings.h"

namespace faultd {
namespace {

using boost::asio::ip::tcp;

// Differs whenever the file was replaced or written to, and is never empty.
std::string VersionOf(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return "none";
  return StrCat(found.st_ino, " ", found.st_mtim.tv_sec, ".", found.st_mtim.tv_nsec, " ",
                found.st_size);
}

void OnSocket(void* channel, int fd, int to_read, int to_write) {
  const AresChannel& self = *static_cast<AresChannel*>(channel);
  if (self.on_socket) self.on_socket(fd, to_read != 0, to_write != 0);
}

}  // namespace

AresChannel::~AresChannel() {
  if (channel != nullptr) ares_destroy(channel);
}

DnsResult TakeResult(int status, ares_addrinfo* found, uint16_t port) {
  DnsResult result{.status = status, .endpoints = {}};
  for (const auto* node = found == nullptr ? nullptr : found->nodes; node != nullptr;
       node = node->ai_next) {
    tcp::endpoint endpoint;
    if (node->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), node->ai_addr, node->ai_addrlen);
    endpoint.resize(node->ai_addrlen);
    endpoint.port(port);
    result.endpoints.push_back(endpoint);
  }
  ares_freeaddrinfo(found);
  return result;
}

// `lookups`: null for what the host's files say.
StatusOr<std::unique_ptr<AresChannel>> HostNames::Open(const char* lookups) const {
  // c-ares waits for 5 s before it asks again. One lost packet must not make a dependency look down
  // within the timeout of its probe.
  constexpr int kFirstTimeoutMs = 1000;
  constexpr int kTries = 3;
  auto made = std::make_unique<AresChannel>();
  std::string resolv_conf = options_.resolv_conf;
  std::string where = lookups == nullptr ? "" : lookups;
  ares_options settings{};
  settings.timeout = kFirstTimeoutMs;
  settings.tries = kTries;
  settings.sock_state_cb = OnSocket;
  settings.sock_state_cb_data = made.get();
  settings.resolvconf_path = resolv_conf.data();
  settings.lookups = where.data();
  const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                   ARES_OPT_RESOLVCONF | (lookups == nullptr ? 0 : ARES_OPT_LOOKUPS);
  int status = ares_init_options(&made->channel, &settings, mask);
  if (status == ARES_SUCCESS && !options_.servers.empty()) {
    status = ares_set_servers_ports_csv(made->channel, options_.servers.c_str());
  }
  if (status == ARES_SUCCESS) return made;
  return absl::UnavailableError(StrCat("set up the DNS client: ", ares_strerror(status)));
}

Status HostNames::Refresh() {
  std::string version = VersionOf(options_.resolv_conf);
  if (version == version_) return absl::OkStatus();
  std::string order = "b";
  std::unique_ptr<AresChannel> files;
  if (options_.hosts_file) {
    ASSIGN_OR_RETURN(const auto host, Open(nullptr));
    ares_options settings{};
    int mask = 0;
    if (ares_save_options(host->channel, &settings, &mask) != ARES_SUCCESS)
      return absl::ResourceExhaustedError("set up the DNS client: out of memory");
    order = settings.lookups;
    ares_destroy_options(&settings);
    ASSIGN_OR_RETURN(files, Open("f"));
  }
  files_ = std::move(files);
  order_ = std::move(order);
  version_ = std::move(version);
  return absl::OkStatus();
}

StatusOr<HostNames::Answer> HostNames::LookUp(const std::string& host, uint16_t port,
                                              const std::string& version) {
  RETURN_IF_ERROR(Refresh());
  Answer answer{.order = order_, .in_files = {}, .servers = nullptr, .version = version_};
  if (version != version_) {
    ASSIGN_OR_RETURN(answer.servers, Open("b"));
  }
  if (files_ == nullptr || order_.find('f') == std::string::npos) return answer;
  struct Question {
    uint16_t port;
    DnsResult& result;
  } asks{port, answer.in_files};
  ares_addrinfo_hints hints{};
  hints.ai_socktype = SOCK_STREAM;
  // Answered before it returns: it asks nobody else.
  ares_getaddrinfo(
      files_->channel, host.c_str(), nullptr, &hints,
      [](void* asked, int status, int, ares_addrinfo* found) {
        const Question& question = *static_cast<Question*>(asked);
        DnsResult taken = TakeResult(status, found, question.port);
        if (!taken.endpoints.empty()) question.result = std::move(taken);
      },
      &asks);
  return answer;
}

}  // namespace faultd
