#include "state.h"

#include <algorithm>

namespace engine {

State::State(const Model& model, int voices)
    : clocks(voices), history(size_t(voices) * model.big_frame_size(), model.q_levels / 2) {
  const size_t vector = size_t(voices) * model.width;
  for (const Tier& tier : model.tiers) {
    const size_t layers = vector * tier.layers.size();
    TierState state;
    state.outputs[0].resize(layers);
    state.outputs[1].resize(layers);
    state.cell_state.resize(model.is_lstm() ? layers : 0);
    state.conditioning.resize(tier.skip.count ? vector : 0);
    tiers.push_back(std::move(state));
  }
  for (Clock& clock : clocks) clock.current.assign(tiers.size(), 0);
}

// Where the floats of a voice are, in a fixed order, only the newest outputs.
std::vector<State::Run> State::runs_of(size_t voice) const {
  std::vector<Run> runs;
  for (size_t t = 0; t < tiers.size(); ++t) {
    const TierState& tier = tiers[t];
    for (auto* values :
         {&tier.outputs[clocks[voice].current[t]], &tier.cell_state, &tier.conditioning}) {
      const size_t size = values->size() / clocks.size();
      runs.push_back({voice * size, size, values});
    }
  }
  return runs;
}

std::vector<float> State::floats() const {
  std::vector<float> all;
  for (size_t voice = 0; voice < clocks.size(); ++voice)
    for (const Run& run : runs_of(voice)) {
      const float* begin = run.values->data() + run.begin;
      all.insert(all.end(), begin, begin + run.size);
    }
  return all;
}

std::vector<int32_t> State::integers() const {
  const size_t big = history.size() / clocks.size();
  std::vector<int32_t> all;
  for (size_t voice = 0; voice < clocks.size(); ++voice) {
    all.push_back(clocks[voice].position);
    all.push_back(clocks[voice].tiers_are_run);
    const auto begin = history.begin() + voice * big;
    all.insert(all.end(), begin, begin + big);
  }
  return all;
}

// Returns the integers of an older state with its one clock in front of every voice.
std::vector<int32_t> State::by_voice(const std::vector<int32_t>& given) const {
  const size_t big = history.size() / clocks.size();
  std::vector<int32_t> all;
  for (size_t voice = 0; voice < clocks.size(); ++voice) {
    all.insert(all.end(), given.begin(), given.begin() + 2);
    const auto begin = given.begin() + 2 + voice * big;
    all.insert(all.end(), begin, begin + big);
  }
  return all;
}

bool State::restore(const std::vector<float>& floats_given,
                    const std::vector<int32_t>& integers_given, const Model& model) {
  const size_t voices = clocks.size(), big = model.big_frame_size();
  const bool is_older = voices > 1 && integers_given.size() == 2 + history.size();
  if (floats_given.size() != floats().size() ||
      (!is_older && integers_given.size() != voices * (2 + big)))
    return false;
  const std::vector<int32_t> integers = is_older ? by_voice(integers_given) : integers_given;
  const auto is_level = [&](int32_t level) { return level >= 0 && level < model.q_levels; };
  for (size_t voice = 0; voice < voices; ++voice) {
    const int32_t* row = &integers[voice * (2 + big)];
    if (row[0] < 0 || row[0] >= int32_t(big) || !std::all_of(row + 2, row + 2 + big, is_level))
      return false;
  }
  for (size_t voice = 0; voice < voices; ++voice) {
    const int32_t* row = &integers[voice * (2 + big)];
    clocks[voice].position = row[0];
    clocks[voice].tiers_are_run = row[1] != 0;
    // voices at one position then have their newest outputs in one place, too
    clocks[voice].current.assign(tiers.size(), 0);
    std::copy_n(row + 2, big, history.begin() + voice * big);
  }
  const float* next = floats_given.data();
  const auto take = [&](const Run& run) {
    std::copy_n(next, run.size, const_cast<float*>(run.values->data()) + run.begin);
    next += run.size;
  };
  if (is_older) {
    for (size_t run = 0; run < 3 * tiers.size(); ++run)
      for (size_t voice = 0; voice < voices; ++voice) take(runs_of(voice)[run]);
  } else {
    for (size_t voice = 0; voice < voices; ++voice)
      for (const Run& run : runs_of(voice)) take(run);
  }
  return true;
}

}  // namespace engine
