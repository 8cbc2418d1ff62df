// Recurrent cells, ReLU and the choice of a level, on sixteen lanes.
#pragma once

#include "kernels.h"
#include "lanes.h"

namespace {

using engine::CellStep;

// GRU with the reset gate applied after the product (Keras' reset_after); gates z, r, h.
void gru(const CellStep& step, engine::Blocks blocks) {
  for (int v = 0; v < step.voices; ++v) {
    for (int b = blocks.first; b < blocks.last; ++b) {
      const size_t gates = size_t(v) * 3 * step.width + b * 3 * kLanes;
      const size_t unit = v * step.stride + b * kLanes;
      const float* x = step.from_input + gates;
      const float* h = step.from_state + gates;
      const Lanes z = sigmoid(lanes_of(x) + lanes_of(h));
      const Lanes r = sigmoid(lanes_of(x + kLanes) + lanes_of(h + kLanes));
      const Lanes candidate =
          hyperbolic_tangent(lanes_of(x + 2 * kLanes) + r * lanes_of(h + 2 * kLanes));
      store(step.after + unit, z * lanes_of(step.before + unit) + (1.0f - z) * candidate);
    }
  }
}

// LSTM; gates i, f, c, o.
void lstm(const CellStep& step, engine::Blocks blocks) {
  for (int v = 0; v < step.voices; ++v) {
    for (int b = blocks.first; b < blocks.last; ++b) {
      const size_t at = size_t(v) * 4 * step.width + b * 4 * kLanes;
      const size_t unit = v * step.stride + b * kLanes;
      Lanes gates[4];
      for (int g = 0; g < 4; ++g)
        gates[g] = lanes_of(step.from_input + at + g * kLanes) +
                   lanes_of(step.from_state + at + g * kLanes);
      const Lanes cell_state = sigmoid(gates[1]) * lanes_of(step.cell_state + unit) +
                               sigmoid(gates[0]) * hyperbolic_tangent(gates[2]);
      store(step.cell_state + unit, cell_state);
      store(step.after + unit, sigmoid(gates[3]) * hyperbolic_tangent(cell_state));
    }
  }
}

void add(engine::Blocks blocks, const float* x, float* y) {
  for (int c = blocks.first * kLanes; c < blocks.last * kLanes; c += kLanes)
    store(y + c, lanes_of(y + c) + lanes_of(x + c));
}

void relu(engine::Blocks blocks, float* y) {
  for (int c = blocks.first * kLanes; c < blocks.last * kLanes; c += kLanes)
    store(y + c, maximum(lanes_of(y + c), Lanes{}));
}

// a temperature below this counts as 0, as in the TensorFlow generator
constexpr float kColdest = 1e-6f;
// below this exponent a weight is 0: it could not change a sum of at least 1
constexpr float kLeastExponent = -86.0f;

INLINE int32_t first_at(const float* logits, int padded, float value) {
  for (int q = 0; q < padded; ++q)
    if (logits[q] == value) return q;
  return 0;
}

// Inverse transform: the first level whose cumulative weight exceeds `uniform` times the total.
// `sums` holds the sum of each block of 16 weights.
INLINE int32_t invert(const float* weights, const float* sums, int blocks, float uniform) {
  float all = 0.0f;
  for (int b = 0; b < blocks; ++b) all += sums[b];
  const float threshold = uniform * all;
  float below = 0.0f;
  int b = 0;
  for (; b < blocks - 1 && below + sums[b] <= threshold; ++b) below += sums[b];
  int32_t last = 0;  // the last with any weight, in case rounding leaves none above
  for (int32_t q = b * kLanes; q < (b + 1) * kLanes; ++q) {
    below += weights[q];
    if (below > threshold) return q;
    if (weights[q] > 0.0f) last = q;
  }
  return last;
}

INLINE float largest_logit(const float* logits, int padded) {
  Lanes peak = lanes_of(logits);
  for (int q = kLanes; q < padded; q += kLanes) peak = maximum(peak, lanes_of(logits + q));
  return largest(peak);
}

// weights = e^((logits - top) * scale), followed by the sum of each block of 16
INLINE void weigh(const float* logits, int padded, float top, float scale, float* weights) {
  float* sums = weights + padded;
  for (int q = 0; q < padded; q += kLanes) {
    const Lanes x = (lanes_of(logits + q) - top) * scale;
    const Lanes block = choose(x, kLeastExponent, Lanes{}, exponential(x));
    store(weights + q, block);
    *sums++ = sum_of(block);
  }
}

int32_t draw(const float* logits, int padded, float temperature, float uniform, float* weights) {
  const float top = largest_logit(logits, padded);
  if (temperature < kColdest) return first_at(logits, padded, top);
  weigh(logits, padded, top, 1.0f / temperature, weights);
  return invert(weights, weights + padded, padded / kLanes, uniform);
}

float bits(const float* logits, int padded, int32_t level, float* weights) {
  const float top = largest_logit(logits, padded);
  weigh(logits, padded, top, 1.0f, weights);
  float all = 0.0f;
  for (int b = 0; b < padded / kLanes; ++b) all += weights[padded + b];
  return __builtin_log2f(all) - (logits[level] - top) * 1.44269504f;
}

}  // namespace
