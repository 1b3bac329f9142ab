// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Writes honest messages into the corpora: make_seeds CORPUS. README.md says when to.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/adversary/malicious_aggregator.h"

namespace veilsum::fuzz {
namespace {

using adversary::MaliciousAggregator;

void Write(const std::filesystem::path& corpus, const std::string& name, const std::string& bytes) {
  std::filesystem::create_directories((corpus / name).parent_path());
  std::ofstream(corpus / name, std::ios::binary) << bytes;
}

std::string Clients(uint32_t count) { return std::string(1, static_cast<char>(count)); }

void WriteSeeds(const std::filesystem::path& corpus) {
  MaliciousAggregator aggregator({.clients = 5});
  const auto everybody = aggregator.Everybody();
  aggregator.PlayUntilUploads();
  aggregator.ShowSurvivorsTo(everybody, everybody);
  aggregator.PassSignaturesTo(everybody, everybody);

  const adversary::HonestClient& client = aggregator.client(0);
  for (const v1::ClientMessage& message : client.said()) {
    const std::string name = absl::StrCat("client_message/round_", message.message_case());
    Write(corpus, name, message.SerializeAsString());
  }
  v1::ClientMessage withdraw;
  withdraw.mutable_withdraw()->set_reason(v1::REASON_CANCELLED);
  withdraw.mutable_withdraw()->set_detail("enough");
  Write(corpus, "client_message/withdraw", withdraw.SerializeAsString());
  v1::ClientMessage hello;
  hello.mutable_hello()->set_identity(crypto::ToString(client.identity().bytes()));
  hello.mutable_hello()->set_task_id("task");
  hello.mutable_hello()->set_session_id(std::string(16, 's'));
  hello.mutable_hello()->set_signature(std::string(64, 'g'));
  hello.mutable_hello()->set_protocol_version(1);
  Write(corpus, "client_message/hello", hello.SerializeAsString());

  v1::UploadRequest upload;
  *upload.mutable_open() = client.upload_open();
  Write(corpus, "transfer_message/open", Clients(0) + upload.SerializeAsString());
  *upload.mutable_close() = client.upload_close();
  Write(corpus, "transfer_message/close", Clients(0) + upload.SerializeAsString());
  v1::DownloadResultRequest download;
  download.set_session_id(client.upload_open().session_id());
  download.set_identity(client.upload_open().identity());
  download.set_signature(client.upload_open().signature());
  Write(corpus, "transfer_message/download", Clients(1) + download.SerializeAsString());

  const std::pair<const char*, v1::ServerMessage> told[] = {
      {"offer", aggregator.Offer()},
      {"roster", aggregator.Roster()},
      {"neighbours", aggregator.Neighbours(0)},
      {"shares", aggregator.Shares(0, everybody)},
      {"survivors", aggregator.Survivors(everybody)},
      {"consistency", aggregator.Signatures(everybody)}};
  for (const auto& [name, message] : told) {
    Write(corpus, absl::StrCat("server_message/", name),
          Clients(aggregator.size()) + message.SerializeAsString());
  }

  v1::SessionHeader header = aggregator.header;
  Write(corpus, "session_header/malicious", header.SerializeAsString());
  header.set_tier(v1::TIER_SEMI_HONEST);
  Write(corpus, "session_header/semi_honest", header.SerializeAsString());
  header.set_graph(v1::GRAPH_RULE_HARARY);
  header.set_max_clients(300);
  header.mutable_vector()->set_modulus_bits(21);
  Write(corpus, "session_header/harary", header.SerializeAsString());

  std::string journal(1, '\0');
  for (const std::string& entry : client.journal()) {
    absl::StrAppend(&journal, std::string(1, static_cast<char>(entry.size() >> 8)),
                    std::string(1, static_cast<char>(entry.size())), entry);
  }
  Write(corpus, "journal/whole", journal);

  const v1::AdvertiseKeys& advertised = aggregator.seats[0];
  v1::AdvertiseKeysEntry entry;
  entry.ParseFromString(advertised.entry());
  Write(corpus, "public_key/identity", entry.identity() + advertised.signature());
  Write(corpus, "public_key/channel", entry.channel_public_key());
  Write(corpus, "public_key/text", client.identity().ToHex());
}

}  // namespace
}  // namespace veilsum::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_seeds CORPUS\n";
    return 2;
  }
  veilsum::fuzz::WriteSeeds(argv[1]);
  return 0;
}
