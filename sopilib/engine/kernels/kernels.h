// The data that kernels work on, and the table of kernels of an instruction set.
//
// A matrix is stored in blocks of 16 rows; each block is contiguous, in reading order.
// `sopilib/engine/pack.py` writes the layouts:
//
//   float32   [column][row]
//   bfloat16  [column / 2][row][column % 2]
//   int8      [column / 4][row][column % 4], weight + 128, a float32 scale for each row
//   int4      [column / 64]: bfloat16 scales [row][group of 32], then bytes
//             [group of 32][chunk of 8 columns][row][4], the low half of a byte for
//             column i of the chunk, the high half for column i + 4, weight + 8
#pragma once

#include <cstddef>
#include <cstdint>

namespace engine {

constexpr int kBlockRows = 16;
constexpr int kGroup = 32;  // columns that share a scale in int4

enum class Format { float32, bfloat16, int8, int4 };

// `count` matrices of one shape, one after the other.
struct Matrix {
  Format format = Format::float32;
  int rows = 0;                   // multiple of 16
  int cols = 0;                   // multiple of 64 if quantized, else of 4
  int count = 0;                  // 0 if the matrix does not exist
  const uint8_t* data = nullptr;  // (count, rows / 16, block_bytes)
  const float* scales = nullptr;  // (count, rows), int8 only
  size_t block_bytes = 0;
};

// The term that each level at each place of the window adds to hidden1.
struct Table {
  int q_levels = 0;
  int width = 0;
  Format format = Format::float32;  // or bfloat16
  // (frame_size, q_levels, width); bfloat16 as (.., width / 32, 16, 2), columns c and c + 16
  const uint8_t* data = nullptr;
};

// Rows or units [first, last), in blocks of 16.
struct Blocks {
  int first;
  int last;
};

// One vector for each voice, and the same quantized to int8 with a scale for each.
struct Inputs {
  int voices = 0;
  int cols = 0;
  const float* values = nullptr;  // (voices, cols), rows `stride` apart
  size_t stride = 0;
  int8_t* codes = nullptr;  // (voices, cols), -127 <= code <= 127
  // for AVX2, which multiplies unsigned by signed bytes
  uint8_t* magnitudes = nullptr;  // (voices, cols) of the codes
  int8_t* flips = nullptr;        // (voices, cols) 127 where a code is negative, else -128
  int32_t* negatives = nullptr;   // (voices,) sums of the magnitudes of the negative codes
  int32_t* sums = nullptr;        // (voices, cols / 32) of the codes of each group
  int32_t* totals = nullptr;      // (voices,) of all codes
  float* scales = nullptr;        // (voices,)
};

// The data that a cell reads and writes for each voice; gates in blocks: (unit / 16, gate, 16).
struct CellStep {
  int voices;
  int width;
  const float* from_input;  // (voices, gates * width)
  const float* from_state;  // (voices, gates * width)
  const float* before;      // (voices, width) output before the step, `stride` apart
  float* after;             // (voices, width) output after it, `stride` apart
  float* cell_state;        // (voices, width) of the LSTM, `stride` apart
  size_t stride;
};

struct Kernels {
  const char* name;
  // y (voices, rows), `y_stride` apart, += matrix `index` times inputs
  void (*multiply)(const Matrix&, int index, Blocks, const Inputs&, float* y, size_t y_stride);
  // reads this much memory and does nothing with it
  void (*touch)(const uint8_t* from, size_t size_bytes);
  void (*quantize)(const Inputs&);
  // y (width,) += the rows of the `frame_size` levels in `window`
  void (*add_rows)(const Table&, int frame_size, const int32_t* window, Blocks, float* y);
  void (*gru)(const CellStep&, Blocks);
  void (*lstm)(const CellStep&, Blocks);
  // y (width,) += x
  void (*add)(Blocks, const float* x, float* y);
  void (*relu)(Blocks, float* y);
  // draws a level from softmax(logits / temperature); `weights` is scratch with an element for
  // each padded level and for each block of 16
  int32_t (*draw)(const float* logits, int padded, float temperature, float uniform,
                  float* weights);
  // -log2 of the probability of `level` under softmax(logits); `weights` is scratch
  float (*bits)(const float* logits, int padded, int32_t level, float* weights);
};

// The kernels of this name ("avx512", "avx2", "neon", "plain"), or of the fastest
// instruction set of this processor if `name` is empty; nullptr if the processor lacks it.
const Kernels* find_kernels(const char* name);

}  // namespace engine
