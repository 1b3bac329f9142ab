// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Which versions of TLS this process speaks.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_TLS_VERSIONS_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_TLS_VERSIONS_H_

namespace veilsum::aggregator {

// TLS 1.3 alone, for every gRPC server and client of this process. Once, in main(): before gRPC is
// used for the first time and before there are threads.
void AllowOnlyTls13();

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_TLS_VERSIONS_H_
