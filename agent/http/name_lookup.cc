#include "http/name_lookup.h"

#include <netdb.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "base/strings.h"
#include <boost/asio/ip/tcp.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;

Status ErrorOf(int error, const std::string& name) {
  const int number = errno;
  if (error == EAI_SYSTEM)
    return absl::UnavailableError(StrCat("look up ", name, ": ", strerror(number)));
  const std::string message = gai_strerror(error);
  const bool unknown = error == EAI_NONAME || error == EAI_NODATA;
  return unknown ? absl::NotFoundError(message) : absl::UnavailableError(message);
}

}  // namespace

asio::execution_context::id NameLookup::id;

StatusOr<NameLookup::Addresses> NameLookup::LookUp(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(name.c_str(), nullptr, &hints, &found); error != 0)
    return ErrorOf(error, name);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, freeaddrinfo);
  NameLookup::Addresses addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (each->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), each->ai_addr, each->ai_addrlen);
    addresses.push_back(endpoint.address());
  }
  return addresses;
}

void NameLookup::Find(const std::string& name, Callback done) {
  Ask([name] { return LookUp(name); }, std::move(done));
}

}  // namespace faultd
