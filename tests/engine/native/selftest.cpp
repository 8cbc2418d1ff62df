// The engine's kernels and sample loop without Python, on random weights.
//
// Every instruction set of the processor must give the same bits as the plain kernels: each
// kernel and the whole loop, for any number of threads and voices and any chunks.
// `sanitize.sh` runs this under sanitizers, `neon.sh` on an emulated ARM processor.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "../../../sopilib/engine/kernels/codes.h"
#include "../../../sopilib/engine/kernels/voices.h"
#include "random_model.h"

namespace {

using namespace selftest;

void check(bool is_right, const char* what, const char* isa) {
  if (is_right) return;
  std::printf("FAILED %s: %s\n", isa, what);
  std::exit(1);
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return !std::memcmp(a.data(), b.data(), a.size() * sizeof(float));
}

// Codes, sums and scales of `values`, as the loop computes them.
struct Quantized {
  engine::Codes memory;
  Inputs inputs;

  Quantized(const Kernels& kernels, const std::vector<float>& values, int voices, int cols)
      : memory(voices, cols), inputs(memory.inputs()) {
    inputs.voices = voices, inputs.cols = cols;
    inputs.values = values.data(), inputs.stride = size_t(cols);
    kernels.quantize(inputs);
  }
};

void check_products(const Kernels& plain, const Kernels& kernels) {
  Weights weights;
  for (Format format : {Format::float32, Format::bfloat16, Format::int8, Format::int4}) {
    for (int voices : {1, 2, 5, 8}) {
      const int rows = 48, cols = 192;
      const Matrix matrix = weights.matrix(format, 2, rows, cols);
      const std::vector<float> values = random_floats(size_t(voices) * cols, 3.0f);
      const Quantized a(plain, values, voices, cols), b(kernels, values, voices, cols);
      check(a.memory.codes == b.memory.codes && a.memory.sums == b.memory.sums &&
                same(a.memory.scales, b.memory.scales),
            "quantize", kernels.name);
      std::vector<float> y(size_t(voices) * rows, 1.0f), other = y;
      plain.multiply(matrix, 1, {0, rows / kBlockRows}, a.inputs, y.data(), rows);
      kernels.multiply(matrix, 1, {0, rows / kBlockRows}, b.inputs, other.data(), rows);
      check(same(y, other), "multiply", kernels.name);
    }
  }
}

// One int8 and one int4 row at their extremes, whose sums are known.
void check_extremes(const Kernels& kernels) {
  const int cols = 64;
  const std::vector<float> values(cols, -127.0f);
  const Quantized x(kernels, values, 1, cols);
  std::vector<uint8_t> bytes(16 * cols, 1);  // weight -127
  const std::vector<float> scales(16, 1.0f);
  Matrix m;
  m.format = Format::int8, m.rows = 16, m.cols = cols, m.count = 1;
  m.data = bytes.data(), m.scales = scales.data(), m.block_bytes = bytes.size();
  std::vector<float> y(16, 0.0f);
  kernels.multiply(m, 0, {0, 1}, x.inputs, y.data(), 16);
  check(y == std::vector<float>(16, 64.0f * 127 * 127), "int8 extremes", kernels.name);

  std::vector<uint8_t> packed(576, 0xF0);                                  // weights -8 and 7
  for (int i = 0; i < 64; i += 2) packed[i] = 0x80, packed[i + 1] = 0x3F;  // scale 1
  m.format = Format::int4, m.data = packed.data(), m.scales = nullptr, m.block_bytes = 576;
  std::fill(y.begin(), y.end(), 0.0f);
  kernels.multiply(m, 0, {0, 1}, x.inputs, y.data(), 16);
  check(y == std::vector<float>(16, 32.0f * 127), "int4 extremes", kernels.name);
}

void check_cells(const Kernels& plain, const Kernels& kernels) {
  const int width = 64, voices = 3;
  const std::vector<float> x = random_floats(4 * width * voices, 20.0f);
  const std::vector<float> h = random_floats(4 * width * voices, 100.0f);
  const std::vector<float> before = random_floats(width * voices, 1.0f);
  std::vector<float> after[2], cell_states[2];
  for (auto cell : {&Kernels::gru, &Kernels::lstm}) {
    for (int i = 0; i < 2; ++i) {
      after[i].assign(width * voices, 0.0f), cell_states[i] = before;
      const CellStep step = {voices,
                             width,
                             x.data(),
                             h.data(),
                             before.data(),
                             after[i].data(),
                             cell_states[i].data(),
                             size_t(width)};
      ((i ? kernels : plain).*cell)(step, {0, width / kBlockRows});
    }
    check(same(after[0], after[1]) && same(cell_states[0], cell_states[1]), "cell", kernels.name);
  }
}

void check_draws(const Kernels& plain, const Kernels& kernels) {
  const int padded = 96;
  std::vector<float> weights(padded + padded / 16);
  for (int i = 0; i < 2000; ++i) {
    const std::vector<float> logits = random_floats(padded, 10.0f);
    const float temperature = i % 7 ? uniform(0.05f, 3.0f) : 0.0f, u = uniform(0.0f, 1.0f);
    const int level = kernels.draw(logits.data(), padded, temperature, u, weights.data());
    check(level == plain.draw(logits.data(), padded, temperature, u, weights.data()), "draw",
          kernels.name);
    check(kernels.bits(logits.data(), padded, level, weights.data()) ==
              plain.bits(logits.data(), padded, level, weights.data()),
          "bits", kernels.name);
  }
}

// The levels that `Voices` generates after some given levels, in chunks of `chunk` samples.
std::vector<int32_t> take(const Model& model, const Kernels& kernels, int voices, int threads,
                          int chunk) {
  constexpr int kGiven = 7, kSamples = 90;
  const std::vector<int32_t> given(size_t(voices) * kGiven, 3);
  std::vector<float> temperature(size_t(voices) * kSamples, 1.0f), uniforms(temperature);
  for (size_t i = 0; i < uniforms.size(); ++i) uniforms[i] = float(i % kSamples * 37 % 90) / 90;
  std::vector<int32_t> levels(size_t(voices) * kSamples);
  Voices played(model, kernels, voices, threads);
  Job job;
  job.samples = kGiven, job.stride = kGiven, job.given = given.data();
  played.work_through(job);
  for (int at = 0; at < kSamples; at += chunk) {
    job = {};
    job.samples = at + chunk < kSamples ? chunk : kSamples - at, job.stride = kSamples;
    job.temperature = &temperature[at], job.uniform = &uniforms[at], job.levels = &levels[at];
    played.work_through(job);
    played.next_logits();
  }
  return levels;
}

void check_loop(const Kernels& plain, const Kernels& kernels, Format format) {
  for (int gates : {3, 4}) {
    for (bool has_skip : {false, true}) {
      Weights weights;
      const Model model = random_model(weights, format, gates, has_skip);
      const std::vector<int32_t> alone = take(model, plain, 1, 1, 90);
      for (int threads : {1, 2, 3}) {
        for (int voices : {1, 5}) {
          std::vector<int32_t> levels = take(model, kernels, voices, threads, 11);
          levels.resize(alone.size());
          check(levels == alone, "loop", kernels.name);
        }
      }
    }
  }
}

}  // namespace

int main() {
  const Kernels& plain = *find_kernels("plain");
  for (const char* name : {"avx512", "avx2", "neon", "plain"}) {
    const Kernels* kernels = find_kernels(name);
    if (!kernels) continue;
    check_extremes(*kernels);
    check_products(plain, *kernels);
    check_cells(plain, *kernels);
    check_draws(plain, *kernels);
    for (Format format : {Format::float32, Format::bfloat16, Format::int8, Format::int4})
      check_loop(plain, *kernels, format);
    std::printf("%s ok\n", name);
  }
}
