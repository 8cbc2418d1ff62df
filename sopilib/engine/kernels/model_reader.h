// Builds a Model from the arrays of a packed model and checks every size.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "model.h"

namespace engine {

// Reads `arrays`, a dict of numpy arrays, in the shapes that `settings` implies:
//   settings: rnn_type, width, q_levels, padded_levels, frame_sizes (ascending),
//       num_rnn_layers, skip_conn, and formats, a dict from each matrix to its format.
// Raises ValueError if an array is missing or has another size.
Model read_model(const pybind11::dict& settings, const pybind11::dict& arrays);

}  // namespace engine
