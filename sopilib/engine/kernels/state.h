// The state that generation carries from one sample to the next, and nothing else.
#pragma once

#include <cstdint>
#include <vector>

#include "model.h"

namespace engine {

// The position of generation; each thread keeps its own copy while a job runs.
struct Clock {
  int position = 0;            // samples generated in the current big frame
  bool tiers_are_run = false;  // the tiers that are due at this position
  std::vector<int> current;    // for each tier, which of its two outputs is the newest
};

struct TierState {
  // (voices, num_rnn_layers, width) each: a step reads one and writes the other
  std::vector<float> outputs[2];
  std::vector<float> cell_state;    // (voices, num_rnn_layers, width), LSTM only
  std::vector<float> conditioning;  // (voices, width), with skip connections only
};

struct State {
  Clock clock;
  std::vector<TierState> tiers;
  std::vector<int32_t> history;  // (voices, big_frame_size), newest sample last

  // One big frame of silence in the history, everything else zero.
  State(const Model& model, int voices);

  // The whole state as numbers, and its restoration from the numbers that `floats` and
  // `integers` returned for a state of the same shape; false if they do not fit.
  std::vector<float> floats() const;
  std::vector<int32_t> integers() const;
  bool restore(const std::vector<float>& floats, const std::vector<int32_t>& integers,
               const Model& model);
};

}  // namespace engine
