// A fuzz target: packed models that anyone may have written, read and played.
//
// The input chooses the settings of a small model, changes some of them to any number, lays out
// the arrays as these settings say, so that they fit, then spoils some of the arrays. What
// `read_model` accepts must play without an error of a sanitizer; everything else it refuses
// with std::invalid_argument. `run.sh` builds this with libFuzzer; with STANDALONE it reads
// inputs as lines of hexadecimal digits instead.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "../../sopilib/engine/kernels/model_reader.h"
#include "../../sopilib/engine/kernels/voices.h"

namespace {

using namespace engine;

constexpr uint64_t kMostBytes = 1 << 20;  // of all arrays
constexpr int kSamples = 7;               // a big frame and some more

// The bytes of the input, one after the other, then zeros.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}

  bool is_empty() const { return at_ == end_; }
  uint8_t byte() { return is_empty() ? 0 : *at_++; }

  // A number near a limit of some type or range, or any.
  int64_t number() {
    static const int64_t kNear[] = {0,     16,      64,        128,       1024,      16384,
                                    65536, 1 << 24, 1ll << 31, 1ll << 32, 1ll << 62, INT64_MIN};
    const uint8_t kind = byte();
    if (kind < 128) return int64_t(uint64_t(kNear[kind % 12]) + uint64_t(int8_t(byte())));
    int64_t value = 0;
    for (int k = 0; k < kind % 8 + 1; ++k) value = int64_t(uint64_t(value) << 8 | byte());
    return value;
  }

 private:
  const uint8_t *at_, *end_;
};

// An array in a heap block of its own, so that a read beyond it is found.
struct Block {
  std::unique_ptr<uint8_t[]> memory;
  size_t size = 0, shift = 0;

  explicit Block(size_t size_bytes, size_t misaligned = 0)
      : memory(new uint8_t[size_bytes + misaligned]), size(size_bytes), shift(misaligned) {
    std::memset(memory.get(), 0x3C, size + shift);  // small numbers in any format
  }
};

struct Pack {
  Settings settings;
  std::vector<std::pair<std::string, Block>> blocks;

  Arrays arrays() const {
    Arrays all;
    for (const auto& [name, block] : blocks)
      all[name] = {block.memory.get() + block.shift, block.size};
    return all;
  }
};

std::string format_of(uint8_t choice) {
  static const char* kFormats[] = {"float32", "bfloat16", "int8", "int4", "int2", ""};
  return kFormats[choice % 6];
}

Settings small_settings(Input& input) {
  Settings s;
  const uint8_t kind = input.byte(), levels = input.byte();
  s.rnn_type = kind & 1 ? "lstm" : "gru";
  s.skip_conn = kind & 2;
  s.num_rnn_layers = 1 + (kind >> 2 & 1);
  s.width = kind & 8 ? 128 : 64;
  s.q_levels = 2 + levels % 40;
  s.padded_levels = (s.q_levels + 15) / 16 * 16;
  s.frame_sizes = kind & 16 ? std::vector<int64_t>{1, 3, 6} : std::vector<int64_t>{2, 4};
  return s;
}

void change_setting(Settings& s, Input& input) {
  const uint8_t which = input.byte();
  const int64_t number = input.number();
  switch (which % 8) {
    case 0:
      s.width = number;
      break;
    case 1:
      s.q_levels = number;
      break;
    case 2:
      s.padded_levels = number;
      break;
    case 3:
      s.num_rnn_layers = number;
      break;
    case 4:
      s.frame_sizes.push_back(number);
      break;
    case 5:
      s.frame_sizes.clear();
      break;
    case 6:
      if (!s.frame_sizes.empty()) s.frame_sizes[which / 8 % s.frame_sizes.size()] = number;
      break;
    default:
      s.rnn_type = "rnn";
  }
}

// Lays out arrays as any settings say, as far as they are few and small.
class Layout {
 public:
  Layout(Pack& pack, uint8_t recipe) : pack_(pack), recipe_(recipe) {}

  void all() {
    const Settings& s = pack_.settings;
    const uint64_t width = uint64_t(s.width), gates = s.rnn_type == "lstm" ? 4 : 3;
    const uint64_t first = s.frame_sizes.empty() ? 1 : uint64_t(s.frame_sizes[0]);
    for (size_t t = 0; t < std::min<size_t>(s.frame_sizes.size(), 9); ++t) tier(t, gates * width);
    format("table", recipe_ % 4 == 0 ? "float32" : "bfloat16");
    array("table", first * uint64_t(s.q_levels) * width * (recipe_ % 4 == 0 ? 4 : 2));
    matrix("upsample", first, width, width);
    array("hidden1_bias", width * 4);
    matrix("hidden2", 1, width, width);
    array("hidden2_bias", width * 4);
    matrix("outputs", 1, uint64_t(s.padded_levels), width);
    array("outputs_bias", uint64_t(s.padded_levels) * 4);
  }

