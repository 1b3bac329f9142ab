// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/secrets/memory_scan.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace veilsum::secrets {
namespace {

constexpr uint8_t kDisguise = 0xa7;
// Not what an allocator gets: the shadow memory of a sanitizer, for one.
constexpr uint64_t kLargestRegion = uint64_t{1} << 30;

struct Region {
  const uint8_t* begin;
  const uint8_t* end;
};

std::vector<Region> WritableRegions() {
  std::vector<Region> regions;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long long begin = 0, end = 0;
    char permissions[5] = {};
    if (std::sscanf(line.c_str(), "%llx-%llx %4s", &begin, &end, permissions) != 3) continue;
    if (permissions[0] != 'r' || permissions[1] != 'w') continue;
    if (line.find("[stack") != std::string::npos || end - begin > kLargestRegion) continue;
    regions.push_back(
        {reinterpret_cast<const uint8_t*>(begin), reinterpret_cast<const uint8_t*>(end)});
  }
  return regions;
}

void Check(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::abort();
}

// In the address sanitizer's eyes, most of memory is not to be looked at.
#define VEILSUM_UNSANITIZED __attribute__((no_sanitize("address", "undefined")))

VEILSUM_UNSANITIZED uint16_t FirstTwo(const uint8_t* bytes, uint8_t disguise) {
  return static_cast<uint16_t>((bytes[0] ^ disguise) | (bytes[1] ^ disguise) << 8);
}

VEILSUM_UNSANITIZED bool IsAt(const uint8_t* memory, const Pattern& pattern) {
  for (size_t i = 0; i < kPatternBytes; ++i) {
    if ((memory[i] ^ kDisguise) != pattern.disguised[i]) return false;
  }
  return true;
}

VEILSUM_UNSANITIZED void Scan(const Region& region,
                              const std::vector<std::vector<const Pattern*>>& by_start,
                              std::set<std::string>& found) {
  for (const uint8_t* at = region.begin; at + kPatternBytes <= region.end; ++at) {
    for (const Pattern* pattern : by_start[FirstTwo(at, kDisguise)]) {
      if (IsAt(at, *pattern)) found.insert(pattern->name);
    }
  }
}

std::vector<Pattern> ReadPatterns(int from) {
  std::vector<Pattern> patterns;
  FILE* file = fdopen(from, "r");
  Check(file != nullptr, "fdopen");
  char name[200];
  while (std::fscanf(file, " %199[^\n]", name) == 1) {
    Pattern pattern{name, {}};
    for (uint8_t& byte : pattern.disguised) {
      unsigned value = 0;
      Check(std::fscanf(file, "%u", &value) == 1, "reading patterns");
      byte = static_cast<uint8_t>(value);
    }
    patterns.push_back(pattern);
  }
  std::fclose(file);
  return patterns;
}

}  // namespace

std::vector<Pattern> PatternsOf(const std::function<void(const Report&)>& find_secrets) {
  int ends[2];
  Check(pipe(ends) == 0, "pipe");
  const pid_t child = fork();
  Check(child >= 0, "fork");
  if (child == 0) {
    close(ends[0]);
    FILE* out = fdopen(ends[1], "w");
    find_secrets([&](const std::string& name, crypto::ByteSpan secret) {
      for (size_t first = 0; first + kPatternBytes <= 32; first += kPatternBytes) {
        std::fprintf(out, "%s\n", name.c_str());
        for (size_t i = 0; i < kPatternBytes; ++i) {
          std::fprintf(out, "%u ", static_cast<unsigned>(secret[first + i] ^ kDisguise));
        }
        std::fprintf(out, "\n");
      }
    });
    std::fclose(out);
    _exit(0);
  }
  close(ends[1]);
  std::vector<Pattern> patterns = ReadPatterns(ends[0]);
  int status = 0;
  Check(waitpid(child, &status, 0) == child && status == 0, "the child that finds secrets");
  return patterns;
}

std::set<std::string> FoundInMemory(const std::vector<Pattern>& patterns) {
  std::vector<std::vector<const Pattern*>> by_start(65536);
  for (const Pattern& pattern : patterns) {
    by_start[FirstTwo(pattern.disguised.data(), 0)].push_back(&pattern);
  }
  std::set<std::string> found;
  for (const Region& region : WritableRegions()) Scan(region, by_start, found);
  return found;
}

}  // namespace veilsum::secrets
