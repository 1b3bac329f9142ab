// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/reliability/tcp_proxy.h"

#include <asio.hpp>
#include <future>
#include <string>

#include "gtest/gtest.h"

namespace veilsum::reliability {
namespace {

using asio::ip::tcp;

// A server whose side of one connection the test plays, and a client that comes through the proxy.
class TcpProxyTest : public testing::Test {
 protected:
  void Connect() {
    client_.connect({asio::ip::address_v4::loopback(), proxy_.port()});
    server_ = acceptor_.accept();
  }
  void Send(tcp::socket& from, const std::string& text) { asio::write(from, asio::buffer(text)); }
  std::string Receive(tcp::socket& to, size_t size) {
    std::string text(size, '\0');
    asio::read(to, asio::buffer(text));
    return text;
  }
  // How the stream ends.
  asio::error_code End(tcp::socket& socket) {
    char byte;
    asio::error_code error;
    asio::read(socket, asio::buffer(&byte, 1), error);
    return error;
  }

  asio::io_context context_;
  tcp::acceptor acceptor_{context_, {asio::ip::address_v4::loopback(), 0}};
  TcpProxy proxy_{acceptor_.local_endpoint().port()};
  tcp::socket client_{context_};
  tcp::socket server_{context_};
};

TEST_F(TcpProxyTest, PassesBothWays) {
  Connect();
  Send(client_, "ping");
  EXPECT_EQ(Receive(server_, 4), "ping");
  Send(server_, std::string(100'000, 'x'));
  EXPECT_EQ(Receive(client_, 100'000), std::string(100'000, 'x'));
  EXPECT_EQ(proxy_.connections(), 1);
  EXPECT_GE(proxy_.bytes(), 100'004u);
  server_.close();
  EXPECT_EQ(End(client_), asio::error::eof);
}

TEST_F(TcpProxyTest, CutsAndResets) {
  Connect();
  proxy_.Cut();
  EXPECT_EQ(End(client_), asio::error::eof);
  EXPECT_EQ(End(server_), asio::error::eof);
  EXPECT_EQ(proxy_.connections(), 0);
  client_ = tcp::socket(context_);
  Connect();
  Send(client_, "ping");
  EXPECT_EQ(Receive(server_, 4), "ping");
  EXPECT_EQ(proxy_.accepted(), 2u);
  proxy_.Reset();
  EXPECT_EQ(End(client_), asio::error::connection_reset);
  EXPECT_EQ(End(server_), asio::error::connection_reset);
}

TEST_F(TcpProxyTest, SaysNothingInABlackholeAndEverythingAfter) {
  Connect();
  proxy_.Blackhole(true);
  Send(client_, "hello");
  auto received = std::async(std::launch::async, [this] { return Receive(server_, 5); });
  EXPECT_EQ(proxy_.bytes(), 0u);
  EXPECT_EQ(proxy_.connections(), 1);
  proxy_.Blackhole(false);
  EXPECT_EQ(received.get(), "hello");
}

TEST_F(TcpProxyTest, EndThatNobodyHeardOfIsAResetAfterTheBlackhole) {
  Connect();
  Send(client_, "x");
  EXPECT_EQ(Receive(server_, 1), "x");
  proxy_.Blackhole(true);
  server_.close();
  auto end = std::async(std::launch::async, [this] { return End(client_); });
  EXPECT_EQ(proxy_.connections(), 1);
  proxy_.Blackhole(false);
  const asio::error_code error = end.get();
  EXPECT_TRUE(error == asio::error::connection_reset || error == asio::error::eof) << error;
}

TEST_F(TcpProxyTest, FatesOfNewConnections) {
  proxy_.SetFates([] { return TcpProxy::Fate{.byte_at_a_time = true, .reset_after_bytes = 3}; });
  Connect();
  Send(client_, "abcdef");
  EXPECT_EQ(Receive(server_, 3), "abc");
  EXPECT_EQ(End(server_), asio::error::connection_reset);
  proxy_.SetFates([] { return TcpProxy::Fate{.delay = std::chrono::milliseconds(5)}; });
  client_ = tcp::socket(context_);
  Connect();
  Send(client_, "late");
  EXPECT_EQ(Receive(server_, 4), "late");
}

TEST_F(TcpProxyTest, NobodyThereEndsTheConnection) {
  acceptor_.close();
  client_.connect({asio::ip::address_v4::loopback(), proxy_.port()});
  EXPECT_EQ(End(client_), asio::error::eof);
}

}  // namespace
}  // namespace veilsum::reliability
