// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/acceptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/ip/tcp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <future>
#include <limits>
#include <optional>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

// In one turn, so that other handlers of the executor get theirs in a flood.
constexpr int kMostInATurn = 64;
// A flood fills no disk with log lines.
constexpr std::chrono::seconds kBetweenLines{60};

std::string Name(int error) { return std::generic_category().message(error); }

absl::Status CannotListen(const std::string& address, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": ", why));
}

absl::Status CannotListen(const std::string& address, int error) {
  const char* advice = "";
  if (error == EADDRINUSE) advice = "; another process has it: end that, or take another port";
  if (error == EADDRNOTAVAIL) advice = "; it is none of this machine's addresses";
  if (error == EACCES) advice = "; ports below 1024 take CAP_NET_BIND_SERVICE";
  return CannotListen(address, absl::StrCat(Name(error), advice));
}

struct HostAndPort {
  std::string host;
  std::string port;
};

absl::StatusOr<HostAndPort> Split(const std::string& address) {
  const auto no_address = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("cannot listen on \"", address, "\": ", why));
  };
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return no_address("it must be host:port");
  absl::string_view host = absl::string_view(address).substr(0, colon);
  const bool brackets = absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  if (host.empty()) return no_address("it must be host:port; 0.0.0.0 is every address");
  if (!brackets && host.find(':') != absl::string_view::npos) {
    return no_address("it must be host:port, an IPv6 address in brackets, as in [::1]:7443");
  }
  const std::string port = address.substr(colon + 1);
  uint32_t number = 0;
  if (!absl::SimpleAtoi(port, &number) || number > std::numeric_limits<uint16_t>::max()) {
    return no_address("its port must be a number from 0 to 65535");
  }
  return HostAndPort{std::string(host), port};
}

absl::StatusOr<std::vector<tcp::endpoint>> Resolve(const AcceptorOptions& options,
                                                   Executor executor) {
  const absl::StatusOr<HostAndPort> parts = Split(options.address);
  if (!parts.ok()) return parts.status();
  asio::error_code error;
  // By default, it would leave out the loopback addresses of a machine that has no others.
  const auto found =
      tcp::resolver(executor).resolve(parts->host, parts->port, tcp::resolver::passive, error);
  if (error) {
    return CannotListen(options.address,
                        absl::StrCat(parts->host, " cannot be resolved: ", error.message()));
  }
  const std::set<tcp::endpoint> once(found.begin(), found.end());
  return std::vector<tcp::endpoint>(once.begin(), once.end());
}

// Of the soft limit, which may change while we run.
uint64_t OpenFilesLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<uint64_t>::max();
  return limit.rlim_cur;
}

// Of one connection, which is gone; the next one is not concerned.
bool LostConnection(int error) {
  return error == ECONNABORTED || error == EPROTO || error == EINTR;
}

}  // namespace

// On its strand, once started.
struct Acceptor::State : public std::enable_shared_from_this<Acceptor::State> {
  // One of them for each address; by itself, it can fail, and wait, without the others.
  struct Socket {
    explicit Socket(const Strand& strand) : descriptor(strand), timer(strand) {}
    asio::posix::basic_stream_descriptor<Strand> descriptor;
    asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Strand> timer;
  };

  State(AcceptorOptions options, Executor executor, metrics::Recorder& recorder)
      : options(std::move(options)), recorder(recorder), strand(asio::make_strand(executor)) {}

  // 0, or the errno of what failed.
  int Open(tcp::endpoint endpoint);
  absl::Status OpenAll(const std::vector<tcp::endpoint>& endpoints);
  absl::Status OpenWildcard(uint16_t wanted);

  void Wait(size_t index);
  void TakeIn(size_t index);
  void Pause(size_t index);
  void CountAndSay(const std::string& what);

  const AcceptorOptions options;
  metrics::Recorder& recorder;
  Strand strand;
  std::vector<std::unique_ptr<Socket>> sockets;
  uint16_t port = 0;  // Of all sockets.
  Handler handler;    // Null from the end on.
  uint64_t unsaid = 0;
  std::optional<Clock::time_point> said;
};

int Acceptor::State::Open(tcp::endpoint endpoint) {
  if (endpoint.port() == 0) endpoint.port(port);
  const int fd =
      ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  auto socket = std::make_unique<Socket>(strand);
  asio::error_code error;
  socket->descriptor.assign(fd, error);
  if (error) {
    ::close(fd);
    return error.value();
  }
  const auto set = [fd](int level, int name, int value) {
    return ::setsockopt(fd, level, name, &value, sizeof(value)) == 0;
  };
  // Connections inherit the options of TCP from here. No SO_REUSEPORT: a second aggregator on the
  // same port would take every other client from the first.
  const int timeout_ms = static_cast<int>(options.send_timeout.count());
  const bool is_set = set(SOL_SOCKET, SO_REUSEADDR, 1) && set(IPPROTO_TCP, TCP_NODELAY, 1) &&
                      (timeout_ms == 0 || set(IPPROTO_TCP, TCP_USER_TIMEOUT, timeout_ms)) &&
                      (!endpoint.address().is_v6() || set(IPPROTO_IPV6, IPV6_V6ONLY, 0));
  // As many may wait as the system allows.
  if (!is_set || ::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(fd, std::numeric_limits<int>::max()) != 0) {
    return errno;
  }
  tcp::endpoint bound;
  auto size = static_cast<socklen_t>(bound.capacity());
  if (::getsockname(fd, bound.data(), &size) != 0) return errno;
  port = bound.port();
  sockets.push_back(std::move(socket));
  return 0;
}

