#include "http/tls_loader.h"

#include <future>
#include <utility>

#include "base/threads.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace faultd {

namespace asio = boost::asio;

namespace {

// On a thread that has no descriptor of ours while it waits for the disk: where the caller's are
// needed for the answer, there is the caller.
StatusOr<std::shared_ptr<asio::ssl::context>> LoadApart(const TlsOptions& options) {
  std::promise<StatusOr<std::shared_ptr<asio::ssl::context>>> made;
  auto answer = made.get_future();
  RETURN_IF_ERROR(StartDetachedThread([options, made = std::move(made)]() mutable {
    KeepStandardDescriptors().IgnoreError();
    made.set_value(MakeTlsContext(options));
  }));
  return answer.get();
}

}  // namespace

TlsLoader::TlsLoader(asio::io_context& context, TlsOptions options)
    : options_(std::move(options)), loaded_(context, asio::steady_timer::time_point::max()) {}

TlsLoader::~TlsLoader() {
  if (thread_.joinable()) thread_.join();
}

asio::awaitable<StatusOr<std::shared_ptr<asio::ssl::context>>> TlsLoader::Get() {
  if (made_ != nullptr) co_return made_;
  if (!std::exchange(loading_, true)) {
    if (thread_.joinable()) thread_.join();
    StatusOr<std::thread> thread = StartThread(
        [weak = weak_from_this(), options = options_, executor = loaded_.get_executor()] {
          asio::post(executor, [weak, made = LoadApart(options)] {
            const auto self = weak.lock();
            if (self == nullptr) return;
            self->loading_ = false;
            self->error_ = made.status();
            if (made.ok()) self->made_ = *made;
            self->loaded_.cancel();
          });
        });
    if (!thread.ok()) {
      loading_ = false;
      co_return thread.status();
    }
    thread_ = *std::move(thread);
  }
  co_await loaded_.async_wait(asio::as_tuple(asio::use_awaitable));
  if (made_ != nullptr) co_return made_;
  co_return error_.ok() ? absl::CancelledError("the request was given up") : error_;
}

}  // namespace faultd
