// Kernels for 64-bit ARM with the dot product instructions.
#if defined(__aarch64__)

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "isa.h"

#if defined(__clang__)
BEGIN_ISA("dotprod")
#else
BEGIN_ISA("arch=armv8.2-a+dotprod")
#endif

namespace {
constexpr int kRegisterBytes = 16;
}

#include "cells.h"
#include "matvec.h"

namespace {

// Four rows in each of four registers.
struct Dot {
  static constexpr int kTile = 1, kDots = 2, kRegisters = 32;
  int32x4_t sums[4];

  static INLINE Dot start(int32_t sum) {
    Dot dot;
    for (int i = 0; i < 4; ++i) dot.sums[i] = vdupq_n_s32(sum);
    return dot;
  }

  static INLINE Dot start8(int32_t) { return start(0); }

  static INLINE Dot start4(int32_t sum) { return start(-8 * sum); }

  INLINE void add8(const uint8_t* w, int32_t x, int32_t) {
    const int8x16_t codes = vreinterpretq_s8_s32(vdupq_n_s32(x));
    for (int i = 0; i < 4; ++i) {
      const uint8x16_t weights = veorq_u8(vld1q_u8(w + 16 * i), vdupq_n_u8(128));
      sums[i] = vdotq_s32(sums[i], vreinterpretq_s8_u8(weights), codes);
    }
  }

  INLINE void add4(const uint8_t* w, int32_t x_low, int32_t x_high) {
    const int8x16_t low_codes = vreinterpretq_s8_s32(vdupq_n_s32(x_low));
    const int8x16_t high_codes = vreinterpretq_s8_s32(vdupq_n_s32(x_high));
    for (int i = 0; i < 4; ++i) {
      const uint8x16_t bytes = vld1q_u8(w + 16 * i);
      const int8x16_t low = vreinterpretq_s8_u8(vandq_u8(bytes, vdupq_n_u8(15)));
      sums[i] = vdotq_s32(sums[i], low, low_codes);
      sums[i] = vdotq_s32(sums[i], vreinterpretq_s8_u8(vshrq_n_u8(bytes, 4)), high_codes);
    }
  }

  INLINE void add(const Dot& other) {
    for (int i = 0; i < 4; ++i) sums[i] = vaddq_s32(sums[i], other.sums[i]);
  }

  INLINE Lanes lanes() const {
    IntLanes all;
    for (int i = 0; i < 4; ++i) all.parts[i] = reinterpret_cast<IntLanes::Register>(sums[i]);
    return to_float(all);
  }
};

}  // namespace

namespace engine {
extern const Kernels neon_kernels;
const Kernels neon_kernels = KERNELS("neon");
}  // namespace engine

END_ISA
#endif