// Where there is no IPv6, of IPv4 alone.
absl::Status Acceptor::State::OpenWildcard(uint16_t wanted) {
  int error = Open(tcp::endpoint(asio::ip::address_v6::any(), wanted));
  if (error == EAFNOSUPPORT || error == EADDRNOTAVAIL) {
    error = Open(tcp::endpoint(asio::ip::address_v4::any(), wanted));
  }
  return error == 0 ? absl::OkStatus() : CannotListen(options.address, error);
}

absl::Status Acceptor::State::OpenAll(const std::vector<tcp::endpoint>& endpoints) {
  for (const tcp::endpoint& endpoint : endpoints) {
    if (endpoint.address().is_unspecified()) return OpenWildcard(endpoint.port());
  }
  absl::Status failed;
  for (const tcp::endpoint& endpoint : endpoints) {
    const int error = Open(endpoint);
    if (error == 0) continue;
    failed = CannotListen(options.address, error);
    // An address of the name that this machine does not have, such as ::1, is left out; one that
    // is another's would send some clients there.
    if (error == EADDRINUSE && endpoint.port() != 0) return failed;
  }
  return sockets.empty() ? failed : absl::OkStatus();
}

void Acceptor::State::Wait(size_t index) {
  sockets[index]->descriptor.async_wait(
      asio::posix::descriptor_base::wait_read,
      [self = shared_from_this(), index](asio::error_code) { self->TakeIn(index); });
}

void Acceptor::State::Pause(size_t index) {
  auto& timer = sockets[index]->timer;
  timer.expires_after(options.pause);
  timer.async_wait([self = shared_from_this(), index](asio::error_code) { self->TakeIn(index); });
}

void Acceptor::State::TakeIn(size_t index) {
  if (handler == nullptr) return;
  const int listener = sockets[index]->descriptor.native_handle();
  for (int i = 0; i < kMostInATurn; ++i) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (LostConnection(errno)) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      // Of descriptors, of memory, or what we know nothing of: whatever it is, it may pass.
      CountAndSay(absl::StrCat("no connection can be taken in: ", Name(errno)));
      return Pause(index);
    }
    const uint64_t limit = OpenFilesLimit();
    if (static_cast<uint64_t>(fd) + options.reserved_files < limit) {
      handler(listener, fd);
      continue;
    }
    CountAndSay(absl::StrCat("connections are closed at once: this process may have ", limit,
                             " files open, and the last ", options.reserved_files,
                             " are not for connections"));
    ::close(fd);
  }
  Wait(index);
}

void Acceptor::State::CountAndSay(const std::string& what) {
  recorder.OverloadRejection(metrics::Overload::kInflight);
  ++unsaid;
  const auto now = Clock::now();
  if (said.has_value() && now - *said < kBetweenLines) return;
  said = now;
  const std::string times =
      unsaid == 1 ? "" : absl::StrCat(" (", unsaid, " times since this was last said)");
  unsaid = 0;
  spdlog::warn(
      "{}: {}{}. Look who connects (ss -tn sport = :{}), or raise the limit of open files "
      "(LimitNOFILE of the service, ulimit -Hn of the shell)",
      options.address, what, times, port);
}

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Listen(AcceptorOptions options,
                                                           Executor executor,
                                                           metrics::Recorder& recorder) {
  const auto endpoints = Resolve(options, executor);
  if (!endpoints.ok()) return endpoints.status();
  auto state = std::make_shared<State>(std::move(options), executor, recorder);
  if (absl::Status opened = state->OpenAll(*endpoints); !opened.ok()) return opened;
  return std::unique_ptr<Acceptor>(new Acceptor(std::move(state)));
}

Acceptor::Acceptor(std::shared_ptr<State> state) : state_(std::move(state)), port_(state_->port) {}

Acceptor::~Acceptor() { Stop(); }

int Acceptor::port() const { return port_; }

void Acceptor::Start(Handler handler) {
  asio::post(state_->strand, [state = state_, handler = std::move(handler)]() mutable {
    state->handler = std::move(handler);
    for (size_t i = 0; i < state->sockets.size(); ++i) state->Wait(i);
  });
}

void Acceptor::Stop() {
  const std::shared_ptr<State> state = std::exchange(state_, nullptr);
  if (state == nullptr) return;
  const auto stopped = std::make_shared<std::promise<void>>();
  asio::post(state->strand, [state, stopped] {
    state->handler = nullptr;
    for (const auto& socket : state->sockets) {
      asio::error_code ignored;
      socket->descriptor.close(ignored);
      socket->timer.cancel();
    }
    stopped->set_value();
  });
  stopped->get_future().wait();
}

}  // namespace veilsum::aggregator
