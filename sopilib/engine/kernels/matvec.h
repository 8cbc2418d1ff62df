// Matrix-vector products, written once for all instruction sets.
//
// An instruction set provides `store_codes(in, at, codes)`, which keeps 16 input codes in the form
// that its products need, and the type `Dot`, integer sums of 16 rows, with
//   start8(in, voice)            before the first column, for instructions that take the weights
//   start4(in, voice, group)     with their offset
//   add8(weights, in, at)        64 bytes of int8 weights, the 4 inputs from `at` on
//   add4(weights, in, at)        64 bytes of int4 weights, the 8 inputs from `at` on
//   add(other)                   after `add8` alone
//   lanes8(), lanes4()           the sums as float32
// and
//   kTile       the largest number of voices that share a weight while it is in a register
//   kDots       the sums of a single voice in progress, so that none waits for itself
//   kRegisters  vector registers
//
// The order of a voice's sum does not depend on the tile, so its result does not depend on
// the other voices.
#pragma once

#include "kernels.h"
#include "lanes.h"

namespace {

using engine::Blocks;
using engine::Format;
using engine::Inputs;
using engine::Matrix;
using engine::Table;

constexpr int kLineBytes = 64;

// A single voice reads the weights once, as fast as they arrive, so they are prefetched into
// the first-level cache. Several voices read each block many times: the second level is enough.
template <int voices>
INLINE void prefetch(const uint8_t* weights) {
  if (voices == 1)
    __builtin_prefetch(weights + 2048);
  else
    __builtin_prefetch(weights + 16384, 0, 2);
}

INLINE void add_to(float* y, Lanes sum) { store(y, lanes_of(y) + sum); }

struct Float32 {
  static constexpr int kPairBytes = 128;
  static INLINE Lanes first(const uint8_t* pair) { return load<Lanes>(pair); }
  static INLINE Lanes second(const uint8_t* pair) { return load<Lanes>(pair + kLineBytes); }
};

// Two numbers in 32 bits: a float32 is a bfloat16 followed by 16 more bits.
struct Bfloat16 {
  static constexpr int kPairBytes = 64;
  static INLINE Lanes first(const uint8_t* pair) {
    return bits_as_float(load<IntLanes>(pair) << 16);
  }
  static INLINE Lanes second(const uint8_t* pair) {
    return bits_as_float(load<IntLanes>(pair) & ~0xFFFF);
  }
};

// One block of 16 rows for `voices` voices, starting with the first one of `in`.
template <class Dot, class Weights, int voices>
INLINE void block_float(const uint8_t* w, const Inputs& in, int voice, float* y, size_t stride) {
  constexpr int kSums = 4;
  if constexpr (voices > 1 && voices * kSums * Lanes::kRegisters >= Dot::kRegisters) {
    constexpr int kHalf = voices / 2;
    block_float<Dot, Weights, kHalf>(w, in, voice, y, stride);
    return block_float<Dot, Weights, kHalf>(w, in, voice + kHalf, y + kHalf * stride, stride);
  }
  Lanes sums[voices][kSums] = {};
  const float* values = in.values + voice * in.stride;
  const size_t input_stride = in.stride;
  for (int c = 0; c < in.cols; c += kSums) {
    for (int k = 0; k < kSums; k += 2, w += Weights::kPairBytes) {
      prefetch<voices>(w);
      const Lanes first = Weights::first(w), second = Weights::second(w);
      for (int v = 0; v < voices; ++v) {
        const float* x = values + v * input_stride + c + k;
        sums[v][k] += first * x[0];
        sums[v][k + 1] += second * x[1];
      }
    }
  }
  for (int v = 0; v < voices; ++v)
    add_to(y + v * stride, (sums[v][0] + sums[v][1]) + (sums[v][2] + sums[v][3]));
}

template <class Dot, int voices>
INLINE void block_int8(const uint8_t* w, const float* scales, const Inputs& in, int voice, float* y,
                       size_t stride) {
  constexpr int kSums = voices >= Dot::kDots ? 1 : Dot::kDots / voices;
  Dot sums[voices][kSums];
  for (int v = 0; v < voices; ++v)
    for (int k = 0; k < kSums; ++k) sums[v][k] = k == 0 ? Dot::start8(in, voice + v) : Dot{};
  for (int c = 0; c < in.cols; c += 4 * kSums) {
    for (int k = 0; k < kSums; ++k, w += kLineBytes) {
      prefetch<voices>(w);
      for (int v = 0; v < voices; ++v)
        sums[v][k].add8(w, in, size_t(voice + v) * in.cols + c + 4 * k);
    }
  }
  for (int v = 0; v < voices; ++v) {
    for (int k = 1; k < kSums; ++k) sums[v][0].add(sums[v][k]);
    add_to(y + v * stride, sums[v][0].lanes8() * lanes_of(scales) * in.scales[voice + v]);
  }
}

template <class Dot, int voices>
INLINE void block_int4(const uint8_t* w, const Inputs& in, int voice, float* y, size_t stride) {
  constexpr int kChunks = engine::kGroup / 8;
  const int groups = in.cols / engine::kGroup;
  Lanes sums[voices] = {};
  for (int g = 0; g < groups; g += 2) {
    const uint8_t* scales = w;
    prefetch<voices>(w);
    w += kLineBytes;
    for (int half = 0; half < 2; ++half) {
      const Lanes scale = half ? Bfloat16::second(scales) : Bfloat16::first(scales);
      Dot dots[voices];
      const size_t column = size_t(g + half) * engine::kGroup;
      for (int v = 0; v < voices; ++v) dots[v] = Dot::start4(in, voice + v, g + half);
      for (int chunk = 0; chunk < kChunks; ++chunk, w += kLineBytes) {
        prefetch<voices>(w);
        for (int v = 0; v < voices; ++v)
          dots[v].add4(w, in, size_t(voice + v) * in.cols + column + 8 * chunk);
      }
      for (int v = 0; v < voices; ++v) sums[v] += dots[v].lanes4() * scale;
    }
  }
  for (int v = 0; v < voices; ++v) add_to(y + v * stride, sums[v] * in.scales[voice + v]);
}

template <class Dot, int voices>
INLINE void block(const Matrix& m, const uint8_t* w, const float* scales, const Inputs& in,
                  int voice, float* y, size_t stride) {
  switch (m.format) {
    case Format::float32:
      return block_float<Dot, Float32, voices>(w, in, voice, y, stride);
    case Format::bfloat16:
      return block_float<Dot, Bfloat16, voices>(w, in, voice, y, stride);
    case Format::int8:
      return block_int8<Dot, voices>(w, scales, in, voice, y, stride);
    case Format::int4:
      return block_int4<Dot, voices>(w, in, voice, y, stride);
  }
}

// A block for all voices from voice `voice` on, in the largest possible tiles.
template <class Dot, int tile>
INLINE void tiles(const Matrix& m, const uint8_t* w, const float* scales, const Inputs& in,
                  int voice, float* y, size_t stride) {
  for (; voice + tile <= in.voices; voice += tile)
    block<Dot, tile>(m, w, scales, in, voice, y + voice * stride, stride);
  if constexpr (tile > 1) tiles<Dot, tile / 2>(m, w, scales, in, voice, y, stride);
}

template <class Dot>
void multiply(const Matrix& m, int index, Blocks blocks, const Inputs& in, float* y,
              size_t y_stride) {
  const size_t first_row = size_t(index) * m.rows;
  const uint8_t* data = m.data + first_row / engine::kBlockRows * m.block_bytes;
  for (int b = blocks.first; b < blocks.last; ++b) {
    const int row = b * engine::kBlockRows;
    const float* scales = m.scales ? m.scales + first_row + row : nullptr;
    tiles<Dot, Dot::kTile>(m, data + b * m.block_bytes, scales, in, 0, y + row, y_stride);
  }
}

void touch(const uint8_t* from, size_t size_bytes) {
  constexpr int kStreams = 4;
  IntLanes seen[kStreams] = {};
  for (size_t at = 0; at + kStreams * kLineBytes <= size_bytes; at += kStreams * kLineBytes) {
    for (int s = 0; s < kStreams; ++s) {
      prefetch<1>(from + at + s * kLineBytes);
      seen[s] = seen[s] ^ load<IntLanes>(from + at + s * kLineBytes);
    }
  }
  asm volatile("" : : "m"(seen));  // so that the compiler keeps the loads
}

// Codes -127..127 of each voice's vector, 127 for its largest magnitude.
void quantize(const Inputs& in) {
  const int groups = in.cols / engine::kGroup;
  for (int v = 0; v < in.voices; ++v) {
    const float* x = in.values + v * in.stride;
    Lanes peak = {};
    for (int c = 0; c < in.cols; c += kLanes)
      peak = maximum(peak, maximum(lanes_of(x + c), negative(lanes_of(x + c))));
    const float magnitude = largest(peak);
    const float to_code = magnitude > 1e-30f ? 127.0f / magnitude : 0.0f;
    in.scales[v] = magnitude / 127.0f;
    IntLanes below_zero = {};
    in.totals[v] = 0;
    for (int g = 0; g < groups; ++g) {
      IntLanes sum = {};
      for (int c = g * engine::kGroup; c < (g + 1) * engine::kGroup; c += kLanes) {
        // within its range even if an activation is NaN or infinite
        const IntLanes code = nearest(
            minimum(maximum(lanes_of(x + c) * to_code, all_lanes(-127.0f)), all_lanes(127.0f)));
        store_codes(in, size_t(v) * in.cols + c, code);
        sum += code;
        below_zero += minimum(code, IntLanes{});
      }
      const int32_t group_sum = sum_of(sum);
      in.sums[v * groups + g] = group_sum;
      in.totals[v] += group_sum;
    }
    in.negatives[v] = -sum_of(below_zero);
  }
}

// Block `block` of 16 columns of a row of the table.
template <class Weights>
INLINE Lanes table_block(const Table& table, size_t row, int block) {
  const size_t pair = row * (table.width / (2 * kLanes)) + block / 2;
  const uint8_t* from = table.data + pair * Weights::kPairBytes;
  return block % 2 ? Weights::second(from) : Weights::first(from);
}

// `blocks` blocks from block `first` on, summed in registers.
template <class Weights, int blocks>
INLINE void add_rows_at(const Table& table, int frame_size, const int32_t* window, int first,
                        float* y) {
  Lanes sums[blocks];
  for (int b = 0; b < blocks; ++b) sums[b] = lanes_of(y + (first + b) * kLanes);
  for (int j = 0; j < frame_size; ++j) {
    const size_t row = size_t(j) * table.q_levels + window[j];
    for (int b = 0; b < blocks; ++b) sums[b] += table_block<Weights>(table, row, first + b);
  }
  for (int b = 0; b < blocks; ++b) store(y + (first + b) * kLanes, sums[b]);
}

template <class Weights>
INLINE void add_all_rows(const Table& table, int frame_size, const int32_t* window, Blocks blocks,
                         float* y) {
  int b = blocks.first;
  for (; b + 4 <= blocks.last; b += 4) add_rows_at<Weights, 4>(table, frame_size, window, b, y);
  for (; b < blocks.last; ++b) add_rows_at<Weights, 1>(table, frame_size, window, b, y);
}

void add_rows(const Table& table, int frame_size, const int32_t* window, Blocks blocks, float* y) {
  if (table.format == Format::float32)
    add_all_rows<Float32>(table, frame_size, window, blocks, y);
  else
    add_all_rows<Bfloat16>(table, frame_size, window, blocks, y);
}

}  // namespace
