// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/reliability/tcp_proxy.h"

#include <array>
#include <asio.hpp>
#include <future>
#include <set>
#include <thread>
#include <utility>

namespace veilsum::reliability {
namespace {

using asio::ip::tcp;

tcp::endpoint Loopback(uint16_t port) { return {asio::ip::address_v4::loopback(), port}; }

}  // namespace

struct TcpProxy::State {
  explicit State(uint16_t port) : upstream_port(port), acceptor(context, Loopback(0)) {}

  void Accept();
  // On the proxy's thread, and back with its result.
  template <class Task>
  auto Run(Task task) {
    std::packaged_task<decltype(task())()> wrapped(std::move(task));
    auto done = wrapped.get_future();
    asio::post(context, [&wrapped] { wrapped(); });
    return done.get();
  }

  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  const uint16_t upstream_port;
  tcp::acceptor acceptor;
  std::function<Fate()> next_fate;
  bool blackhole = false;
  uint64_t bytes = 0;
  uint64_t accepted = 0;
  std::set<std::shared_ptr<Connection>> connections;
  std::thread thread;
};

class TcpProxy::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(State* proxy, tcp::socket client)
      : proxy_(proxy),
        fate_(proxy->next_fate == nullptr ? Fate{} : proxy->next_fate()),
        client_(std::move(client)),
        server_(proxy->context) {}

  void Start() {
    server_.async_connect(Loopback(proxy_->upstream_port),
                          [self = shared_from_this()](const asio::error_code& error) {
                            if (error) return self->PeerEnded();
                            self->Prepare(self->client_);
                            self->Prepare(self->server_);
                            self->Read(self->up_);
                            self->Read(self->down_);
                          });
  }

  void Close(bool reset) {
    if (!proxy_->connections.erase(shared_from_this())) return;
    for (tcp::socket* socket : {&client_, &server_}) {
      asio::error_code ignored;
      if (reset) socket->set_option(asio::socket_base::linger(true, 0), ignored);
      socket->close(ignored);
    }
    up_.timer.cancel();
    down_.timer.cancel();
  }

  // The blackhole is gone.
  void GoOn() {
    if (peer_ended_) return Close(true);
    for (Direction* direction : {&up_, &down_}) {
      if (std::exchange(direction->parked, false)) Pass(*direction);
    }
  }

 private:
  struct Direction {
    tcp::socket& from;
    tcp::socket& to;
    asio::steady_timer timer;
    std::array<char, 16 << 10> buffer{};
    size_t begin = 0;
    size_t end = 0;
    bool parked = false;
  };

  void Prepare(tcp::socket& socket) {
    asio::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
  }

  void PeerEnded() {
    peer_ended_ = true;
    if (!proxy_->blackhole) Close(false);
  }

  void Read(Direction& direction) {
    direction.from.async_read_some(
        asio::buffer(direction.buffer),
        [self = shared_from_this(), &direction](const asio::error_code& error, size_t size) {
          if (error) return self->PeerEnded();
          direction.begin = 0;
          direction.end = size;
          self->Hold(direction);
        });
  }

  void Hold(Direction& direction) {
    if (fate_.delay.count() == 0) return Pass(direction);
    direction.timer.expires_after(fate_.delay);
    direction.timer.async_wait(
        [self = shared_from_this(), &direction](const asio::error_code& error) {
          if (!error) self->Pass(direction);
        });
  }

  void Pass(Direction& direction) {
    if (proxy_->blackhole) {
      direction.parked = true;
      return;
    }
    const size_t size = fate_.byte_at_a_time ? 1 : direction.end - direction.begin;
    asio::async_write(
        direction.to, asio::buffer(direction.buffer.data() + direction.begin, size),
        [self = shared_from_this(), &direction](const asio::error_code& error, size_t written) {
          if (error) return self->PeerEnded();
          self->Passed(direction, written);
        });
  }

  void Passed(Direction& direction, size_t size) {
    passed_ += size;
    proxy_->bytes += size;
    if (passed_ >= fate_.reset_after_bytes.value_or(UINT64_MAX)) return Close(true);
    direction.begin += size;
    direction.begin == direction.end ? Read(direction) : Pass(direction);
  }

  State* const proxy_;
  const Fate fate_;
  tcp::socket client_;
  tcp::socket server_;
  Direction up_{client_, server_, asio::steady_timer(proxy_->context)};
  Direction down_{server_, client_, asio::steady_timer(proxy_->context)};
  uint64_t passed_ = 0;
  bool peer_ended_ = false;
};

void TcpProxy::State::Accept() {
  acceptor.async_accept([this](const asio::error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) {
      const auto connection = std::make_shared<Connection>(this, std::move(socket));
      connections.insert(connection);
      ++accepted;
      connection->Start();
    }
    Accept();
  });
}

TcpProxy::TcpProxy(uint16_t upstream_port) : state_(std::make_unique<State>(upstream_port)) {
  state_->Accept();
  state_->thread = std::thread([state = state_.get()] { state->context.run(); });
}

TcpProxy::~TcpProxy() {
  state_->Run([this] {
    state_->acceptor.close();
    for (const auto& connection : std::set(state_->connections)) connection->Close(true);
    state_->work.reset();
  });
  state_->thread.join();
}

uint16_t TcpProxy::port() const { return state_->acceptor.local_endpoint().port(); }

void TcpProxy::SetFates(std::function<Fate()> next) {
  state_->Run([&] { state_->next_fate = std::move(next); });
}

void TcpProxy::Cut() {
  state_->Run([this] {
    for (const auto& connection : std::set(state_->connections)) connection->Close(false);
  });
}

void TcpProxy::Reset() {
  state_->Run([this] {
    for (const auto& connection : std::set(state_->connections)) connection->Close(true);
  });
}

void TcpProxy::Blackhole(bool on) {
  state_->Run([&] {
    state_->blackhole = on;
    if (on) return;
    for (const auto& connection : std::set(state_->connections)) connection->GoOn();
  });
}

int TcpProxy::connections() {
  return state_->Run([this] { return static_cast<int>(state_->connections.size()); });
}

uint64_t TcpProxy::accepted() {
  return state_->Run([this] { return state_->accepted; });
}

uint64_t TcpProxy::bytes() {
  return state_->Run([this] { return state_->bytes; });
}

}  // namespace veilsum::reliability
