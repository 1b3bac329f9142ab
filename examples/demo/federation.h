// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A real aggregator, real participants, each a process of its own, and FL rounds in which some of
// them are killed.

#ifndef VEILSUM_EXAMPLES_DEMO_FEDERATION_H_
#define VEILSUM_EXAMPLES_DEMO_FEDERATION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/demo/child_process.h"
#include "examples/demo/classifier.h"
#include "examples/demo/dataset.h"
#include "examples/demo/operator_client.h"

namespace veilsum::demo {

// What the demo trains, and how its sessions are set up.
struct Plan {
  std::string task;
  size_t participants = 0;
  Shape shape;
  TrainingOptions training;  // Of one participant in one FL round.
  v1::Task settings;
};

// Paths of the binaries that the demo runs.
struct Binaries {
  std::string aggregator, veilsum, participant;
};

// One participant's input to one sum, and what the aggregator received instead: integers below
// 2^modulus_bits, the last one the weight.
struct Sample {
  std::string participant;
  std::vector<uint64_t> input, received;
};

struct FlRoundOutcome {
  size_t took_part = 0;
  size_t included = 0;
  uint32_t degree = 0, threshold = 0;         // k and t of the session.
  std::map<std::string, std::string> killed;  // Participant → protocol round.
  std::vector<float> mean;                    // Of the included updates.
  absl::Status exact;                         // Of the published sum, against the plain one.
  Sample sample;
};

class Federation {
 public:
  // Certificates and identities by `veilsum init`, data for each participant, a running aggregator
  // with the task. Everything is under `directory`, logs too.
  static absl::StatusOr<std::unique_ptr<Federation>> Start(const Plan& plan,
                                                           const Binaries& binaries,
                                                           const std::string& directory,
                                                           const std::vector<Dataset>& parts);

  // `kills`: participant → protocol round in which it is killed.
  absl::StatusOr<FlRoundOutcome> FlRound(int round, const std::vector<float>& model,
                                         const std::map<size_t, std::string>& kills);
  // As the aggregator took it.
  const v1::Task& settings() const { return plan_.settings; }
  // Those that are not sitting out this FL round; they are started if need be.
  absl::StatusOr<std::vector<size_t>> Present(int round);
  // Asks the aggregator to end (SIGTERM); OK if it ended well.
  absl::Status Stop();

 private:
  struct Participant {
    std::string name;
    std::string identity_hex;
    std::unique_ptr<ChildProcess> process;
    int back_in = 0;  // The FL round in which it may be started (again).
    // In this FL round:
    bool waiting = false;
    bool finished = false;
    std::string failure;
  };

  Federation(Plan plan, Binaries binaries, std::string directory)
      : plan_(std::move(plan)), binaries_(std::move(binaries)), directory_(std::move(directory)) {}

  absl::Status MakeCredentials();
  absl::Status StartAggregator();
  absl::Status StartParticipant(Participant& participant);
  // Takes in what the participants say, and kills those that have stopped.
  void Listen(int round, const std::map<size_t, std::string>& kills, FlRoundOutcome& outcome);
  absl::Status Gather(int round, const std::vector<size_t>& present,
                      const std::map<size_t, std::string>& kills, FlRoundOutcome& outcome);
  absl::StatusOr<v1::Session> Finish(int round, const std::string& model_hash,
                                     const std::vector<size_t>& present,
                                     const std::map<size_t, std::string>& kills,
                                     FlRoundOutcome& outcome);
  absl::Status Verify(const v1::Session& session, FlRoundOutcome& outcome);
  absl::Status CheckMeans(const std::string& session, const std::vector<float>& mean) const;
  std::string AuditFile(const std::string& session, const Participant& participant) const;

  Plan plan_;
  Binaries binaries_;
  std::string directory_;
  std::string server_address_, operator_address_;
  std::unique_ptr<ChildProcess> aggregator_;
  std::unique_ptr<OperatorClient> operator_;
  std::vector<Participant> participants_;
};

}  // namespace veilsum::demo

#endif  // VEILSUM_EXAMPLES_DEMO_FEDERATION_H_
