// Kernels for x86-64 with AVX2.
#if defined(__x86_64__)

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "isa.h"

BEGIN_ISA("avx2,fma")

namespace {
constexpr int kRegisterBytes = 32;
}

#include "cells.h"
#include "matvec.h"

namespace {

// Rows 0-7 and 8-15, one lane per row. Byte products, of which one factor is unsigned, are
// summed in pairs to 16 bits. Up to 127 * 128 they cannot saturate, so the sign of an input code
// moves to the weight.
struct Dot {
  static constexpr int kTile = 1, kDots = 2, kRegisters = 16;
  __m256i sums[2];

  static INLINE Dot start8(int32_t) { return {{_mm256_setzero_si256(), _mm256_setzero_si256()}}; }

  static INLINE Dot start4(int32_t sum) {
    return {{_mm256_set1_epi32(-8 * sum), _mm256_set1_epi32(-8 * sum)}};
  }

  static INLINE __m256i rows(const uint8_t* w, int half) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w) + half);
  }

  INLINE void accumulate(int half, __m256i from_zero, __m256i with_sign) {
    const __m256i pairs = _mm256_maddubs_epi16(from_zero, with_sign);
    const __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    sums[half] = _mm256_add_epi32(sums[half], fours);
  }

  INLINE void add8(const uint8_t* w, int32_t x, int32_t magnitudes) {
    const __m256i codes = _mm256_set1_epi32(x);
    for (int half = 0; half < 2; ++half) {
      const __m256i weights = _mm256_xor_si256(rows(w, half), _mm256_set1_epi8(-128));
      accumulate(half, _mm256_set1_epi32(magnitudes), _mm256_sign_epi8(weights, codes));
    }
  }

  INLINE void add4(const uint8_t* w, int32_t x_low, int32_t x_high) {
    const __m256i low = _mm256_set1_epi8(15);
    for (int half = 0; half < 2; ++half) {
      const __m256i bytes = rows(w, half);
      const __m256i high_half = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low);
      accumulate(half, _mm256_and_si256(bytes, low), _mm256_set1_epi32(x_low));
      accumulate(half, high_half, _mm256_set1_epi32(x_high));
    }
  }

  INLINE void add(const Dot& other) {
    for (int half = 0; half < 2; ++half)
      sums[half] = _mm256_add_epi32(sums[half], other.sums[half]);
  }

  INLINE Lanes lanes() const {
    IntLanes both;
    for (int half = 0; half < 2; ++half)
      both.parts[half] = reinterpret_cast<IntLanes::Register>(sums[half]);
    return to_float(both);
  }
};

}  // namespace

namespace engine {
extern const Kernels avx2_kernels;
const Kernels avx2_kernels = KERNELS("avx2");
}  // namespace engine

END_ISA
#endif
