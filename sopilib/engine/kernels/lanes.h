// Sixteen float32 lanes and the functions on them that the network needs.
//
// Written with the vector extensions of GCC and Clang and compiled once for each
// instruction set. Products and sums are never fused (-ffp-contract=off), so every
// instruction set gives the same bits.
#pragma once

#include <cstdint>
#include <type_traits>

#define INLINE inline __attribute__((always_inline))

namespace {

typedef float Lanes __attribute__((vector_size(64)));
typedef int32_t IntLanes __attribute__((vector_size(64)));
typedef int8_t ByteLanes __attribute__((vector_size(16)));

constexpr int kLanes = 16;

template <class Vector>
INLINE Vector load(const void* from) {
  Vector lanes;
  __builtin_memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

template <class Vector, class Element>
INLINE void store(Element* to, Vector lanes) {
  __builtin_memcpy(to, &lanes, sizeof lanes);
}

INLINE Lanes lanes_of(const float* from) { return load<Lanes>(from); }

INLINE Lanes maximum(Lanes a, Lanes b) { return a > b ? a : b; }

INLINE Lanes minimum(Lanes a, Lanes b) { return a < b ? a : b; }

template <class Element, int bytes>
struct Halves {
  typedef Element Half __attribute__((vector_size(bytes)));
  Half first, second;
};

template <class Vector>
INLINE auto halves_of(Vector lanes) {
  using Element = std::remove_reference_t<decltype(lanes[0])>;
  Halves<Element, sizeof(Vector) / 2> halves;
  __builtin_memcpy(&halves, &lanes, sizeof halves);
  return halves;
}

// Sum of all lanes, halves first, in the same order everywhere.
template <class Vector>
INLINE auto sum_of(Vector lanes) {
  if constexpr (sizeof(Vector) == 16) {
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
  } else {
    const auto halves = halves_of(lanes);
    return sum_of(halves.first + halves.second);
  }
}

INLINE float largest(Lanes lanes) {
  const auto eights = halves_of(lanes);
  const auto fours = halves_of(eights.first > eights.second ? eights.first : eights.second);
  const auto four = fours.first > fours.second ? fours.first : fours.second;
  const float a = four[0] > four[2] ? four[0] : four[2];
  const float b = four[1] > four[3] ? four[1] : four[3];
  return a > b ? a : b;
}

// 1.5 * 2^23: adding it leaves the nearest integer in the low bits of the mantissa
constexpr float kRounder = 12582912.0f;

INLINE IntLanes nearest(Lanes x) {  // |x| < 2^22
  return reinterpret_cast<IntLanes>(x + kRounder) - 0x4B400000;
}

// e^x to 2 units in the last place, for -87 <= x <= 88 and clamped outside: Taylor's
// series to the 7th power on |r| <= ln(2) / 2, then the exponent.
INLINE Lanes exponential(Lanes x) {
  x = minimum(maximum(x, Lanes{} - 87.0f), Lanes{} + 88.0f);
  const IntLanes n = nearest(x * 1.44269504f);
  const Lanes whole = __builtin_convertvector(n, Lanes);
  // ln(2) in two parts, the first short enough that its product is exact
  const Lanes r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  Lanes sum = r * (1.0f / 5040) + 1.0f / 720;
  sum = sum * r + 1.0f / 120;
  sum = sum * r + 1.0f / 24;
  sum = sum * r + 1.0f / 6;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  return sum * reinterpret_cast<Lanes>((n + 127) << 23);
}

INLINE Lanes sigmoid(Lanes x) { return 1.0f / (1.0f + exponential(-x)); }

INLINE Lanes hyperbolic_tangent(Lanes x) { return 1.0f - 2.0f / (exponential(x + x) + 1.0f); }

}  // namespace
