// Builds a Model from the settings and arrays of a packed model, which anyone may have written:
// every number is checked against its range, the other numbers and the sizes of the arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model.h"

namespace engine {

// The numbers in the header of a packed model, none of them checked.
struct Settings {
  std::string rnn_type;
  int64_t width = 0;
  int64_t q_levels = 0;
  int64_t padded_levels = 0;
  int64_t num_rnn_layers = 0;
  std::vector<int64_t> frame_sizes;  // ascending
  bool skip_conn = false;
  std::map<std::string, std::string> formats;  // from each matrix to its format
};

struct Array {
  const void* data = nullptr;
  size_t size_bytes = 0;
};

using Arrays = std::map<std::string, Array>;

// Returns the Model in `arrays`, whose memory it uses; allocates nothing in proportion to the
// numbers in `settings`. Throws std::invalid_argument, in one line, if a setting is out of its
// range or does not fit another, or if an array is missing, has another size than the settings
// imply, is not aligned to its elements or holds NaN or infinity.
Model read_model(const Settings& settings, const Arrays& arrays);

}  // namespace engine
