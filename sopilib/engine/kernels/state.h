// What generation carries from one sample to the next, and nothing else.
#pragma once

#include <cstdint>
#include <vector>

#include "model.h"

namespace engine {

// Where generation stands; each thread keeps its own copy while a job runs.
struct Clock {
  int position = 0;            // samples made of the current big frame
  bool tiers_are_run = false;  // those that are due at this position
  std::vector<int> current;    // for each tier, which of its two outputs is the newest
};

struct TierState {
  // (voices, num_rnn_layers, width) each: a step reads one and writes the other
  std::vector<float> outputs[2];
  std::vector<float> memory;        // (voices, num_rnn_layers, width), LSTM only
  std::vector<float> conditioning;  // (voices, width), with skip connections only
};

struct State {
  Clock clock;
  std::vector<TierState> tiers;
  std::vector<int32_t> history;  // (voices, big_frame_size), newest sample last

  // One big frame of silence before it and all else zero.
  State(const Model& model, int voices);

  // All of it as numbers, and back from numbers that `floats` and `integers` gave for a
  // state of the same shape; false if these cannot be from one.
  std::vector<float> floats() const;
  std::vector<int32_t> integers() const;
  bool restore(const std::vector<float>& floats, const std::vector<int32_t>& integers,
               const Model& model);
};

}  // namespace engine
