// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/reliability/checker.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/encoding/decoder.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::reliability {
namespace {

// One session, from all sides.
class SessionCheck {
 public:
  SessionCheck(const std::string& id, const Expectations& expected,
               std::vector<std::string>& violations)
      : name_(Hex(id)), expected_(expected), violations_(violations) {
    for (size_t i = 0; i < expected.clients.size(); ++i) {
      numbers_[crypto::ToString(expected.clients[i].bytes())] = static_cast<int>(i);
    }
  }

  void OfClients(const std::map<int, ClientView>& views) {
    std::optional<std::string> survivors;
    for (const auto& [client, view] : views) {
      if (!view.survivors.has_value()) continue;
      if (survivors.value_or(*view.survivors) != *view.survivors) {
        return Say("clients were told different survivors");
      }
      survivors = view.survivors;
    }
  }

  void OfOperator(const OperatorView& seen, const std::map<int, ClientView>& views) {
    const v1::Session& session = seen.session;
    if (session.state() == v1::SESSION_STATE_ABORTED) {
      if (session.abort_reason() == v1::REASON_UNSPECIFIED) Say("aborted without a reason");
      for (const auto& [client, view] : views) {
        if (view.participants.has_value()) Say("aborted, and a client has its result: ", client);
      }
      return;
    }
    if (session.state() != v1::SESSION_STATE_COMPLETED) {
      return Say("has not ended: ", v1::SessionState_Name(session.state()));
    }
    const std::set<int> included = Included(session);
    for (const auto& [client, view] : views) OfClientInResult(client, view, session, included);
    Sum(seen, views, included);
  }

  template <class... Parts>
  void Say(const Parts&... parts) {
    violations_.push_back(absl::StrCat("session ", name_, ": ", parts...));
  }

 private:
  std::set<int> Included(const v1::Session& session) {
    std::set<int> included;
    for (const std::string& identity : session.included_identities()) {
      const auto number = numbers_.find(identity);
      if (number == numbers_.end()) {
        Say("counts a stranger");
      } else if (!included.insert(number->second).second) {
        Say("names client ", number->second, " twice");
      }
    }
    if (session.included() != included.size()) Say("says ", session.included(), " inputs");
    if (included.size() < expected_.min_survivors) Say("has only ", included.size(), " inputs");
    return included;
  }

  void OfClientInResult(int client, const ClientView& view, const v1::Session& session,
                        const std::set<int>& included) {
    if (view.durable_receipt && included.count(client) == 0) {
      Say("lost the input of client ", client, ", which has a durable receipt");
    }
    v1::SessionResult result;
    if (view.result.has_value()) {
      if (!result.ParseFromString(*view.result) || result.included() != session.included() ||
          result.result_digest() != session.result_digest()) {
        Say("client ", client, " was told another result than the operator");
      }
    }
    if (view.participants.value_or(session.included()) != session.included()) {
      Say("client ", client, " has a result of ", *view.participants, " inputs");
    }
  }

  void Sum(const OperatorView& seen, const std::map<int, ClientView>& views,
           const std::set<int>& included) {
    if (seen.packed_sum.empty()) return;
    if (crypto::ToString(crypto::Sha256(crypto::AsBytes(seen.packed_sum))) !=
        seen.session.result_digest()) {
      return Say("the sum is not the one that its digest names");
    }
    const v1::VectorSpec& spec = seen.session.header().vector();
    const auto sum = client::UnpackSum(seen.packed_sum, spec);
    if (!sum.ok()) return Say("the sum does not unpack: ", sum.status().message());
    const uint64_t highest_level = (uint64_t{1} << spec.quantisation_bits()) - 1;
    std::vector<uint64_t> wanted(sum->size());
    for (const int client : included) {
      const auto view = views.find(client);
      if (view == views.end() || !view->second.weight.has_value()) {
        Say("counts client ", client, ", which gave no input");
        continue;
      }
      wanted[client] = highest_level * *view->second.weight;
      wanted.back() += *view->second.weight;
    }
    sum->Visit([&](auto elements) {
      for (size_t i = 0; i < elements.size(); ++i) {
        if (elements[i] == wanted[i]) continue;
        return Say("element ", i, " of the sum is ", uint64_t{elements[i]}, ", not ", wanted[i]);
      }
    });
  }

  const std::string name_;
  const Expectations& expected_;
  std::vector<std::string>& violations_;
  std::map<std::string, int> numbers_;
};

}  // namespace

std::vector<std::string> Check(const ClientViews& clients, const OperatorViews& sessions,
                               const Expectations& expected) {
  std::vector<std::string> violations;
  for (const auto& [id, views] : clients) {
    SessionCheck check(id, expected, violations);
    check.OfClients(views);
    if (sessions.count(id) == 0 && expected.durable) {
      check.Say("clients took part in it, and the aggregator does not know it");
    }
  }
  for (const auto& [id, seen] : sessions) {
    const auto views = clients.find(id);
    SessionCheck(id, expected, violations)
        .OfOperator(seen, views == clients.end() ? std::map<int, ClientView>() : views->second);
  }
  return violations;
}

std::vector<float> InputOf(int client, uint64_t dimension) {
  std::vector<float> input(dimension, -1.0f);
  input[client] = 1.0f;
  return input;
}

}  // namespace veilsum::reliability
