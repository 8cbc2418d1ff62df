#include "model_reader.h"

#include <cstring>
#include <stdexcept>

namespace engine {

namespace {

constexpr int64_t kWidthMultiple = 64;
constexpr int64_t kMostWidth = 16384;
constexpr int64_t kMostLevels = 65536;
constexpr int64_t kMostLayers = 64;
constexpr int64_t kMostTiers = 8;
constexpr int64_t kMostFrameSize = 65536;
// 255 * 127 * this, the largest sum of a row, fits into 32 bits
constexpr int kMostQuantizedCols = 65536;
constexpr size_t kInt4PairBytes = 576;  // 64 columns of 16 rows: 64 bytes of scales, 512 of weights
constexpr size_t kInt4ScaleBytes = 64;

[[noreturn]] void refuse(const std::string& name, int64_t value, const std::string& expected) {
  throw std::invalid_argument(name + " is " + std::to_string(value) + ", expected " + expected);
}

int in_range(const std::string& name, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high)
    refuse(name, value, std::to_string(low) + " to " + std::to_string(high));
  return int(value);
}

template <class Bits>
bool is_finite(const uint8_t* from, size_t size_bytes, Bits exponent) {
  bool is_special = false;
  for (size_t at = 0; at < size_bytes; at += sizeof(Bits)) {
    Bits bits;
    std::memcpy(&bits, from + at, sizeof bits);
    is_special |= (bits & exponent) == exponent;
  }
  return !is_special;
}

bool is_finite_float32(const uint8_t* from, size_t size_bytes) {
  return is_finite<uint32_t>(from, size_bytes, 0x7F800000);
}

bool is_finite_bfloat16(const uint8_t* from, size_t size_bytes) {
  return is_finite<uint16_t>(from, size_bytes, 0x7F80);
}

// The settings, each within its range and fitting the others.
struct Shape {
  int width, gates, q_levels, padded_levels, layers;
  bool has_skip;
  std::vector<int> frame_sizes;

  explicit Shape(const Settings& given)
      : width(in_range("width", given.width, kWidthMultiple, kMostWidth)),
        gates(gates_of(given.rnn_type)),
        q_levels(in_range("q_levels", given.q_levels, 2, kMostLevels)),
        padded_levels(int(given.padded_levels)),
        layers(in_range("num_rnn_layers", given.num_rnn_layers, 1, kMostLayers)),
        has_skip(given.skip_conn) {
    if (width % kWidthMultiple) refuse("width", width, "a multiple of 64");
    const int64_t padded = (q_levels + kBlockRows - 1) / kBlockRows * kBlockRows;
    if (given.padded_levels != padded)
      refuse("padded_levels", given.padded_levels, std::to_string(padded));
    in_range("the number of frame_sizes", int64_t(given.frame_sizes.size()), 1, kMostTiers);
    for (const int64_t size : given.frame_sizes) add_frame_size(size);
  }

  int rows() const { return gates * width; }

 private:
  static int gates_of(const std::string& rnn_type) {
    if (rnn_type == "lstm") return 4;
    if (rnn_type == "gru") return 3;
    throw std::invalid_argument("rnn_type is neither gru nor lstm");
  }

  void add_frame_size(int64_t size) {
    in_range("a frame size", size, 1, kMostFrameSize);
    if (!frame_sizes.empty() && (size <= frame_sizes.back() || size % frame_sizes.back()))
      refuse("a frame size", size, "a larger multiple of " + std::to_string(frame_sizes.back()));
    frame_sizes.push_back(int(size));
  }
};

class Reader {
 public:
  Reader(const Settings& settings, const Arrays& arrays) : settings_(settings), arrays_(arrays) {}

  const float* vector(const std::string& name, int64_t size) const {
    const uint64_t size_bytes = uint64_t(size) * sizeof(float);
    const uint8_t* data = array(name, size_bytes);
    if (reinterpret_cast<uintptr_t>(data) % alignof(float))
      throw std::invalid_argument(name + " is not aligned to 4 bytes");
    check_finite(name, is_finite_float32(data, size_t(size_bytes)));
    return reinterpret_cast<const float*>(data);
  }

  // `rows` is a multiple of 16, `cols` of 4.
  Matrix matrix(const std::string& name, int count, int rows, int cols) const {
    Matrix m;
    m.rows = rows, m.cols = cols, m.count = count;
    m.format = format_of(name);
    const bool is_quantized = m.format == Format::int8 || m.format == Format::int4;
    if (is_quantized && (cols % kWidthMultiple || cols > kMostQuantizedCols))
      throw std::invalid_argument(name + " has " + std::to_string(cols) +
                                  " columns, too few or too many for 4 or 8 bits");
    m.block_bytes = block_bytes(m.format, size_t(cols));
    // below 2^16 * 2^12 * 2^26
    const uint64_t size_bytes = uint64_t(count) * uint64_t(rows / kBlockRows) * m.block_bytes;
    m.data = array(name, size_bytes);
    check_finite(name, has_finite_weights(m, size_t(size_bytes)));
    if (m.format == Format::int8) m.scales = vector(name + ".scales", int64_t(count) * rows);
    return m;
  }

