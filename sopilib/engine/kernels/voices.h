// The sample loop: N voices of one model, advanced together by a team of threads.
//
// All threads run the same loop. Each computes its own rows of every layer for all voices,
// so that a weight is read once for all of them, and keeps a copy of the history and the
// clock. Every thread draws each level itself from the same logits, which saves a barrier, and
// computes the whole of hidden1 if it is short, which saves another.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "model.h"
#include "profile.h"
#include "state.h"
#include "team.h"

namespace engine {

// Vectors that the threads share within a step; every row has one writer.
struct Activations {
  std::vector<float> from_input;  // (voices, gates * width)
  std::vector<float> from_state;  // (voices, gates * width)
  std::vector<float> upsampled;   // (frame_size, voices, width): its part of each sample's hidden1
  std::vector<float> hidden1;     // (voices, width), unless each thread has its own
  std::vector<float> hidden2;     // (voices, width)
  std::vector<float> logits;      // (voices, padded_levels)
};

// One job of the team, which advances by `samples`.
struct Job {
  int samples = 0;
  const int32_t* given = nullptr;       // (voices, samples) levels to absorb, or
  const float* temperature = nullptr;   // (voices, samples) to draw levels with
  const float* uniform = nullptr;       // (voices, samples), 0 <= u < 1
  int32_t* levels = nullptr;            // (voices, samples) drawn
  float* bits = nullptr;                // (voices, samples) -log2 p of the levels
  size_t stride = 0;                    // from one voice to the next in these
  std::vector<Spent>* spent = nullptr;  // by each thread, added up over the job
};

class Member;

class Voices {
 public:
  Voices(const Model& model, const Kernels& kernels, int voices, int threads);
  ~Voices();

  int count() const { return count_; }
  // Sets how many of the threads work from now on; the samples stay the same.
  void use_threads(int threads) { team_.set_active(threads); }
  void reset();
  void work_through(Job job);
  // Returns the logits (voices, padded_levels) of the next sample without advancing.
  const float* next_logits();
  // Reads all weights of this many samples and computes nothing: the speed of the memory.
  void read_weights(int samples);

  State state;

 private:
  friend class Member;

  const Model& model_;
  const Kernels& kernels_;
  const int count_;
  Activations shared_;
  Team team_;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace engine
