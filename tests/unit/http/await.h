#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace faultd {

constexpr std::chrono::seconds kLongEnough{30};

// Runs the loop until something has come about; throws when it does not.
inline void RunUntil(boost::asio::io_context& context, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kLongEnough;
  context.restart();
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("it did not come");
    if (context.run_one_for(kLongEnough) == 0 && !condition()) {
      throw std::runtime_error("the loop has nothing left to do");
    }
  }
}

// Runs the loop until a coroutine has returned.
template <typename T>
T Await(boost::asio::io_context& context, boost::asio::awaitable<T> work) {
  auto result = std::make_shared<std::optional<T>>();
  boost::asio::co_spawn(context, std::move(work), [result](std::exception_ptr failed, T value) {
    if (failed) std::rethrow_exception(failed);
    *result = std::move(value);
  });
  RunUntil(context, [&] { return result->has_value(); });
  return **std::move(result);
}

}  // namespace faultd
