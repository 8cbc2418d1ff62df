// Models with random weights, in the layouts of `sopilib/engine/pack.py`.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <random>
#include <vector>

#include "../../../sopilib/engine/kernels/model.h"

namespace selftest {

using namespace engine;

inline std::mt19937 random_bits(1);

inline float uniform(float low, float high) {
  return std::uniform_real_distribution<float>(low, high)(random_bits);
}

inline std::vector<float> random_floats(size_t size, float magnitude) {
  std::vector<float> values(size);
  for (float& value : values) value = uniform(-magnitude, magnitude);
  return values;
}

// Storage for random weights; a deque, so that pointers into it stay valid.
class Weights {
 public:
  const float* floats(size_t size, float magnitude) {
    floats_.push_back(random_floats(size, magnitude));
    return floats_.back().data();
  }

  const float* padded_floats(size_t size, size_t padded_size, float padding) {
    floats_.push_back(random_floats(size, 1.0f));
    floats_.back().resize(padded_size, padding);
    return floats_.back().data();
  }

  Matrix matrix(Format format, int count, int rows, int cols) {
    Matrix m;
    m.format = format, m.rows = rows, m.cols = cols, m.count = count;
    const size_t weights = size_t(kBlockRows) * cols;
    m.block_bytes = format == Format::float32    ? weights * 4
                    : format == Format::bfloat16 ? weights * 2
                    : format == Format::int8     ? weights
                                                 : weights * 9 / 16;
    m.data = bytes(format, size_t(count) * rows / kBlockRows * m.block_bytes);
    if (format == Format::int8) m.scales = floats(size_t(count) * rows, 0.001f);
    return m;
  }

  Table table(Format format, int frame_size, int q_levels, int width) {
    Table t;
    t.format = format, t.q_levels = q_levels, t.width = width;
    const int size = format == Format::float32 ? 4 : 2;
    t.data = bytes(format, size_t(frame_size) * q_levels * width * size);
    return t;
  }

 private:
  const uint8_t* bytes(Format format, size_t size) {
    bytes_.emplace_back(size);
    std::vector<uint8_t>& all = bytes_.back();
    if (format == Format::int8 || format == Format::int4)
      for (uint8_t& byte : all) byte = uint8_t(random_bits() % 255 + 1);
    if (format == Format::int4)
      for (size_t at = 0; at < size; at += 576) fill_bfloat16(&all[at], 64, 0.01f);
    if (format == Format::bfloat16) fill_bfloat16(all.data(), size, 0.2f);
    if (format == Format::float32)
      for (size_t at = 0; at < size; at += 4) {
        const float value = uniform(-0.2f, 0.2f);
        std::memcpy(&all[at], &value, 4);
      }
    return all.data();
  }

  static void fill_bfloat16(uint8_t* to, size_t size, float magnitude) {
    for (size_t at = 0; at < size; at += 2) {
      const float value = uniform(-magnitude, magnitude);
      std::memcpy(to + at, reinterpret_cast<const uint8_t*>(&value) + 2, 2);
    }
  }

  std::deque<std::vector<float>> floats_;
  std::deque<std::vector<uint8_t>> bytes_;
};

inline Tier random_tier(Weights& weights, Format format, int width, int gates, int frame_size,
                        int frame_ratio, bool has_skip) {
  constexpr int kLayers = 2;
  const int rows = gates * width;
  Tier tier = {};
  tier.frame_size = frame_size;
  tier.inputs = weights.matrix(Format::float32, 1, rows, (frame_size + 3) / 4 * 4);
  if (frame_ratio) tier.conditioning = weights.matrix(format, frame_ratio, rows, width);
  for (int k = 0; k < kLayers; ++k) {
    Layer layer = {};
    if (k) layer.kernel = weights.matrix(format, 1, rows, width);
    layer.recurrent = weights.matrix(format, 1, rows, width);
    layer.input_bias = weights.floats(rows, 0.5f);
    layer.state_bias = weights.floats(rows, 0.5f);
    tier.layers.push_back(layer);
  }
  if (has_skip) tier.skip = weights.matrix(format, 1, width, kLayers * width);
  tier.skip_bias = weights.floats(width, 0.5f);
  return tier;
}

// Three tiers of frames 12, 6 and 2; `weights` must outlive the model.
inline Model random_model(Weights& weights, Format format, int gates, bool has_skip) {
  const int width = 64, q_levels = 30, padded = 32, frame_size = 2;
  Model model = {};
  model.q_levels = q_levels, model.padded_levels = padded;
  model.width = width, model.gates = gates;
  model.tiers = {random_tier(weights, format, width, gates, 12, 0, has_skip),
                 random_tier(weights, format, width, gates, 6, 2, has_skip),
                 random_tier(weights, format, width, gates, frame_size, 3, has_skip)};
  const Format table = format == Format::float32 ? Format::float32 : Format::bfloat16;
  model.table = weights.table(table, frame_size, q_levels, width);
  model.upsample = weights.matrix(format, frame_size, width, width);
  model.hidden1_bias = weights.floats(width, 0.5f);
  model.hidden2 = weights.matrix(format, 1, width, width);
  model.hidden2_bias = weights.floats(width, 0.5f);
  model.outputs = weights.matrix(format, 1, padded, width);
  model.outputs_bias = weights.padded_floats(q_levels, padded, -1e30f);
  return model;
}

}  // namespace selftest
