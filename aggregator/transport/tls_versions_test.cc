// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Clients of another TLS library (Python's, which is OpenSSL's) with one version each.

#include "aggregator/transport/tls_versions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "aggregator/transport/server_testing.h"

namespace veilsum::aggregator {
namespace {

using ::testing::HasSubstr;

// Arguments: port, file of the authority, version. Says the version, or why there is none.
constexpr char kHandshake[] = R"(
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
context.minimum_version = context.maximum_version = ssl.TLSVersion[sys.argv[3]]
context.set_ciphers('ALL')
context.set_alpn_protocols(['h2'])
try:
    with socket.create_connection(('127.0.0.1', int(sys.argv[1])), 30) as connection:
        with context.wrap_socket(connection, server_hostname='localhost') as tls:
            print(tls.version(), tls.cipher())
except ssl.SSLError as error:
    print('refused:', error)
)";

std::string Handshake(const TestServer& server, const std::string& version) {
  const std::string directory = testing::TempDir();
  std::ofstream(directory + "/authority.pem") << server.authority_pem();
  std::ofstream(directory + "/handshake.py") << kHandshake;
  const std::string command =
      absl::StrCat("python3 ", directory, "/handshake.py ", server->ports().participants, " ",
                   directory, "/authority.pem ", version, " 2>&1");
  FILE* const pipe = popen(command.c_str(), "r");
  std::string output;
  std::array<char, 256> part;
  while (fgets(part.data(), part.size(), pipe) != nullptr) output += part.data();
  pclose(pipe);
  return output;
}

TEST(TlsVersionsTest, TheServerSpeaksTls13AndNothingElse) {
  AllowOnlyTls13();
  TestServer server;
  EXPECT_THAT(Handshake(server, "TLSv1_3"), HasSubstr("TLSv1.3"));
  EXPECT_THAT(Handshake(server, "TLSv1_2"), HasSubstr("refused:"));
  // Our own clients are not among the refused.
  TestStream stream(server);
  stream.Join(TestIdentity(1), "task");
  EXPECT_TRUE(stream.Read().has_offer());
}

}  // namespace
}  // namespace veilsum::aggregator
