#include "packed_dicts.h"

#include <pybind11/stl.h>

#include <stdexcept>
#include <string>

namespace py = pybind11;

namespace engine {

namespace {

template <class Value>
Value cast_of(const std::string& name, const py::handle& value) {
  try {
    return value.cast<Value>();
  } catch (const py::cast_error&) {
    throw std::invalid_argument(name + " has a value of another type");
  }
}

template <class Value>
Value setting(const py::dict& settings, const char* name) {
  if (!settings.contains(name)) throw std::invalid_argument(std::string("no setting ") + name);
  return cast_of<Value>(name, settings[name]);
}

}  // namespace

Settings settings_of(const py::dict& settings) {
  Settings result;
  result.rnn_type = setting<std::string>(settings, "rnn_type");
  result.width = setting<int64_t>(settings, "width");
  result.q_levels = setting<int64_t>(settings, "q_levels");
  result.padded_levels = setting<int64_t>(settings, "padded_levels");
  result.num_rnn_layers = setting<int64_t>(settings, "num_rnn_layers");
  result.frame_sizes = setting<std::vector<int64_t>>(settings, "frame_sizes");
  result.skip_conn = setting<bool>(settings, "skip_conn");
  result.formats = setting<std::map<std::string, std::string>>(settings, "formats");
  return result;
}

HeldArrays arrays_of(const py::dict& arrays) {
  HeldArrays result;
  for (const auto& item : arrays) {
    const auto name = cast_of<std::string>("the name of an array", item.first);
    const auto values = cast_of<py::array>(name, item.second);
    if (!(values.flags() & py::array::c_style))
      throw std::invalid_argument(name + " is not contiguous");
    result.arrays[name] = {values.data(), size_t(values.nbytes())};
    result.held.push_back(values);
  }
  return result;
}

}  // namespace engine
