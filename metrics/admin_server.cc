// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "metrics/admin_server.h"

#include <civetweb.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <future>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace veilsum::metrics {
namespace {

// Between looks whether civetweb has stopped.
constexpr std::chrono::milliseconds kWakeInterval{20};

constexpr char kPlainText[] = "text/plain; charset=utf-8";
constexpr char kHtml[] = "text/html; charset=utf-8";
constexpr char kPrometheusText[] = "text/plain; version=0.0.4; charset=utf-8";

struct Answer {
  int code = 200;
  const char* content_type = kPlainText;
  std::string body;
};

std::string Page(absl::string_view status) {
  const std::string escaped =
      absl::StrReplaceAll(status, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<title>Veilsum aggregator</title></head>\n<body><h1>Veilsum aggregator</h1>\n<pre>\n",
      escaped,
      "\n</pre>\n<p><a href=\"/metrics\">metrics</a> <a href=\"/healthz\">health</a> "
      "<a href=\"/readyz\">readiness</a></p></body></html>\n");
}

Answer AnswerTo(absl::string_view path, const AdminHandlers& handlers) {
  if (path == "/metrics") return {200, kPrometheusText, handlers.metrics()};
  // Not the place to ask for stores and peers: restarting the process would not mend them.
  if (path == "/healthz") return {200, kPlainText, "ok\n"};
  if (path == "/readyz") {
    const std::vector<std::string> reasons = handlers.not_ready();
    if (reasons.empty()) return {200, kPlainText, "ready\n"};
    return {503, kPlainText, absl::StrCat(absl::StrJoin(reasons, "\n"), "\n")};
  }
  if (path == "/") return {200, kHtml, Page(handlers.status_page())};
  return {404, kPlainText, "here are /, /metrics, /healthz and /readyz\n"};
}

void Send(mg_connection* connection, const Answer& answer, bool with_body) {
  mg_response_header_start(connection, answer.code);
  mg_response_header_add(connection, "Content-Type", answer.content_type, -1);
  const std::string length = absl::StrCat(answer.body.size());
  mg_response_header_add(connection, "Content-Length", length.c_str(), -1);
  mg_response_header_add(connection, "Cache-Control", "no-store", -1);
  mg_response_header_add(connection, "X-Content-Type-Options", "nosniff", -1);
  mg_response_header_send(connection);
  if (with_body) mg_write(connection, answer.body.data(), answer.body.size());
}

// Civetweb notices that it is to stop when somebody connects, or after two seconds.
void WakeUp(const std::string& address, int port) {
  const std::string host = address.substr(0, address.rfind(':'));
  asio::error_code error;
  const asio::ip::address ip =
      asio::ip::make_address(absl::StrReplaceAll(host, {{"[", ""}, {"]", ""}}), error);
  if (error) return;
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  socket.connect({ip, static_cast<uint16_t>(port)}, error);  // Refused: it has stopped.
}

}  // namespace

struct AdminServer::State {
  std::string address;
  AdminHandlers handlers;
  std::mutex mutex;
  std::string last_message;  // What civetweb said last; guarded by mutex.
  mg_context* context = nullptr;

  // Civetweb's callbacks; non-zero: handled.
  static int OnRequest(mg_connection* connection) {
    const mg_request_info* request = mg_get_request_info(connection);
    const auto* state = static_cast<const State*>(request->user_data);
    const absl::string_view method = request->request_method;
    const absl::string_view path = request->local_uri != nullptr ? request->local_uri : "";
    if (method == "GET" || method == "HEAD") {
      Send(connection, AnswerTo(path, state->handlers), method == "GET");
    } else {
      Send(connection, {405, kPlainText, "only GET and HEAD\n"}, true);
    }
    return 1;
  }

  static int OnMessage(const mg_connection* connection, const char* message) {
    auto* state = static_cast<State*>(mg_get_user_data(mg_get_context(connection)));
    if (state != nullptr) {
      const std::lock_guard lock(state->mutex);
      state->last_message = message;
    }
    return 1;
  }
};

AdminServer::AdminServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(const std::string& address,
                                                                AdminHandlers handlers) {
  auto state = std::make_unique<State>();
  state->address = address;
  state->handlers = std::move(handlers);
  mg_callbacks callbacks = {};
  callbacks.begin_request = State::OnRequest;
  callbacks.log_message = State::OnMessage;
  // A request that hangs must not take the health check with it.
  const char* options[] = {"listening_ports",
                           address.c_str(),
                           "num_threads",
                           "4",
                           "request_timeout_ms",
                           "5000",
                           "enable_keep_alive",
                           "no",
                           nullptr};
  state->context = mg_start(&callbacks, state.get(), options);
  if (state->context == nullptr) {
    const std::lock_guard lock(state->mutex);
    return absl::UnavailableError(absl::StrCat("cannot listen on the admin address \"", address,
                                               "\": ", state->last_message));
  }
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(state)));
}

AdminServer::~AdminServer() {
  const int listening = port();
  const auto stopped =
      std::async(std::launch::async, [context = state_->context] { mg_stop(context); });
  do {
    WakeUp(state_->address, listening);
  } while (stopped.wait_for(kWakeInterval) != std::future_status::ready);
}

int AdminServer::port() const {
  mg_server_port port = {};
  return mg_get_server_ports(state_->context, 1, &port) == 1 ? port.port : 0;
}

}  // namespace veilsum::metrics
