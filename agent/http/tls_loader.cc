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
  using Made = StatusOr<std::shared_ptr<asio::ssl::context>>;
  asio::use_service<HostFiles>(context_).Ask(
      [options = options_]() -> Made { return MakeTlsContext(options); },
      [weak = weak_from_this()](Made made) {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->loading_ = false;
        self->error_ = made.status();
        if (made.ok()) self->made_ = *std::move(made);
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
