#include "base/journal_sink.h"

#include <spdlog/sinks/base_sink.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/stderr_sink.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace faultd {
namespace {

// As https://systemd.io/JOURNAL_NATIVE_PROTOCOL has it: a value of several lines goes with its
// size.
void AddField(std::string& datagram, std::string_view name, std::string_view value) {
  datagram += name;
  if (value.find('\n') == std::string_view::npos) {
    datagram += '=';
  } else {
    datagram += '\n';
    for (int shift = 0; shift < 64; shift += 8) {
      datagram += static_cast<char>(static_cast<uint64_t>(value.size()) >> shift);
    }
  }
  datagram += value;
  datagram += '\n';
}

class JournalSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  JournalSink(std::string identifier, const std::string& path)
      : identifier_(std::move(identifier)), socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    address_.sun_family = AF_UNIX;
    path.copy(address_.sun_path, sizeof(address_.sun_path) - 1);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    const std::string priority = StrCat(SyslogPriority(message.level));
    std::string datagram;
    AddField(datagram, "MESSAGE", text);
    AddField(datagram, "PRIORITY", priority);
    AddField(datagram, "SYSLOG_IDENTIFIER", identifier_);
    if (const LogSubject* subject = LogAbout::Current(); subject != nullptr) {
      const std::pair<std::string_view, const std::string&> about[] = {
          {"FAULT_ID", subject->fault_id}, {"KIND", subject->kind},     {"STATE", subject->state},
          {"ACTOR", subject->actor},       {"METHOD", subject->method}, {"AUDIT", subject->audit}};
      for (const auto& [name, value] : about) {
        if (!value.empty()) AddField(datagram, name, value);
      }
    }
    if (Send(datagram) || errno == EAGAIN) return;
    WriteToStderr(StrCat("<", priority, ">", text, "\n"));
  }
  void flush_() override {}

 private:
  bool Send(const std::string& datagram) const {
    return sendto(socket_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                  reinterpret_cast<const sockaddr*>(&address_), sizeof(address_)) >= 0;
  }

  const std::string identifier_;
  const UniqueFd socket_;
  sockaddr_un address_ = {};
};

}  // namespace

spdlog::sink_ptr MakeJournalSink(const std::string& identifier, const std::string& socket) {
  return std::make_shared<JournalSink>(identifier, socket);
}

}  // namespace faultd
