// Memory for the quantized vectors that `Inputs` points to.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels.h"

namespace engine {

struct Codes {
  std::vector<int8_t> codes, flips;
  std::vector<uint8_t> magnitudes;
  std::vector<int32_t> sums, totals, negatives;
  std::vector<float> scales;

  // For `voices` vectors of at most `cols` elements.
  Codes(int voices, int cols)
      : codes(size_t(voices) * cols),
        flips(codes.size()),
        magnitudes(codes.size()),
        sums(codes.size() / kGroup),
        totals(voices),
        negatives(voices),
        scales(voices) {}

  // Inputs with this memory and without values.
  Inputs inputs() {
    Inputs inputs;
    inputs.codes = codes.data();
    inputs.flips = flips.data();
    inputs.magnitudes = magnitudes.data();
    inputs.sums = sums.data();
    inputs.totals = totals.data();
    inputs.negatives = negatives.data();
    inputs.scales = scales.data();
    return inputs;
  }
};

}  // namespace engine
