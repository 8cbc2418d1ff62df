#include "state.h"

#include <algorithm>

namespace engine {

namespace {

// Visits every float of the state in a fixed order, only the newest outputs.
template <class States, class Visit>
void visit_floats(States& tiers, const std::vector<int>& current, Visit visit) {
  for (size_t t = 0; t < tiers.size(); ++t) {
    visit(tiers[t].outputs[current[t]]);
    visit(tiers[t].cell_state);
    visit(tiers[t].conditioning);
  }
}

}  // namespace

State::State(const Model& model, int voices)
    : history(size_t(voices) * model.big_frame_size(), model.q_levels / 2) {
  const size_t vector = size_t(voices) * model.width;
  for (const Tier& tier : model.tiers) {
    const size_t layers = vector * tier.layers.size();
    TierState state;
    state.outputs[0].resize(layers);
    state.outputs[1].resize(layers);
    state.cell_state.resize(model.is_lstm() ? layers : 0);
    state.conditioning.resize(tier.skip.count ? vector : 0);
    tiers.push_back(std::move(state));
    clock.current.push_back(0);
  }
}

std::vector<float> State::floats() const {
  std::vector<float> all;
  visit_floats(tiers, clock.current, [&](const std::vector<float>& values) {
    all.insert(all.end(), values.begin(), values.end());
  });
  return all;
}

std::vector<int32_t> State::integers() const {
  std::vector<int32_t> all = {clock.position, clock.tiers_are_run};
  all.insert(all.end(), history.begin(), history.end());
  return all;
}

bool State::restore(const std::vector<float>& floats_given,
                    const std::vector<int32_t>& integers_given, const Model& model) {
  const auto is_level = [&](int32_t level) { return level >= 0 && level < model.q_levels; };
  if (floats_given.size() != floats().size() || integers_given.size() != 2 + history.size() ||
      integers_given[0] < 0 || integers_given[0] >= model.big_frame_size() ||
      !std::all_of(integers_given.begin() + 2, integers_given.end(), is_level))
    return false;
  const float* next = floats_given.data();
  visit_floats(tiers, clock.current, [&](std::vector<float>& values) {
    std::copy(next, next + values.size(), values.begin());
    next += values.size();
  });
  clock.position = integers_given[0];
  clock.tiers_are_run = integers_given[1] != 0;
  std::copy(integers_given.begin() + 2, integers_given.end(), history.begin());
  return true;
}

}  // namespace engine
