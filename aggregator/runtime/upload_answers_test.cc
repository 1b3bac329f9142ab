// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/upload_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace veilsum::aggregator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const IdentityPublicKey kOne = *IdentityPublicKey::FromHex(std::string(64, '2'));
const IdentityPublicKey kTwo = *IdentityPublicKey::FromHex(std::string(64, '3'));

class UploadAnswersTest : public ::testing::Test {
 protected:
  UploadAnswers::Waiting Waiter(const std::string& name) {
    return {[this, name](const Reply& reply) {
              told_.push_back(name + (reply.result == MessageResult::kAccepted    ? " accepted"
                                      : reply.result == MessageResult::kDuplicate ? " duplicate"
                                                                                  : " refused"));
            },
            [this, name](const absl::Status&) { told_.push_back(name + " given up"); }};
  }
  static Reply To(const IdentityPublicKey& to, Answers answers, MessageResult result) {
    Reply reply{to, Phase::kMaskedInputCollection, result};
    reply.answers = answers;
    return reply;
  }

  UploadAnswers answers_;
  std::vector<std::string> told_;
};

TEST_F(UploadAnswersTest, RepliesComeInTheOrderOfTheEventsOfEachClient) {
  answers_.AwaitOpened(kOne, Waiter("one"));
  answers_.AwaitOpened(kTwo, Waiter("two"));
  answers_.AwaitOpened(kOne, Waiter("one again"));
  answers_.Answer(To(kOne, Answers::kUploadOpened, MessageResult::kAccepted));
  answers_.Answer(To(kOne, Answers::kUploadOpened, MessageResult::kLate));
  answers_.Answer(To(kTwo, Answers::kUploadOpened, MessageResult::kAccepted));
  EXPECT_THAT(told_, ElementsAre("one accepted", "one again refused", "two accepted"));
}

TEST_F(UploadAnswersTest, AConflictDuringTheFoldIsTheResends) {
  answers_.AwaitCompleted(kOne, Digest{1}, Waiter("first"));
  EXPECT_EQ(answers_.BeginFold(kOne), Digest{1});
  answers_.AwaitCompleted(kOne, Digest{2}, Waiter("other bytes"));
  answers_.Answer(To(kOne, Answers::kUploadCompleted, MessageResult::kConflict));
  EXPECT_THAT(told_, ElementsAre("other bytes refused"));
  answers_.Answer(To(kOne, Answers::kUploadCompleted, MessageResult::kAccepted));
  EXPECT_THAT(told_, ElementsAre("other bytes refused", "first accepted"));
}

TEST_F(UploadAnswersTest, ADuplicateGetsNoReceiptBeforeTheFoldIsDurable) {
  answers_.AwaitCompleted(kOne, Digest{1}, Waiter("first"));
  answers_.BeginFold(kOne);
  answers_.AwaitCompleted(kOne, Digest{1}, Waiter("again"));
  answers_.AwaitOpened(kOne, Waiter("opened"));
  answers_.Answer(To(kOne, Answers::kUploadCompleted, MessageResult::kDuplicate));
  answers_.Answer(To(kOne, Answers::kUploadOpened, MessageResult::kDuplicate));
  EXPECT_THAT(told_, IsEmpty());
  answers_.Answer(To(kOne, Answers::kUploadCompleted, MessageResult::kAccepted));
  EXPECT_THAT(told_, ElementsAre("first accepted", "again accepted", "opened accepted"));
  answers_.AwaitOpened(kOne, Waiter("later"));
  answers_.Answer(To(kOne, Answers::kUploadOpened, MessageResult::kDuplicate));
  EXPECT_EQ(told_.back(), "later duplicate");
}

TEST_F(UploadAnswersTest, AnUploadThatIsRefusedAtOnceWasNotFolded) {
  answers_.AwaitCompleted(kOne, Digest{1}, Waiter("first"));
  answers_.Answer(To(kOne, Answers::kUploadCompleted, MessageResult::kBadSignature));
  EXPECT_THAT(told_, ElementsAre("first refused"));
  EXPECT_EQ(answers_.BeginFold(kOne), Digest{});
}

TEST_F(UploadAnswersTest, NobodyIsLeftWaiting) {
  answers_.AwaitOpened(kOne, Waiter("opened"));
  answers_.AwaitCompleted(kTwo, Digest{1}, Waiter("folding"));
  answers_.BeginFold(kTwo);
  answers_.AwaitCompleted(kTwo, Digest{1}, Waiter("completed"));
  answers_.RefuseAll(absl::UnavailableError("gone"));
  EXPECT_THAT(told_, ElementsAre("opened given up", "completed given up", "folding given up"));
  answers_.Answer(To(kTwo, Answers::kUploadCompleted, MessageResult::kAccepted));
  EXPECT_EQ(told_.size(), 3u);
}

}  // namespace
}  // namespace veilsum::aggregator
