// The state that generation carries from one sample to the next, and nothing else.
#pragma once

#include <cstdint>
#include <vector>

#include "model.h"

namespace engine {

// The position of one voice; each thread keeps its own copy while a job runs.
struct Clock {
  int position = 0;            // samples generated in the current big frame
  bool tiers_are_run = false;  // the tiers that are due at this position
  std::vector<int> current;    // for each tier, which of its two outputs is the newest

  bool operator==(const Clock& other) const {
    return position == other.position && tiers_are_run == other.tiers_are_run &&
           current == other.current;
  }
};

struct TierState {
  // (voices, num_rnn_layers, width) each: a step reads one and writes the other
  std::vector<float> outputs[2];
  std::vector<float> cell_state;    // (voices, num_rnn_layers, width), LSTM only
  std::vector<float> conditioning;  // (voices, width), with skip connections only
};

struct State {
  std::vector<Clock> clocks;  // one for each voice
  std::vector<TierState> tiers;
  std::vector<int32_t> history;  // (voices, big_frame_size), newest sample last

  // One big frame of silence in the history, everything else zero.
  State(const Model& model, int voices);

  // The whole state as numbers, the voices one after the other, and its restoration from the
  // numbers that `floats` and `integers` returned for a state of the same shape; false if they
  // do not fit. Older states have one position for all voices, and their floats block by block.
  std::vector<float> floats() const;
  std::vector<int32_t> integers() const;
  bool restore(const std::vector<float>& floats, const std::vector<int32_t>& integers,
               const Model& model);

 private:
  struct Run {
    size_t begin;
    size_t size;
    const std::vector<float>* values;
  };
  std::vector<Run> runs_of(size_t voice) const;
  std::vector<int32_t> by_voice(const std::vector<int32_t>& integers) const;
};

}  // namespace engine
