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

#include "lanes.h"
#include "kernels.h"

namespace {

INLINE __m512i four_times(const int8_t* codes) {
  int32_t four;
  __builtin_memcpy(&four, codes, sizeof four);
  return _mm512_set1_epi32(four);
}

INLINE void store_codes(const engine::Inputs& in, size_t at, IntLanes codes) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(in.codes + at),
                   _mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(codes.parts[0])));
}

}  // namespace

#include "cells.h"
#include "matvec.h"

namespace {

// A lane holds the sum of a row. The instruction needs unsigned weights, so they keep their
// offset, and `start` subtracts it.
struct Dot {
  static constexpr int kTile = 8, kDots = 8, kRegisters = 32;
  __m512i sums = {};

  static INLINE Dot start8(const engine::Inputs& in, int voice) {
    return {_mm512_set1_epi32(-128 * in.totals[voice])};
  }

  static INLINE Dot start4(const engine::Inputs& in, int voice, int group) {
    return {_mm512_set1_epi32(-8 * in.sums[voice * (in.cols / engine::kGroup) + group])};
  }

  INLINE void add8(const uint8_t* w, const engine::Inputs& in, size_t at) {
    sums = _mm512_dpbusd_epi32(sums, _mm512_loadu_si512(w), four_times(in.codes + at));
  }

  INLINE void add4(const uint8_t* w, const engine::Inputs& in, size_t at) {
    const __m512i bytes = _mm512_loadu_si512(w), low = _mm512_set1_epi8(15);
    const __m512i high_half = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low);
    sums = _mm512_dpbusd_epi32(sums, _mm512_and_si512(bytes, low), four_times(in.codes + at));
    sums = _mm512_dpbusd_epi32(sums, high_half, four_times(in.codes + at + 4));
  }

  INLINE void add(const Dot& other) { sums = _mm512_add_epi32(sums, other.sums); }

  INLINE Lanes lanes8() const { return to_float({reinterpret_cast<IntLanes::Register>(sums)}); }

  INLINE Lanes lanes4() const { return lanes8(); }
};

}  // namespace

namespace engine {
extern const Kernels avx512_kernels;
const Kernels avx512_kernels = KERNELS("avx512");
}  // namespace engine

END_ISA
#endif