  Table table(int frame_size, int q_levels, int width) const {
    Table t;
    t.q_levels = q_levels, t.width = width;
    t.format = format_of("table");
    if (t.format != Format::float32 && t.format != Format::bfloat16)
      throw std::invalid_argument("the format of table is neither float32 nor bfloat16");
    const bool is_full = t.format == Format::float32;
    // at most 2^16 * 2^16 * 2^14 * 4
    const uint64_t size_bytes =
        uint64_t(frame_size) * uint64_t(q_levels) * uint64_t(width) * (is_full ? 4 : 2);
    t.data = array("table", size_bytes);
    check_finite("table", is_full ? is_finite_float32(t.data, size_t(size_bytes))
                                  : is_finite_bfloat16(t.data, size_t(size_bytes)));
    return t;
  }

 private:
  static size_t block_bytes(Format format, size_t cols) {
    switch (format) {
      case Format::float32:
        return cols * kBlockRows * 4;
      case Format::bfloat16:
        return cols * kBlockRows * 2;
      case Format::int8:
        return cols * kBlockRows;
      default:
        return cols / kWidthMultiple * kInt4PairBytes;
    }
  }

  static bool has_finite_weights(const Matrix& m, size_t size_bytes) {
    if (m.format == Format::float32) return is_finite_float32(m.data, size_bytes);
    if (m.format == Format::bfloat16) return is_finite_bfloat16(m.data, size_bytes);
    if (m.format == Format::int8) return true;
    for (size_t at = 0; at < size_bytes; at += kInt4PairBytes)
      if (!is_finite_bfloat16(m.data + at, kInt4ScaleBytes)) return false;
    return true;
  }

  static void check_finite(const std::string& name, bool is_finite) {
    if (!is_finite) throw std::invalid_argument(name + " holds NaN or infinity");
  }

  Format format_of(const std::string& name) const {
    const auto found = settings_.formats.find(name);
    const std::string format = found == settings_.formats.end() ? "" : found->second;
    if (format == "float32") return Format::float32;
    if (format == "bfloat16") return Format::bfloat16;
    if (format == "int8") return Format::int8;
    if (format == "int4") return Format::int4;
    throw std::invalid_argument("the format of " + name +
                                " is none of float32, bfloat16, int8 and int4");
  }

  const uint8_t* array(const std::string& name, uint64_t size_bytes) const {
    const auto found = arrays_.find(name);
    if (found == arrays_.end()) throw std::invalid_argument("no array " + name);
    if (found->second.size_bytes != size_bytes)
      throw std::invalid_argument(name + " has " + std::to_string(found->second.size_bytes) +
                                  " bytes, expected " + std::to_string(size_bytes));
    return static_cast<const uint8_t*>(found->second.data);
  }

  const Settings& settings_;
  const Arrays& arrays_;
};

Layer read_layer(const Reader& reader, const std::string& name, bool is_first, const Shape& shape) {
  const int rows = shape.rows();
  Layer layer = {};
  if (!is_first) layer.kernel = reader.matrix(name + "kernel", 1, rows, shape.width);
  layer.recurrent = reader.matrix(name + "recurrent", 1, rows, shape.width);
  layer.input_bias = reader.vector(name + "input_bias", rows);
  layer.state_bias = reader.vector(name + "state_bias", rows);
  return layer;
}

// `frame_ratio` is the number of these frames in a frame of the tier above, 0 if there is none.
Tier read_tier(const Reader& reader, const std::string& name, int frame_size, int frame_ratio,
               const Shape& shape) {
  const int width = shape.width, rows = shape.rows();
  Tier tier = {};
  tier.frame_size = frame_size;
  tier.inputs = reader.matrix(name + "inputs", 1, rows, (frame_size + 3) / 4 * 4);
  if (frame_ratio)
    tier.conditioning = reader.matrix(name + "conditioning", frame_ratio, rows, width);
  for (int k = 0; k < shape.layers; ++k)
    tier.layers.push_back(
        read_layer(reader, name + "layer" + std::to_string(k) + ".", k == 0, shape));
  if (shape.has_skip) {
    tier.skip = reader.matrix(name + "skip", 1, width, shape.layers * width);
    tier.skip_bias = reader.vector(name + "skip_bias", width);
  }
  return tier;
}

}  // namespace

Model read_model(const Settings& settings, const Arrays& arrays) {
  const Shape shape(settings);
  const Reader reader(settings, arrays);
  const std::vector<int>& frame_sizes = shape.frame_sizes;
  const int width = shape.width, padded = shape.padded_levels;
  Model model = {};
  model.q_levels = shape.q_levels, model.padded_levels = padded;
  model.width = width, model.gates = shape.gates;
  for (size_t t = frame_sizes.size(); t-- > 0;) {
    const bool is_top = t + 1 == frame_sizes.size();
    const int ratio = is_top ? 0 : frame_sizes[t + 1] / frame_sizes[t];
    model.tiers.push_back(
        read_tier(reader, "tier" + std::to_string(t) + ".", frame_sizes[t], ratio, shape));
  }
  model.table = reader.table(frame_sizes[0], model.q_levels, width);
  model.upsample = reader.matrix("upsample", frame_sizes[0], width, width);
  model.hidden1_bias = reader.vector("hidden1_bias", width);
  model.hidden2 = reader.matrix("hidden2", 1, width, width);
  model.hidden2_bias = reader.vector("hidden2_bias", width);
  model.outputs = reader.matrix("outputs", 1, padded, width);
  model.outputs_bias = reader.vector("outputs_bias", padded);
  return model;
}

}  // namespace engine
