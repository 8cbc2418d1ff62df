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

#include "lanes.h"
#include "kernels.h"

namespace {

INLINE int8x16_t four_times(const int8_t* codes) {
  int32_t four;
  __builtin_memcpy(&four, codes, sizeof four);
  return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

INLINE void store_codes(const engine::Inputs& in, size_t at, IntLanes codes) {
  int16x4_t words[4];
  for (int i = 0; i < 4; ++i) words[i] = vmovn_s32(reinterpret_cast<int32x4_t>(codes.parts[i]));
  vst1_s8(in.codes + at, vmovn_s16(vcombine_s16(words[0], words[1])));
  vst1_s8(in.codes + at + 8, vmovn_s16(vcombine_s16(words[2], words[3])));
}

}  // namespace

#include "cells.h"
#include "matvec.h"

namespace {

// Four rows in each of four registers.
struct Dot {
  static constexpr int kTile = 1, kDots = 2, kRegisters = 32;
  int32x4_t sums[4] = {};

  static INLINE Dot start8(const engine::Inputs&, int) { return {}; }

  static INLINE Dot start4(const engine::Inputs& in, int voice, int group) {
    Dot dot;
    for (int i = 0; i < 4; ++i)
      dot.sums[i] = vdupq_n_s32(-8 * in.sums[voice * (in.cols / engine::kGroup) + group]);
    return dot;
  }

  INLINE void add8(const uint8_t* w, const engine::Inputs& in, size_t at) {
    const int8x16_t codes = four_times(in.codes + at);
    for (int i = 0; i < 4; ++i) {
      const uint8x16_t weights = veorq_u8(vld1q_u8(w + 16 * i), vdupq_n_u8(128));
      sums[i] = vdotq_s32(sums[i], vreinterpretq_s8_u8(weights), codes);
    }
  }

  INLINE void add4(const uint8_t* w, const engine::Inputs& in, size_t at) {
    const int8x16_t low_codes = four_times(in.codes + at);
    const int8x16_t high_codes = four_times(in.codes + at + 4);
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

  INLINE Lanes lanes8() const {
    IntLanes all;
    for (int i = 0; i < 4; ++i) all.parts[i] = reinterpret_cast<IntLanes::Register>(sums[i]);
    return to_float(all);
  }

  INLINE Lanes lanes4() const { return lanes8(); }
};

}  // namespace

namespace engine {
extern const Kernels neon_kernels;
const Kernels neon_kernels = KERNELS("neon");
}  // namespace engine

END_ISA
#endif
