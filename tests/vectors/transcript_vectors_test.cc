// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Holds both protocol cores to recorded sessions, v1/transcript_complete.json and, in the malicious
// tier, v1/transcript_malicious.json, which tests/reference wrote: each party is given what it was
// given then, and has to do the same, byte for byte. transcript_bad.json and
// transcript_malicious_bad.json have what they must refuse.

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/vectors/transcript_recording.h"

namespace veilsum::vectors {
namespace {

Json Load(const std::string& name) {
  std::ifstream file("tests/vectors/v1/" + name);
  Json vectors = Json::parse(file);
  EXPECT_EQ(vectors.at("version"), 1);
  return vectors;
}

class TranscriptVectorsTest : public ::testing::Test {
 protected:
  const Json transcript_ = Load("transcript_complete.json");
};

// Returns the number of steps.
size_t Replay(const Json& transcript) {
  Parties parties(transcript.at("cast"));
  parties.Start();
  size_t number = 0;
  for (const Json& step : transcript.at("steps")) {
    EXPECT_EQ(parties.Deliver(step), step.at("emits")) << "step " << number;
    if (::testing::Test::HasFailure()) return number;
    ++number;
  }
  EXPECT_EQ(ToHex(parties.packed_sum()), transcript.at("result").at("packed_sum"));
  return number;
}

TEST_F(TranscriptVectorsTest, EveryPartyDoesTheSameAgain) { EXPECT_GT(Replay(transcript_), 40u); }

TEST(MaliciousTranscriptTest, EveryPartyDoesWhatTheReferenceDid) {
  EXPECT_GT(Replay(Load("transcript_malicious.json")), 70u);
}

TEST_F(TranscriptVectorsTest, TheRecordingIsWhatTheGeneratorMakes) {
  EXPECT_EQ(RecordTranscript(), transcript_);
  EXPECT_EQ(RecordBadSteps(transcript_), Load("transcript_bad.json"));
}

// The arithmetic of the file itself, without any code of the protocol.
TEST_F(TranscriptVectorsTest, TheSumIsThatOfTheSurvivors) {
  const std::vector<uint64_t> sum = transcript_.at("result").at("sum");
  std::vector<uint64_t> expected(sum.size());
  for (const uint32_t survivor : {0, 1, 3}) {
    const std::vector<uint64_t> input = transcript_.at("clients")[survivor].at("quantised");
    ASSERT_EQ(input.size(), sum.size());
    for (size_t i = 0; i < sum.size(); ++i) expected[i] += input[i];
  }
  EXPECT_EQ(sum, expected);
}

// y = x + PRG(β) ± PRG(s), from the lanes in the file and the packed bytes of the upload.
TEST_F(TranscriptVectorsTest, UploadsAreInputsUnderTheMasksOfTheFile) {
  constexpr uint32_t kBits = 21;
  int uploads = 0;
  for (const Json& step : transcript_.at("steps")) {
    if (step.at("event") != "upload") continue;
    ++uploads;
    const Json& client = transcript_.at("clients")[step.at("client").get<uint32_t>()];
    const std::string packed = FromHex(step.at("bytes"));
    for (uint64_t i = 0; i < client.at("quantised").size(); ++i) {
      uint64_t expected = client.at("quantised")[i].get<uint64_t>() +
                          client.at("self_mask_first_lanes")[i].get<uint64_t>();
      for (const Json& mask : client.at("pairwise_masks")) {
        const uint64_t lane = mask.at("first_lanes")[i];
        expected += mask.at("sign") == 1 ? lane : -lane;
      }
      uint64_t uploaded = 0;
      for (uint64_t bit = 0; bit < kBits; ++bit) {
        const uint64_t at = i * kBits + bit;
        uploaded |= uint64_t{(static_cast<uint8_t>(packed[at / 8]) >> (at % 8)) & 1u} << bit;
      }
      EXPECT_EQ(uploaded, expected & ((1u << kBits) - 1)) << "element " << i;
    }
  }
  EXPECT_EQ(uploads, 3);
}

// How the party of a bad step answers: with the first complaint, whatever follows from it.
std::string AnswerTo(const Json& emitted) {
  for (const Json& one : emitted) {
    if (one.at("kind") != "reply" && one.at("kind") != "finish") continue;
    if (one.at("reason") != v1::Reason_Name(v1::REASON_UNSPECIFIED)) return one.at("reason");
  }
  return "no complaint";
}

TEST_F(TranscriptVectorsTest, BadStepsAreRefused) {
  const Json bad = Load("transcript_bad.json");
  EXPECT_GT(bad.at("bad_steps").size(), 20u);
  for (const Json& one : bad.at("bad_steps")) {
    Parties parties(transcript_.at("cast"));
    parties.Start();
    for (size_t i = 0; i < one.at("after"); ++i) parties.Deliver(transcript_.at("steps")[i]);
    EXPECT_EQ(AnswerTo(parties.Deliver(one.at("step"))), one.at("reason")) << one.at("name");
  }
}

// All of "steps" but the last are taken.
TEST(MaliciousTranscriptTest, BadStepsAreRefused) {
  const Json transcript = Load("transcript_malicious.json");
  const Json bad = Load("transcript_malicious_bad.json");
  EXPECT_GT(bad.at("bad_steps").size(), 30u);
  for (const Json& one : bad.at("bad_steps")) {
    Parties parties(transcript.at("cast"));
    parties.Start();
    for (size_t i = 0; i < one.at("after"); ++i) parties.Deliver(transcript.at("steps")[i]);
    std::string answer = "no complaint";
    for (const Json& step : one.at("steps")) {
      EXPECT_EQ(answer, "no complaint") << one.at("name");
      answer = AnswerTo(parties.Deliver(step));
    }
    EXPECT_EQ(answer, one.at("reason")) << one.at("name");
  }
}

}  // namespace
}  // namespace veilsum::vectors