 private:
  void tier(size_t t, uint64_t rows) {
    const Settings& s = pack_.settings;
    const std::string name = "tier" + std::to_string(t) + ".";
    const uint64_t width = uint64_t(s.width), size = uint64_t(s.frame_sizes[t]);
    const uint64_t layers = uint64_t(std::clamp<int64_t>(s.num_rnn_layers, 0, 66));
    format(name + "inputs", "float32");
    array(name + "inputs", rows * ((size + 3) / 4 * 4) * 4);
    if (t + 1 < s.frame_sizes.size() && size)
      matrix(name + "conditioning", uint64_t(s.frame_sizes[t + 1]) / size, rows, width);
    for (uint64_t k = 0; k < layers; ++k) {
      const std::string layer = name + "layer" + std::to_string(k) + ".";
      if (k) matrix(layer + "kernel", 1, rows, width);
      matrix(layer + "recurrent", 1, rows, width);
      array(layer + "input_bias", rows * 4);
      array(layer + "state_bias", rows * 4);
    }
    if (!s.skip_conn) return;
    matrix(name + "skip", 1, width, uint64_t(s.num_rnn_layers) * width);
    array(name + "skip_bias", width * 4);
  }

  void matrix(const std::string& name, uint64_t count, uint64_t rows, uint64_t cols) {
    static const uint64_t kEighths[] = {32, 16, 8, 0};  // of a byte for each weight
    const std::string format_name = format_of(recipe_ % 4);
    format(name, format_name);
    const uint64_t blocks = count * rows / 16;
    array(name, recipe_ % 4 == 3 ? blocks * (cols / 64 * 576)
                                 : blocks * cols * 16 * kEighths[recipe_ % 4] / 8);
    if (recipe_ % 4 == 2) array(name + ".scales", count * rows * 4);
  }

  void format(const std::string& name, const std::string& value) {
    pack_.settings.formats[name] = value;
  }

  void array(const std::string& name, uint64_t size_bytes) {
    if (size_bytes > kMostBytes - used_) return;
    used_ += size_bytes;
    pack_.blocks.emplace_back(name, Block(size_t(size_bytes)));
  }

  Pack& pack_;
  const uint8_t recipe_;
  uint64_t used_ = 0;
};

void spoil_array(Pack& pack, Input& input) {
  const uint8_t how = input.byte(), which = input.byte(), value = input.byte();
  if (pack.blocks.empty()) return;
  auto& [name, block] = pack.blocks[which % pack.blocks.size()];
  switch (how % 6) {
    case 0:
      block = Block(size_t(std::max<int64_t>(0, int64_t(block.size) + int8_t(value))));
      break;
    case 1:
      block = Block(value);
      break;
    case 2:
      block = Block(block.size, 1 + value % 3);
      break;
    case 3:
      pack.settings.formats[name] = format_of(value);
      break;
    case 4:
      for (size_t k = value % 64; k < std::min<size_t>(block.size, value % 64 + 8); ++k)
        block.memory[k] = input.byte();
      break;
    default:
      name += "?";
  }
}

void play(const Model& model, Input& input) {
  static const char* kNames[] = {"plain", "avx2", "avx512", "neon"};
  const uint8_t choice = input.byte();
  const Kernels* kernels = find_kernels(kNames[choice % 4]);
  if (!kernels) kernels = find_kernels("plain");
  const int voices = 1 + choice / 4 % 3, threads = 1 + choice / 64 % 2;
  Voices loop(model, *kernels, voices, threads);
  const size_t size = size_t(voices) * kSamples;
  std::vector<float> temperature(size, 1.0f), uniform(size), bits(size);
  for (size_t k = 0; k < size; ++k) uniform[k] = float(k * 37 % 100) / 100.0f;
  std::vector<int32_t> levels(size, -1);
  Job job;
  job.samples = kSamples, job.stride = kSamples;
  job.temperature = temperature.data(), job.uniform = uniform.data(), job.levels = levels.data();
  loop.work_through(job);
  for (const int32_t level : levels)
    if (level < 0 || level >= model.q_levels) std::abort();
  job.temperature = job.uniform = nullptr, job.levels = nullptr;
  job.given = levels.data(), job.bits = bits.data();
  loop.work_through(job);
  loop.next_logits();
  loop.read_weights(model.big_frame_size() < 1000 ? 8 : 1);
  const std::vector<float> floats = loop.state.floats();
  const std::vector<int32_t> integers = loop.state.integers();
  loop.reset();
  if (!loop.state.restore(floats, integers, model)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  Pack pack;
  pack.settings = small_settings(input);
  const uint8_t plan = input.byte();
  for (int k = 0; k < (plan & 3); ++k) change_setting(pack.settings, input);
  Layout(pack, plan >> 2 & 3).all();
  for (int k = 0; k < (plan >> 4 & 3); ++k) spoil_array(pack, input);
  const Arrays arrays = pack.arrays();
  try {
    play(read_model(pack.settings, arrays), input);
  } catch (const std::invalid_argument& error) {
    if (!*error.what() || std::strchr(error.what(), '\n')) std::abort();
  }
  return 0;
}

#ifdef STANDALONE
#include <fstream>
#include <iostream>

int main(int, char** arguments) {
  std::ifstream lines(arguments[1]);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    std::vector<uint8_t> bytes;
    for (size_t k = 0; k + 1 < line.size(); k += 2)
      bytes.push_back(uint8_t(std::stoi(line.substr(k, 2), nullptr, 16)));
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::cout << count << " inputs\n";
  return count ? 0 : 1;
}
#endif
