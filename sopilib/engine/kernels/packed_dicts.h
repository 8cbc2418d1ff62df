// The settings and arrays of a packed model, from the dicts that Python passes.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <vector>

#include "model_reader.h"

namespace engine {

// Arrays of Python, kept alive.
struct HeldArrays {
  std::vector<pybind11::array> held;
  Arrays arrays;
};

// Both throw std::invalid_argument for a value that is missing or has another type.
// `settings` holds rnn_type, width, q_levels, padded_levels, frame_sizes, num_rnn_layers,
// skip_conn, and formats, a dict; `arrays` holds contiguous numpy arrays by name.
Settings settings_of(const pybind11::dict& settings);
HeldArrays arrays_of(const pybind11::dict& arrays);

}  // namespace engine
