// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/tls_versions.h"

#include <cstdlib>

namespace veilsum::aggregator {

// gRPC 1.51 has no way to say so: the TLS versions of its credentials are fixed at 1.2 and 1.3. But
// it takes the cipher suites from the environment, once, and gives them to OpenSSL's
// SSL_CTX_set_cipher_list, which decides about TLS 1.2 and below and leaves the suites of TLS 1.3
// as they are. A list must name a suite that OpenSSL has, so it names one of pre-shared keys, of
// which there are none: TLS 1.2 finds no common suite, whatever the other side offers. Whatever the
// environment said before is overwritten: a weaker list is not the operator's to choose by
// accident.
void AllowOnlyTls13() { setenv("GRPC_SSL_CIPHER_SUITES", "PSK-AES256-GCM-SHA384", 1); }

}  // namespace veilsum::aggregator
