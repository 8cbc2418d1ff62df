#include "voices.h"

#include <algorithm>

#include "member.h"

namespace engine {

Voices::Voices(const Model& model, const Kernels& kernels, int voices, int threads)
    : state(model, voices), model_(model), kernels_(kernels), count_(voices), team_(threads) {
  const size_t gates = size_t(voices) * model.gates * model.width;
  shared_.from_input.resize(gates);
  shared_.from_state.resize(gates);
  shared_.upsampled.resize(size_t(model.frame_size()) * voices * model.width);
  shared_.hidden1.resize(size_t(voices) * model.width);
  shared_.hidden2.resize(size_t(voices) * model.width);
  shared_.logits.resize(size_t(voices) * model.padded_levels);
  for (int member = 0; member < threads; ++member)
    members_.push_back(std::make_unique<Member>(*this, member));
}

Voices::~Voices() = default;

void Voices::reset() { state = State(model_, count_); }

const float* Voices::next_logits() {
  team_.run([this](int member) { members_[member]->compute_logits(); });
  return shared_.logits.data();
}

void Voices::read_weights(int samples) {
  team_.run([&](int member) { members_[member]->read_weights(samples); });
}

void Voices::work_through(Job job) {
  if (job.spent) job.spent->assign(team_.active(), Spent{});
  for (int left = job.samples; left > 0; left -= job.samples) {
    job.samples = std::min(left, Member::kMaxSamples);
    team_.run([&](int member) { members_[member]->run(job); });
    for (auto part : {&job.temperature, &job.uniform})
      if (*part) *part += job.samples;
    if (job.given) job.given += job.samples;
    if (job.levels) job.levels += job.samples;
    if (job.bits) job.bits += job.samples;
  }
}

}  // namespace engine
