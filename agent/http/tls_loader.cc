#include "http/tls_loader.h"

#include <utility>

#include "http/host_files.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace faultd {

namespace asio = boost::asio;

TlsLoader::TlsLoader(asio::io_context& context, TlsOptions options)
    : context_(context),
      options_(std::move(options)),
      loaded_(context, asio::steady_timer::time_point::max()) {}

void TlsLoader::Load() {
  auto made = std::make_shared<StatusOr<std::shared_ptr<asio::ssl::context>>>();
  asio::use_service<HostFiles>(context_).Do(
      [made, options = options_] { *made = MakeTlsContext(options); },
      [weak = weak_from_this(), made](const Status& status) {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->loading_ = false;
        self->error_ = status.ok() ? made->status() : status;
        if (self->error_.ok()) self->made_ = **made;
        self->loaded_.cancel();
      });
}

asio::awaitable<StatusOr<std::shared_ptr<asio::ssl::context>>> TlsLoader::Get() {
  if (made_ != nullptr) co_return made_;
  if (!std::exchange(loading_, true)) Load();
  co_await loaded_.async_wait(asio::as_tuple(asio::use_awaitable));
  if (made_ != nullptr) co_return made_;
  co_return error_.ok() ? absl::CancelledError("the request was given up") : error_;
}

}  // namespace faultd
