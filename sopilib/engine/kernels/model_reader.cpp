#include "model_reader.h"

#include <pybind11/stl.h>

#include <stdexcept>
#include <string>

namespace py = pybind11;

namespace engine {

namespace {

class Reader {
 public:
  Reader(const py::dict& settings, const py::dict& arrays)
      : settings_(settings), formats_(settings["formats"]), arrays_(arrays) {}

  template <class Value>
  Value setting(const char* name) const {
    return settings_[name].cast<Value>();
  }

  const float* vector(const std::string& name, size_t size) const {
    return static_cast<const float*>(array(name, size * sizeof(float)));
  }

  Matrix matrix(const std::string& name, int count, int rows, int cols) const {
    Matrix m;
    m.rows = rows, m.cols = cols, m.count = count;
    const std::string format = format_of(name);
    if (format == "float32") {
      m.format = Format::float32, m.block_bytes = size_t(cols) * kBlockRows * 4;
    } else if (format == "bfloat16") {
      m.format = Format::bfloat16, m.block_bytes = size_t(cols) * kBlockRows * 2;
    } else if (format == "int8") {
      m.format = Format::int8, m.block_bytes = size_t(cols) * kBlockRows;
      m.scales = vector(name + ".scales", size_t(count) * rows);
    } else {
      m.format = Format::int4, m.block_bytes = size_t(cols) / 64 * 576;
    }
    const size_t blocks = size_t(count) * rows / kBlockRows;
    m.data = static_cast<const uint8_t*>(array(name, blocks * m.block_bytes));
    return m;
  }

  Table table(int frame_size, int q_levels, int width) const {
    Table t;
    t.q_levels = q_levels, t.width = width;
    const size_t rows = size_t(frame_size) * q_levels;
    const bool is_full = format_of("table") == "float32";
    t.format = is_full ? Format::float32 : Format::bfloat16;
    const size_t size_bytes = rows * width * (is_full ? 4 : 2);
    t.data = static_cast<const uint8_t*>(array("table", size_bytes));
    return t;
  }

 private:
  std::string format_of(const std::string& name) const {
    return formats_[name.c_str()].cast<std::string>();
  }

  const void* array(const std::string& name, size_t size_bytes) const {
    if (!arrays_.contains(name.c_str())) throw std::invalid_argument("no array " + name);
    const py::array values = arrays_[name.c_str()].cast<py::array>();
    if (size_t(values.nbytes()) != size_bytes)
      throw std::invalid_argument(name + " has " + std::to_string(values.nbytes()) +
                                  " bytes, expected " + std::to_string(size_bytes));
    return values.data();
  }

  py::dict settings_, formats_, arrays_;
};

Layer read_layer(const Reader& reader, const std::string& name, bool is_first, int width,
                 int rows) {
  Layer layer = {};
  if (!is_first) layer.kernel = reader.matrix(name + "kernel", 1, rows, width);
  layer.recurrent = reader.matrix(name + "recurrent", 1, rows, width);
  layer.input_bias = reader.vector(name + "input_bias", rows);
  layer.state_bias = reader.vector(name + "state_bias", rows);
  return layer;
}

// `frame_ratio` is the number of these frames in a frame of the tier above, 0 if there is none.
Tier read_tier(const Reader& reader, const std::string& name, int frame_size, int frame_ratio,
               int width, int gates) {
  Tier tier = {};
  tier.frame_size = frame_size;
  const int rows = gates * width, layers = reader.setting<int>("num_rnn_layers");
  tier.inputs = reader.matrix(name + "inputs", 1, rows, (frame_size + 3) / 4 * 4);
  if (frame_ratio)
    tier.conditioning = reader.matrix(name + "conditioning", frame_ratio, rows, width);
  for (int k = 0; k < layers; ++k)
    tier.layers.push_back(
        read_layer(reader, name + "layer" + std::to_string(k) + ".", k == 0, width, rows));
  if (reader.setting<bool>("skip_conn")) {
    tier.skip = reader.matrix(name + "skip", 1, width, layers * width);
    tier.skip_bias = reader.vector(name + "skip_bias", width);
  }
  return tier;
}

}  // namespace

Model read_model(const py::dict& settings, const py::dict& arrays) {
  const Reader reader(settings, arrays);
  Model model = {};
  model.q_levels = reader.setting<int>("q_levels");
  model.padded_levels = reader.setting<int>("padded_levels");
  model.width = reader.setting<int>("width");
  model.gates = reader.setting<std::string>("rnn_type") == "lstm" ? 4 : 3;
  const auto frame_sizes = reader.setting<std::vector<int>>("frame_sizes");
  for (size_t t = frame_sizes.size(); t-- > 0;) {
    const bool is_top = t + 1 == frame_sizes.size();
    const int ratio = is_top ? 0 : frame_sizes[t + 1] / frame_sizes[t];
    model.tiers.push_back(read_tier(reader, "tier" + std::to_string(t) + ".", frame_sizes[t], ratio,
                                    model.width, model.gates));
  }
  const int width = model.width, padded = model.padded_levels;
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
