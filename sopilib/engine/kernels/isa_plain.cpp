// Kernels in plain C++, for any processor; the others must give the same bits.

#include "isa.h"

namespace {
constexpr int kRegisterBytes = 16;
}

#include "cells.h"
#include "matvec.h"

namespace {

struct Dot {
  static constexpr int kTile = 1, kDots = 1, kRegisters = 16;
  int32_t sums[kLanes];

  static INLINE Dot start8(int32_t) { return {}; }

  static INLINE Dot start4(int32_t) { return {}; }

  INLINE void add8(const uint8_t* w, int32_t x, int32_t) { add(w, x, 0, 255, 128); }

  INLINE void add4(const uint8_t* w, int32_t x_low, int32_t x_high) {
    add(w, x_low, 0, 15, 8);
    add(w, x_high, 4, 15, 8);
  }

  INLINE void add(const uint8_t* w, int32_t x, int shift, int mask, int offset) {
    int8_t codes[4];
    __builtin_memcpy(codes, &x, sizeof codes);
    for (int row = 0; row < kLanes; ++row)
      for (int i = 0; i < 4; ++i)
        sums[row] += (((w[4 * row + i] >> shift) & mask) - offset) * codes[i];
  }

  INLINE void add(const Dot& other) {
    for (int row = 0; row < kLanes; ++row) sums[row] += other.sums[row];
  }

  INLINE Lanes lanes() const { return to_float(load<IntLanes>(sums)); }
};

}  // namespace

namespace engine {
extern const Kernels plain_kernels;
const Kernels plain_kernels = KERNELS("plain");
}  // namespace engine
