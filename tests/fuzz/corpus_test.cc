// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Plays the inputs that were kept, and deterministic mutations of them, through a target: what a
// fuzzer found once stays found, and everybody's build runs every target for a moment.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "tests/fuzz/harness.h"

namespace veilsum::fuzz {
namespace {

std::string corpus;
int mutations = 0;  // Of each input.

std::string Read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void Play(const std::string& bytes) {
  // A copy of exactly this size, so that the address sanitizer sees a read past its end.
  const crypto::Bytes copy(bytes.begin(), bytes.end());
  FuzzOne(copy);
}

TEST(Corpus, EveryKeptInputIsHandled) {
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) files.insert(entry.path());
  ASSERT_FALSE(files.empty()) << "no inputs in " << corpus;
  for (const auto& file : files) {
    SCOPED_TRACE(file);
    // A target that finds a mistake ends the process: this is what tells which input it was.
    std::fprintf(stderr, "%s\n", file.c_str());
    Play(Read(file));
  }
}

TEST(Corpus, MutationsOfKeptInputsAreHandled) {
  std::mt19937_64 random(1);
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    const std::string original = Read(entry.path());
    std::fprintf(stderr, "mutations of %s\n", entry.path().c_str());
    for (int i = 0; i < mutations; ++i) {
      std::string bytes = original;
      for (uint64_t changes = 1 + random() % 3; changes > 0 && !bytes.empty(); --changes) {
        const size_t at = random() % bytes.size();
        if (random() % 4 == 0) {
          bytes.resize(at);
        } else {
          bytes[at] = static_cast<char>(random());
        }
      }
      Play(bytes);
    }
  }
}

TEST(Corpus, NothingIsHandled) { Play(""); }

}  // namespace
}  // namespace veilsum::fuzz

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s CORPUS MUTATIONS\n", argv[0]);
    return 2;
  }
  veilsum::fuzz::corpus = argv[1];
  veilsum::fuzz::mutations = std::atoi(argv[2]);
  return RUN_ALL_TESTS();
}
