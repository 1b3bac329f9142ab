// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_CHANNEL_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_CHANNEL_H_

#include <memory>
#include <string>

namespace grpc {
class Channel;
}  // namespace grpc

namespace veilsum::client {

struct ChannelOptions {
  std::string target;                  // host:port
  std::string root_certificates_pem;   // Empty: the system's.
  std::string client_certificate_pem;  // With client_key_pem for mutual TLS; both or none.
  std::string client_key_pem;
  bool insecure = false;  // No TLS at all.
};

// TLS 1.2 or 1.3, as the server has it: gRPC 1.51 sets 1.2 as the least, and its public interface
// cannot raise it. Of its environment GRPC_SSL_CIPHER_SUITES only concerns 1.2 and below; a suite
// that needs a pre-shared key leaves 1.3 alone. That is for a program to set, not for a library.
//
// A connection of its own to the aggregator, made when it is first needed and again when it
// breaks; pinged when it is silent. Thread-safe, as gRPC's channels are.
std::shared_ptr<grpc::Channel> MakeChannel(const ChannelOptions& options);

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_CHANNEL_H_
