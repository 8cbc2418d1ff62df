// Where a thread's time goes, part by part of a sample.
#pragma once

#include <array>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#else
#include <chrono>
#endif

namespace engine {

// The parts of a sample, in the order in which they run; `meetings` are the waits for the other
// threads, of all parts together.
enum class Part { tiers, upsample, hidden1, hidden2, outputs, draw, meetings };
constexpr int kParts = 7;
using Spent = std::array<uint64_t, kParts>;  // ticks

// A count that rises at a constant rate; reading it takes some 10 ns.
inline uint64_t ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return uint64_t(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

class Profile {
 public:
  // Adds to `spent` from now on, or measures nothing if it is null.
  void start(Spent* spent) {
    spent_ = spent;
    last_ = ticks();
  }

  // Counts the time since the last call, or since the start, for this part.
  void end_of(Part part) {
    if (!spent_) return;
    const uint64_t now = ticks();
    (*spent_)[int(part)] += now - last_;
    last_ = now;
  }

 private:
  Spent* spent_ = nullptr;
  uint64_t last_ = 0;
};

}  // namespace engine
