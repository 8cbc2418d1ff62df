#include "member.h"

#include <algorithm>
#include <cstring>

namespace engine {

namespace {

// Up to this many values a thread computes hidden1 faster than it waits for the others.
constexpr int kShortHidden1 = 512;

int widest_input(const Model& model) {
  size_t layers = 1;
  for (const Tier& tier : model.tiers)
    if (tier.skip.count) layers = std::max(layers, tier.layers.size());
  return int(layers) * model.width;
}

}  // namespace

Member::Member(Voices& voices, int index)
    : voices_(voices),
      model_(voices.model_),
      kernels_(voices.kernels_),
      index_(index),
      count_(voices.count_),
      codes_(count_, widest_input(model_)),
      inputs_(codes_.inputs()) {
  history_.resize(size_t(count_) * (model_.big_frame_size() + kMaxSamples));
  frame_.resize(size_t(count_) * (model_.big_frame_size() + 4));
  weights_.resize(model_.padded_levels / kBlockRows * (kBlockRows + 1));
  if (has_own_hidden1()) hidden1_.resize(size_t(count_) * model_.width);
}

// The hot loop.
void Member::run(const Job& job) {
  profile_.start(job.spent ? &(*job.spent)[index_] : nullptr);
  begin();
  for (int i = 0; i < job.samples; ++i) {
    const bool wants_logits = !job.given || job.bits;
    run_groups(wants_logits, job.samples - i);
    if (wants_logits) {
      run_hidden2();
      run_outputs();
    }
    draw_levels(job, i);
    profile_.end_of(Part::draw);
    for (Group& group : groups_) {
      group.clock.position = (group.clock.position + 1) % model_.big_frame_size();
      group.clock.tiers_are_run = false;
    }
  }
  end(job.samples);
}

void Member::compute_logits() {
  profile_.start(nullptr);
  begin();
  run_groups(true, 1);
  run_hidden2();
  run_outputs();
  end(0);
}

// All voices of a group have the same tiers due, whatever the samples, so groups stay.
void Member::begin() {
  const int big = model_.big_frame_size(), length = big + kMaxSamples;
  groups_.clear();
  for (int v = 0; v < count_; ++v) {
    const Clock& clock = voices_.state.clocks[v];
    if (groups_.empty() || !(groups_.back().clock == clock))
      groups_.push_back({v, 0, clock, false});
    ++groups_.back().count;
  }
  choose_all();
  newest_ = big;
  for (int v = 0; v < count_; ++v)
    std::copy_n(&voices_.state.history[size_t(v) * big], big, &history_[size_t(v) * length]);
}

// Member 0 returns the clocks and the history once no other member can still read them.
void Member::end(int samples) {
  voices_.team_.barrier(index_);
  if (index_ != 0) return;
  const int big = model_.big_frame_size(), length = big + kMaxSamples;
  for (const Group& group : groups_)
    std::fill_n(voices_.state.clocks.begin() + group.first, group.count, group.clock);
  for (int v = 0; v < count_; ++v)
    std::copy_n(&history_[size_t(v) * length + samples], big,
                &voices_.state.history[size_t(v) * big]);
}

// Runs what depends on the position, group by group.
void Member::run_groups(bool wants_hidden1, int samples_left) {
  for (Group& group : groups_) {
    first_ = group.first;
    end_ = group.first + group.count;
    clock_ = &group.clock;
    if (clock_->position % model_.frame_size() == 0) group.is_upsampled = false;
    run_due_tiers();
    if (!wants_hidden1) continue;
    if (!group.is_upsampled) run_upsample(samples_left);
    group.is_upsampled = true;
    run_hidden1();
  }
  choose_all();
}

// Waits for the other members at the end of a step of this part.
void Member::meet(Part part) {
  profile_.end_of(part);
  voices_.team_.barrier(index_);
  profile_.end_of(Part::meetings);
}

void Member::choose_all() {
  first_ = 0;
  end_ = count_;
  clock_ = nullptr;
}

void Member::run_due_tiers() {
  if (clock_->tiers_are_run) return;
  for (size_t t = 0; t < model_.tiers.size(); ++t)
    if (clock_->position % model_.tiers[t].frame_size == 0) run_tier(int(t));
  clock_->tiers_are_run = true;
}

void Member::run_tier(int index) {
  clock_->current[index] ^= 1;
  for (size_t k = 0; k < model_.tiers[index].layers.size(); ++k) {
    run_layer(index, int(k));
    meet(Part::tiers);
  }
  if (model_.tiers[index].skip.count) {
    run_skip(index);
    meet(Part::tiers);
  }
}

void Member::run_layer(int tier, int layer) {
  const Layer& weights = model_.tiers[tier].layers[layer];
  TierState& state = voices_.state.tiers[tier];
  const Blocks units = share(model_.width);
  const Blocks rows = {units.first * model_.gates, units.last * model_.gates};
  const size_t stride = model_.tiers[tier].layers.size() * model_.width;
  const size_t at = size_t(layer) * model_.width;
  const float* before = state.outputs[clock_->current[tier] ^ 1].data();
  float* after = state.outputs[clock_->current[tier]].data();
  const size_t gates = size_t(model_.gates) * model_.width;
  float* from_input = voices_.shared_.from_input.data();
  float* from_state = voices_.shared_.from_state.data();

  fill(weights.input_bias, rows, from_input, gates);
  if (layer == 0) {
    project_first_layer(tier, rows);
  } else {
    read(after + at - model_.width, stride, model_.width);
    multiply(weights.kernel, 0, rows, from_input, gates);
  }
  fill(weights.state_bias, rows, from_state, gates);
  read(before + at, stride, model_.width);
  multiply(weights.recurrent, 0, rows, from_state, gates);

  float* cell_state = model_.is_lstm() ? state.cell_state.data() + at : nullptr;
  const size_t v = first_;
  const CellStep step = {end_ - first_,
                         model_.width,
                         from_input + v * gates,
                         from_state + v * gates,
                         before + at + v * stride,
                         after + at + v * stride,
                         cell_state ? cell_state + v * stride : nullptr,
                         stride};
  (model_.is_lstm() ? kernels_.lstm : kernels_.gru)(step, units);
}

// The samples of the previous frame and the tier above's conditioning for the next one.
void Member::project_first_layer(int tier, Blocks rows) {
  const Tier& weights = model_.tiers[tier];
  const size_t gates = size_t(model_.gates) * model_.width;
  float* from_input = voices_.shared_.from_input.data();
  frame_inputs(weights.frame_size);
  read(frame_.data(), weights.inputs.cols, weights.inputs.cols);
  multiply(weights.inputs, 0, rows, from_input, gates);
  if (tier == 0) return;
  read_conditioning(tier - 1);
  const int frame = clock_->position % model_.tiers[tier - 1].frame_size / weights.frame_size;
  multiply(weights.conditioning, frame, rows, from_input, gates);
}

// Scales the last `frame_size` levels to -2 <= x < 2, as the frame tiers see them.
void Member::frame_inputs(int frame_size) {
  const int length = model_.big_frame_size() + kMaxSamples;
  const int cols = (frame_size + 3) / 4 * 4;
  const float half = model_.q_levels / 2.0f;
  std::fill(frame_.begin(), frame_.end(), 0.0f);
  for (int v = first_; v < end_; ++v) {
    const int32_t* samples = &history_[size_t(v) * length + newest_ - frame_size];
    for (int j = 0; j < frame_size; ++j)
      frame_[size_t(v) * cols + j] = (float(samples[j]) / half - 1.0f) * 2.0f;
  }
}

void Member::run_skip(int tier) {
  const Tier& weights = model_.tiers[tier];
  const Blocks rows = share(model_.width);
  const size_t all_layers = weights.layers.size() * model_.width;
  float* sum = voices_.state.tiers[tier].conditioning.data();
  fill(weights.skip_bias, rows, sum, model_.width);
  read(voices_.state.tiers[tier].outputs[clock_->current[tier]].data(), all_layers,
       int(all_layers));
  multiply(weights.skip, 0, rows, sum, model_.width);
}

// What the lowest tier adds to hidden1, which does not depend on the samples of its frame: for all
// those that are left in this frame and in the job.
void Member::run_upsample(int samples_left) {
  const int frame_size = model_.frame_size(), position = clock_->position % frame_size;
  const size_t of_sample = size_t(count_) * model_.width;
  const Blocks rows = share(model_.width);
  read_conditioning(int(model_.tiers.size()) - 1);
  for (int p = position; p < std::min(frame_size, position + samples_left); ++p) {
    float* upsampled = &voices_.shared_.upsampled[p * of_sample];
    clear(rows, upsampled, model_.width);
    multiply(model_.upsample, p, rows, upsampled, model_.width);
  }
  meet(Part::upsample);
}

void Member::run_hidden1() {
  const int frame_size = model_.frame_size();
  const int length = model_.big_frame_size() + kMaxSamples;
  const size_t position = clock_->position % frame_size;
  const float* upsampled = &voices_.shared_.upsampled[position * count_ * model_.width];
  const Blocks rows =
      has_own_hidden1() ? Blocks{0, model_.width / kBlockRows} : share(model_.width);
  fill(model_.hidden1_bias, rows, hidden1(), model_.width);
  for (int v = first_; v < end_; ++v) {
    const int32_t* window = &history_[size_t(v) * length + newest_ - frame_size];
    float* of_voice = hidden1() + size_t(v) * model_.width;
    kernels_.add_rows(model_.table, frame_size, window, rows, of_voice);
    kernels_.add(rows, upsampled + size_t(v) * model_.width, of_voice);
    kernels_.relu(rows, of_voice);
  }
  if (has_own_hidden1())
    profile_.end_of(Part::hidden1);
  else
    meet(Part::hidden1);
}

bool Member::has_own_hidden1() const { return count_ * model_.width <= kShortHidden1; }

float* Member::hidden1() {
  return has_own_hidden1() ? hidden1_.data() : voices_.shared_.hidden1.data();
}

void Member::run_hidden2() {
  const Blocks rows = share(model_.width);
  float* hidden2 = voices_.shared_.hidden2.data();
  fill(model_.hidden2_bias, rows, hidden2, model_.width);
  read(hidden1(), model_.width, model_.width);
  multiply(model_.hidden2, 0, rows, hidden2, model_.width);
  for (int v = first_; v < end_; ++v) kernels_.relu(rows, hidden2 + size_t(v) * model_.width);
  meet(Part::hidden2);
}

void Member::run_outputs() {
  const Blocks rows = share(model_.padded_levels);
  float* logits = voices_.shared_.logits.data();
  fill(model_.outputs_bias, rows, logits, model_.padded_levels);
  read(voices_.shared_.hidden2.data(), model_.width, model_.width);
  multiply(model_.outputs, 0, rows, logits, model_.padded_levels);
  meet(Part::outputs);
}

void Member::draw_levels(const Job& job, int sample) {
  const int length = model_.big_frame_size() + kMaxSamples;
  for (int v = 0; v < count_; ++v) {
    const int32_t level = next_level(job, v, sample);
    history_[size_t(v) * length + newest_] = level;
    if (job.levels && index_ == 0) job.levels[v * job.stride + sample] = level;
  }
  ++newest_;
}

int32_t Member::next_level(const Job& job, int voice, int sample) {
  const size_t at = voice * job.stride + sample;
  const float* logits = &voices_.shared_.logits[size_t(voice) * model_.padded_levels];
  // logits of a damaged model may be NaN: the result must be a valid level nevertheless
  const int32_t level =
      job.given ? job.given[at]
                : std::min(kernels_.draw(logits, model_.padded_levels, job.temperature[at],
                                         job.uniform[at], weights_.data()),
                           model_.q_levels - 1);
  if (job.bits && index_ == 0)
    job.bits[at] = kernels_.bits(logits, model_.padded_levels, level, weights_.data());
  return level;
}

// The conditioning for the tier below: the sum of the skip connections if there are any, else
// the output of the last layer.
void Member::read_conditioning(int tier) {
  const TierState& state = voices_.state.tiers[tier];
  const size_t layers = model_.tiers[tier].layers.size();
  if (model_.tiers[tier].skip.count) {
    read(state.conditioning.data(), model_.width, model_.width);
  } else {
    const float* outputs = state.outputs[clock_->current[tier]].data();
    read(outputs + (layers - 1) * model_.width, layers * model_.width, model_.width);
  }
}

void Member::read(const float* values, size_t stride, int cols) {
  inputs_.voices = end_ - first_;
  inputs_.cols = cols;
  inputs_.values = values + first_ * stride;
  inputs_.stride = stride;
  is_quantized_ = false;
}

void Member::multiply(const Matrix& matrix, int index, Blocks rows, float* y, size_t stride) {
  const bool wants_codes = matrix.format == Format::int8 || matrix.format == Format::int4;
  if (wants_codes && !is_quantized_) {
    kernels_.quantize(inputs_);
    is_quantized_ = true;
  }
  kernels_.multiply(matrix, index, rows, inputs_, y + first_ * stride, stride);
}

void Member::fill(const float* bias, Blocks rows, float* y, size_t stride) const {
  const size_t first = size_t(rows.first) * kBlockRows, last = size_t(rows.last) * kBlockRows;
  for (int v = first_; v < end_; ++v) std::copy(bias + first, bias + last, y + v * stride + first);
}

void Member::clear(Blocks rows, float* y, size_t stride) const {
  const size_t first = size_t(rows.first) * kBlockRows, last = size_t(rows.last) * kBlockRows;
  for (int v = first_; v < end_; ++v)
    std::fill(y + v * stride + first, y + v * stride + last, 0.0f);
}

// This member's blocks of 16 out of `size` rows.
Blocks Member::share(int size) const {
  const int blocks = size / kBlockRows, members = voices_.team_.active();
  return {blocks * index_ / members, blocks * (index_ + 1) / members};
}

}  // namespace engine
