// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The messages of uploads and downloads. The first byte says which.
#include "proto/participant.pb.h"
#include "proto/validate.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace veilsum::fuzz {

void FuzzOne(crypto::ByteSpan data) {
  Input input(data);
  const bool download = input.Byte() % 2 == 1;
  const std::string bytes = crypto::ToString(input.Rest());
  if (download) {
    v1::DownloadResultRequest request;
    if (request.ParseFromString(bytes)) (void)v1::ValidateDownloadResultRequest(request);
    return;
  }
  v1::UploadRequest request;
  if (!request.ParseFromString(bytes)) return;
  if (request.has_open()) (void)v1::ValidateUploadOpen(request.open());
  if (request.has_close()) (void)v1::ValidateUploadClose(request.close());
}

}  // namespace veilsum::fuzz
