// The folded weights of a model: read-only, in memory that outlives the model.
//
// Shapes: `width` is dim rounded up to a multiple of 64, the padding zero; a cell has
// `gates` blocks of rows for each block of 16 units, 3 for a GRU and 4 for an LSTM.
#pragma once

#include <vector>

#include "kernels.h"

namespace engine {

struct Layer {
  Matrix kernel;            // (gates * width, width); none in layer 0, see Tier
  Matrix recurrent;         // (gates * width, width)
  const float* input_bias;  // (gates * width,)
  const float* state_bias;  // (gates * width,)
};

struct Tier {
  int frame_size;
  Matrix inputs;        // (gates * width, frame_size): samples to gates of layer 0
  Matrix conditioning;  // (frames in a frame of the tier above, gates * width, width)
  std::vector<Layer> layers;
  Matrix skip;             // (width, num_rnn_layers * width), or none
  const float* skip_bias;  // (width,)
};

struct Model {
  int q_levels;
  int padded_levels;  // multiple of 16; the logits of the padding are -1e30
  int width;
  int gates;
  std::vector<Tier> tiers;    // the one with the longest frames first
  Table table;                // (frame_size, q_levels, width)
  Matrix upsample;            // (frame_size, width, width): lowest tier to hidden1
  const float* hidden1_bias;  // (width,)
  Matrix hidden2;             // (width, width)
  const float* hidden2_bias;  // (width,)
  Matrix outputs;             // (padded_levels, width)
  const float* outputs_bias;  // (padded_levels,)

  bool is_lstm() const { return gates == 4; }
  int frame_size() const { return tiers.back().frame_size; }
  int big_frame_size() const { return tiers.front().frame_size; }
};

}  // namespace engine
