// Kernels for x86-64 with AVX-512 VNNI.
#if defined(__x86_64__)

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "isa.h"

BEGIN_ISA("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")

namespace {
constexpr int kRegisterBytes = 64;
}

#include "cells.h"
#include "matvec.h"

namespace {

// A lane holds the sum of a row. The instruction needs unsigned weights, so they keep their
// offset, and `start` subtracts it.
struct Dot {
  static constexpr int kTile = 8, kDots = 8, kRegisters = 32;
  __m512i sums;

  static INLINE Dot start8(int32_t sum) { return {_mm512_set1_epi32(-128 * sum)}; }

  static INLINE Dot start4(int32_t sum) { return {_mm512_set1_epi32(-8 * sum)}; }

  INLINE void add8(const uint8_t* w, int32_t x, int32_t) {
    sums = _mm512_dpbusd_epi32(sums, _mm512_loadu_si512(w), _mm512_set1_epi32(x));
  }

  INLINE void add4(const uint8_t* w, int32_t x_low, int32_t x_high) {
    const __m512i bytes = _mm512_loadu_si512(w), low = _mm512_set1_epi8(15);
    const __m512i high_half = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low);
    sums = _mm512_dpbusd_epi32(sums, _mm512_and_si512(bytes, low), _mm512_set1_epi32(x_low));
    sums = _mm512_dpbusd_epi32(sums, high_half, _mm512_set1_epi32(x_high));
  }

  INLINE void add(const Dot& other) { sums = _mm512_add_epi32(sums, other.sums); }

  INLINE Lanes lanes() const { return to_float({reinterpret_cast<IntLanes::Register>(sums)}); }
};

}  // namespace

namespace engine {
extern const Kernels avx512_kernels;
const Kernels avx512_kernels = KERNELS("avx512");
}  // namespace engine

END_ISA
#endif
