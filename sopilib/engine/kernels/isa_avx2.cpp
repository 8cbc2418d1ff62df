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

#include "lanes.h"
#include "kernels.h"

namespace {

INLINE __m256i four_times(const void* bytes) {
  int32_t four;
  __builtin_memcpy(&four, bytes, sizeof four);
  return _mm256_set1_epi32(four);
}

INLINE void store_codes(const engine::Inputs& in, size_t at, IntLanes codes) {
  const auto words = _mm256_packs_epi32(reinterpret_cast<__m256i>(codes.parts[0]),
                                        reinterpret_cast<__m256i>(codes.parts[1]));
  const auto halves = _mm256_packs_epi16(words, words);
  const __m128i bytes =
      _mm_unpacklo_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
  const __m128i are_negative = _mm_cmpgt_epi8(_mm_setzero_si128(), bytes);
  const auto keep = [at](void* to, __m128i what) __attribute__((always_inline)) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(static_cast<int8_t*>(to) + at), what);
  };
  keep(in.codes, bytes);
  keep(in.magnitudes, _mm_abs_epi8(bytes));
  keep(in.flips, _mm_xor_si128(are_negative, _mm_set1_epi8(-128)));
}

}  // namespace

#include "cells.h"
#include "matvec.h"

namespace {

// Rows 0-7 and 8-15, one lane per row. Products of an unsigned and a signed byte are summed in
// pairs to 16 bits, which cannot saturate up to 127 * 128.
//
// int8: the magnitude of the code is unsigned; its sign moves to the weight w, stored as w + 128.
// One XOR gives w for a positive code and -w - 1 for a negative one; `start8` adds the magnitudes
// of the negative codes, which is what the -1 took away.
//
// int4: the weight, stored as w + 8, is unsigned; `offset` takes away the 8. A group of 32 columns
// needs 8 additions of at most 2 * 15 * 127, which fit 16 bits.
struct Dot {
  static constexpr int kTile = 4, kDots = 2, kRegisters = 16;
  __m256i sums[2] = {};
  int32_t offset = 0;

  static INLINE Dot start8(const engine::Inputs& in, int voice) {
    const __m256i negatives = _mm256_set1_epi32(in.negatives[voice]);
    return {{negatives, negatives}};
  }

  static INLINE Dot start4(const engine::Inputs& in, int voice, int group) {
    Dot dot;
    dot.offset = -8 * in.sums[voice * (in.cols / engine::kGroup) + group];
    return dot;
  }

  static INLINE __m256i rows(const uint8_t* w, int half) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w) + half);
  }

  static INLINE __m256i pairs_summed(__m256i words) {
    return _mm256_madd_epi16(words, _mm256_set1_epi16(1));
  }

  INLINE void add8(const uint8_t* w, const engine::Inputs& in, size_t at) {
    const __m256i magnitudes = four_times(in.magnitudes + at), flips = four_times(in.flips + at);
    for (int half = 0; half < 2; ++half) {
      const __m256i words =
          _mm256_maddubs_epi16(magnitudes, _mm256_xor_si256(rows(w, half), flips));
      sums[half] = _mm256_add_epi32(sums[half], pairs_summed(words));
    }
  }

  INLINE void add4(const uint8_t* w, const engine::Inputs& in, size_t at) {
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i low_codes = four_times(in.codes + at), high_codes = four_times(in.codes + at + 4);
    for (int half = 0; half < 2; ++half) {
      const __m256i bytes = rows(w, half);
      const __m256i high_half = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low);
      const __m256i low_words = _mm256_maddubs_epi16(_mm256_and_si256(bytes, low), low_codes);
      const __m256i high_words = _mm256_maddubs_epi16(high_half, high_codes);
      sums[half] = _mm256_add_epi16(sums[half], _mm256_add_epi16(low_words, high_words));
    }
  }

  INLINE void add(const Dot& other) {
    for (int half = 0; half < 2; ++half)
      sums[half] = _mm256_add_epi32(sums[half], other.sums[half]);
  }

  INLINE Lanes lanes8() const {
    IntLanes both;
    for (int half = 0; half < 2; ++half)
      both.parts[half] = reinterpret_cast<IntLanes::Register>(sums[half]);
    return to_float(both);
  }

  INLINE Lanes lanes4() const {
    IntLanes both;
    for (int half = 0; half < 2; ++half)
      both.parts[half] = reinterpret_cast<IntLanes::Register>(pairs_summed(sums[half]));
    return to_float(both + offset);
  }
};

}  // namespace

namespace engine {
extern const Kernels avx2_kernels;
const Kernels avx2_kernels = KERNELS("avx2");
}  // namespace engine

END_ISA
#endif
