// One thread's share of the sample loop: its rows, its scratch memory.
#pragma once

#include <cstdint>
#include <vector>

#include "codes.h"
#include "profile.h"
#include "voices.h"

namespace engine {

class Member {
 public:
  // The largest number of samples of one job.
  static constexpr int kMaxSamples = 1024;

  Member(Voices& voices, int index);

  void run(const Job& job);
  void compute_logits();
  void read_weights(int samples);

 private:
  // Consecutive voices at one position.
  struct Group {
    int first;
    int count;
    Clock clock;
    bool is_upsampled;  // for the rest of its frame or of the job
  };

  void begin();
  void end(int samples);
  void run_groups(bool wants_hidden1, int samples_left);
  void choose_all();
  void meet(Part part);
  void run_due_tiers();
  void frame_inputs(int frame_size);
  void run_tier(int index);
  void run_layer(int tier, int layer);
  void project_first_layer(int tier, Blocks rows);
  void run_skip(int tier);
  void run_upsample(int samples_left);
  void run_hidden1();
  bool has_own_hidden1() const;
  float* hidden1();
  void run_hidden2();
  void run_outputs();
  void touch_tier(int index);
  void touch(const Matrix& matrix, int index);
  int32_t next_level(const Job& job, int voice, int sample);
  void draw_levels(const Job& job, int sample);

  void read_conditioning(int tier);
  void read(const float* values, size_t stride, int cols);
  void multiply(const Matrix& matrix, int index, Blocks rows, float* y, size_t stride);
  void fill(const float* bias, Blocks rows, float* y, size_t stride) const;
  void clear(Blocks rows, float* y, size_t stride) const;
  Blocks share(int size) const;

  Voices& voices_;
  const Model& model_;
  const Kernels& kernels_;
  const int index_;  // of this member in the team
  const int count_;  // voices
  Profile profile_;
  std::vector<Group> groups_;
  // the voices in work: those of a group where their positions matter, else all
  int first_ = 0;
  int end_ = 0;
  Clock* clock_ = nullptr;        // of that group
  int newest_ = 0;                // place of the next sample in `history_`
  std::vector<int32_t> history_;  // (voices, big_frame_size + kMaxSamples)
  std::vector<float> hidden1_;    // (voices, width), if this thread computes all of it
  std::vector<float> frame_;      // (voices, big_frame_size) scaled samples of a frame
  std::vector<float> weights_;    // of the levels to draw from, and their sums
  Codes codes_;
  Inputs inputs_;  // the input of `multiply`
  bool is_quantized_ = false;
};

}  // namespace engine
