#include "publish/emf_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/strings.h"
#include "support/fake_clock.h"
#include "unit/http/await.h"
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read_until.hpp>
#include <nlohmann/json.hpp>

namespace faultd {
namespace {

using boost::asio::ip::tcp;
using boost::asio::ip::udp;
using testing::ElementsAre;

const auto kLoopback = boost::asio::ip::address_v4::loopback();

class EmfSinkTest : public testing::Test {
 protected:
  EmfSink MakeSink(bool tcp, uint16_t port, size_t max_waiting = 100) {
    return EmfSink(
        context_, clock_,
        {.name_space = "Bookstore", .port = port, .tcp = tcp, .max_waiting = max_waiting});
  }
  void Add(EmfSink& sink, const std::string& name, double value = 1) {
    MetricSample sample;
    sample.series.name = name;
    sample.series.dimensions = {{"Host", "wéb"}};
    sample.value = value;
    sample.time = clock_.Now() - std::chrono::seconds(30);
    sink.Add(sample);
  }
  // Names of the next `count` metrics on a connection.
  std::vector<std::string> Read(tcp::socket& connection, size_t count) {
    std::vector<std::string> names;
    std::string buffer;
    std::function<void()> next = [&] {
      boost::asio::async_read_until(
          connection, boost::asio::dynamic_buffer(buffer), '\n',
          [&](const boost::system::error_code& error, size_t length) {
            if (error) return names.push_back(error.message());
            const auto event = nlohmann::json::parse(buffer.substr(0, length));
            buffer.erase(0, length);
            names.push_back(event["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"]);
            if (names.size() < count) next();
          });
    };
    next();
    RunUntil(context_, [&] { return names.size() >= count; });
    return names;
  }
  tcp::socket Accept(tcp::acceptor& agent) {
    tcp::socket connection(context_);
    bool accepted = false;
    agent.async_accept(connection, [&](const boost::system::error_code&) { accepted = true; });
    RunUntil(context_, [&] { return accepted; });
    return connection;
  }
  uint16_t FreePort() {
    return tcp::acceptor(context_, tcp::endpoint(kLoopback, 0)).local_endpoint().port();
  }

  FakeClock clock_;
  boost::asio::io_context context_;
};

TEST_F(EmfSinkTest, DatagramHasNamespaceTimeAndNothingCloudWatchRefuses) {
  udp::socket agent(context_, udp::endpoint(kLoopback, 0));
  EmfSink sink = MakeSink(false, agent.local_endpoint().port());
  Add(sink, "db-connectivity");
  std::string datagram(2000, '\0');
  datagram.resize(agent.receive(boost::asio::buffer(datagram)));
  const auto event = nlohmann::json::parse(datagram);
  EXPECT_EQ(event["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Bookstore");
  const auto time = std::chrono::milliseconds(event["_aws"]["Timestamp"].get<int64_t>());
  EXPECT_EQ(time, clock_.WallNow() - std::chrono::seconds(30));
  EXPECT_EQ(event["Host"], "w_b");
  EXPECT_EQ(event["db-connectivity"], 1);
  EXPECT_EQ(sink.sent(), 1u);
}

TEST_F(EmfSinkTest, DatagramsThatNobodyTookAreCountedAsDropped) {
  udp::socket agent(context_, udp::endpoint(kLoopback, 0));
  EmfSink sink = MakeSink(false, agent.local_endpoint().port());
  agent.close();
  Add(sink, "a");
  Add(sink, "b");
  Add(sink, "c");
  EXPECT_EQ(sink.dropped(), 2u);
  EXPECT_EQ(sink.sent(), 1u);
}

TEST_F(EmfSinkTest, NoNumberIsDropped) {
  EmfSink sink = MakeSink(false, FreePort());
  Add(sink, "a", std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(sink.dropped(), 1u);
}

TEST_F(EmfSinkTest, TcpSendsLinesInOrder) {
  tcp::acceptor agent(context_, tcp::endpoint(kLoopback, 0));
  EmfSink sink = MakeSink(true, agent.local_endpoint().port());
  Add(sink, "a");
  Add(sink, "b");
  tcp::socket connection = Accept(agent);
  EXPECT_THAT(Read(connection, 2), ElementsAre("a", "b"));
  Add(sink, "c");
  EXPECT_THAT(Read(connection, 1), ElementsAre("c"));
}

TEST_F(EmfSinkTest, TcpConnectsAgainWhenTheAgentWasRestarted) {
  tcp::acceptor agent(context_, tcp::endpoint(kLoopback, 0));
  EmfSink sink = MakeSink(true, agent.local_endpoint().port());
  Add(sink, "a");
  {
    tcp::socket connection = Accept(agent);
    EXPECT_THAT(Read(connection, 1), ElementsAre("a"));
  }
  Add(sink, "b");
  tcp::socket connection = Accept(agent);
  EXPECT_THAT(Read(connection, 1), ElementsAre("b"));
}

TEST_F(EmfSinkTest, TcpKeepsTheNewestUntilTheAgentIsThere) {
  const uint16_t port = FreePort();
  EmfSink sink = MakeSink(true, port, 2);
  for (const char* name : {"a", "b", "c"}) Add(sink, name);
  EXPECT_EQ(sink.dropped(), 1u);
  context_.run_for(std::chrono::milliseconds(1));
  tcp::acceptor agent(context_, tcp::endpoint(kLoopback, port));
  tcp::socket connection = Accept(agent);
  EXPECT_THAT(Read(connection, 2), ElementsAre("b", "c"));
}

}  // namespace
}  // namespace faultd
