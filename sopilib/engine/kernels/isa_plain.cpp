// Kernels in plain C++, for any processor; the others must give the same bits.

#include "isa.h"

namespace {
constexpr int kRegisterBytes = 16;
}

#include "lanes.h"
#include "kernels.h"

namespace {

INLINE void store_codes(const engine::Inputs& in, size_t at, IntLanes codes) {
  int32_t wide[kLanes];
  store(wide, codes);
  for (int i = 0; i < kLanes; ++i) in.codes[at + i] = int8_t(wide[i]);
}

}  // namespace

#include "cells.h"
#include "matvec.h"

namespace {

struct Dot {
  static constexpr int kTile = 1, kDots = 1, kRegisters = 16;
  int32_t sums[kLanes] = {};

  static INLINE Dot start8(const engine::Inputs&, int) { return {}; }

  static INLINE Dot start4(const engine::Inputs&, int, int) { return {}; }

  INLINE void add8(const uint8_t* w, const engine::Inputs& in, size_t at) {
    add(w, in.codes + at, 0, 255, 128);
  }

  INLINE void add4(const uint8_t* w, const engine::Inputs& in, size_t at) {
    add(w, in.codes + at, 0, 15, 8);
    add(w, in.codes + at + 4, 4, 15, 8);
  }

  INLINE void add(const uint8_t* w, const int8_t* codes, int shift, int mask, int offset) {
    for (int row = 0; row < kLanes; ++row)
      for (int i = 0; i < 4; ++i)
        sums[row] += (((w[4 * row + i] >> shift) & mask) - offset) * codes[i];
  }

  INLINE void add(const Dot& other) {
    for (int row = 0; row < kLanes; ++row) sums[row] += other.sums[row];
  }

  INLINE Lanes lanes8() const { return to_float(load<IntLanes>(sums)); }

  INLINE Lanes lanes4() const { return lanes8(); }
};

}  // namespace

namespace engine {
extern const Kernels plain_kernels;
const Kernels plain_kernels = KERNELS("plain");
}  // namespace engine
