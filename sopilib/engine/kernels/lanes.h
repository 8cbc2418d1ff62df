// Sixteen float32 lanes and the functions on them that the network needs.
//
// Written with the vector extensions of GCC and Clang and compiled once for each
// instruction set, which defines `kRegisterBytes`, the size of its registers. Lanes are an
// array of registers, not one long vector: compilers move a vector that is longer than a
// register through memory. Products and sums are never fused (-ffp-contract=off), so every
// instruction set gives the same bits.
#pragma once

#include <cstdint>
#include <type_traits>

#define INLINE inline __attribute__((always_inline))

namespace {

constexpr int kLanes = 16;

template <class Element>
struct Wide {
  typedef Element Register __attribute__((vector_size(kRegisterBytes)));
  static constexpr int kRegisters = kLanes * sizeof(Element) / kRegisterBytes;
  Register parts[kRegisters];
};

using Lanes = Wide<float>;
using IntLanes = Wide<int32_t>;

// Lane by lane, between lanes or with one number for all of them.
#define LANEWISE(op)                                                                 \
  template <class Element>                                                           \
  INLINE Wide<Element> operator op(Wide<Element> a, Wide<Element> b) {               \
    for (int i = 0; i < a.kRegisters; ++i) a.parts[i] = a.parts[i] op b.parts[i];    \
    return a;                                                                        \
  }                                                                                  \
  template <class Element>                                                           \
  INLINE Wide<Element> operator op(Wide<Element> a, std::common_type_t<Element> b) { \
    for (int i = 0; i < a.kRegisters; ++i) a.parts[i] = a.parts[i] op b;             \
    return a;                                                                        \
  }                                                                                  \
  template <class Element>                                                           \
  INLINE Wide<Element> operator op(std::common_type_t<Element> a, Wide<Element> b) { \
    for (int i = 0; i < b.kRegisters; ++i) b.parts[i] = a op b.parts[i];             \
    return b;                                                                        \
  }

LANEWISE(+)
LANEWISE(-)
LANEWISE(*)
LANEWISE(/)
LANEWISE(&)
LANEWISE(^)
LANEWISE(<<)
#undef LANEWISE

template <class Element>
INLINE Wide<Element>& operator+=(Wide<Element>& a, Wide<Element> b) {
  return a = a + b;
}

template <class Vector>
INLINE Vector load(const void* from) {
  Vector lanes;
  for (int i = 0; i < lanes.kRegisters; ++i)
    __builtin_memcpy(&lanes.parts[i], static_cast<const char*>(from) + i * kRegisterBytes,
                     kRegisterBytes);
  return lanes;
}

template <class Element>
INLINE void store(Element* to, Wide<Element> lanes) {
  constexpr int kPart = kRegisterBytes / sizeof(Element);
  for (int i = 0; i < lanes.kRegisters; ++i)
    __builtin_memcpy(to + i * kPart, &lanes.parts[i], kRegisterBytes);
}

INLINE Lanes lanes_of(const float* from) { return load<Lanes>(from); }

INLINE Lanes all_lanes(float x) {
  Lanes lanes;
  for (int i = 0; i < lanes.kRegisters; ++i) lanes.parts[i] = Lanes::Register{} + x;
  return lanes;
}

INLINE Lanes negative(Lanes x) {
  for (int i = 0; i < x.kRegisters; ++i) x.parts[i] = -x.parts[i];
  return x;
}

INLINE Lanes to_float(IntLanes lanes) {
  Lanes floats;
  for (int i = 0; i < lanes.kRegisters; ++i)
    floats.parts[i] = __builtin_convertvector(lanes.parts[i], Lanes::Register);
  return floats;
}

INLINE Lanes bits_as_float(IntLanes bits) {
  Lanes floats;
  for (int i = 0; i < bits.kRegisters; ++i)
    floats.parts[i] = reinterpret_cast<Lanes::Register>(bits.parts[i]);
  return floats;
}

INLINE IntLanes bits_of(Lanes floats) {
  IntLanes bits;
  for (int i = 0; i < floats.kRegisters; ++i)
    bits.parts[i] = reinterpret_cast<IntLanes::Register>(floats.parts[i]);
  return bits;
}

// `below` where x is less than `limit`, else `otherwise`.
INLINE Lanes choose(Lanes x, float limit, Lanes below, Lanes otherwise) {
  for (int i = 0; i < x.kRegisters; ++i)
    x.parts[i] = x.parts[i] < limit ? below.parts[i] : otherwise.parts[i];
  return x;
}

struct Sum {
  template <class Value>
  static INLINE Value of(Value a, Value b) {
    return a + b;
  }
};

struct Maximum {
  template <class Value>
  static INLINE Value of(Value a, Value b) {
    return a > b ? a : b;
  }
};

struct Minimum {
  template <class Value>
  static INLINE Value of(Value a, Value b) {
    return a < b ? a : b;
  }
};

template <class Choice, class Element>
INLINE Wide<Element> lanewise(Wide<Element> a, Wide<Element> b) {
  for (int i = 0; i < a.kRegisters; ++i) a.parts[i] = Choice::of(a.parts[i], b.parts[i]);
  return a;
}

template <class Element>
INLINE Wide<Element> maximum(Wide<Element> a, Wide<Element> b) {
  return lanewise<Maximum>(a, b);
}

template <class Element>
INLINE Wide<Element> minimum(Wide<Element> a, Wide<Element> b) {
  return lanewise<Minimum>(a, b);
}

template <class Element, int bytes>
struct Halves {
  typedef Element Half __attribute__((vector_size(bytes)));
  Half first, second;
};

// Combines all elements of a register, halves first.
template <class Combine, class Register>
INLINE auto fold(Register part) {
  using Element = std::remove_reference_t<decltype(part[0])>;
  if constexpr (sizeof(Register) == 4 * sizeof(Element)) {
    return Combine::of(Combine::of(part[0], part[2]), Combine::of(part[1], part[3]));
  } else {
    Halves<Element, sizeof(Register) / 2> halves;
    __builtin_memcpy(&halves, &part, sizeof halves);
    return fold<Combine>(Combine::of(halves.first, halves.second));
  }
}

// Combines all lanes, halves first, in the same order everywhere.
template <class Combine, class Element>
INLINE Element fold(Wide<Element> lanes) {
  for (int half = lanes.kRegisters / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i)
      lanes.parts[i] = Combine::of(lanes.parts[i], lanes.parts[i + half]);
  return fold<Combine>(lanes.parts[0]);
}

template <class Element>
INLINE Element sum_of(Wide<Element> lanes) {
  return fold<Sum>(lanes);
}

INLINE float largest(Lanes lanes) { return fold<Maximum>(lanes); }

// 1.5 * 2^23: adding it leaves the nearest integer in the low bits of the mantissa
constexpr float kRounder = 12582912.0f;

INLINE IntLanes nearest(Lanes x) {  // |x| < 2^22
  return bits_of(x + kRounder) - 0x4B400000;
}

// e^x to 2 units in the last place, for -87 <= x <= 88 and clamped outside: Taylor's
// series to the 7th power on |r| <= ln(2) / 2, then the exponent.
INLINE Lanes exponential(Lanes x) {
  x = minimum(maximum(x, all_lanes(-87.0f)), all_lanes(88.0f));
  const IntLanes n = nearest(x * 1.44269504f);
  const Lanes whole = to_float(n);
  // ln(2) in two parts, the first short enough that its product is exact
  const Lanes r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  Lanes sum = r * (1.0f / 5040) + 1.0f / 720;
  sum = sum * r + 1.0f / 120;
  sum = sum * r + 1.0f / 24;
  sum = sum * r + 1.0f / 6;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  return sum * bits_as_float((n + 127) << 23);
}

INLINE Lanes sigmoid(Lanes x) { return 1.0f / (1.0f + exponential(negative(x))); }

INLINE Lanes hyperbolic_tangent(Lanes x) { return 1.0f - 2.0f / (exponential(x + x) + 1.0f); }

}  // namespace
