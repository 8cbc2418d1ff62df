// The floor of the sample loop: the same reads of weights in the same order, no arithmetic.

#include "member.h"

namespace engine {

void Member::read_weights(int samples) {
  for (int i = 0; i < samples; ++i) {
    for (size_t t = 0; t < model_.tiers.size(); ++t)
      if (i % model_.tiers[t].frame_size == 0) touch_tier(int(t));
    if (i % model_.frame_size() == 0)
      for (int p = 0; p < model_.frame_size(); ++p) touch(model_.upsample, p);
    touch(model_.hidden2, 0);
    touch(model_.outputs, 0);
  }
}

void Member::touch_tier(int index) {
  const Tier& tier = model_.tiers[index];
  touch(tier.inputs, 0);
  touch(tier.conditioning, 0);
  for (const Layer& layer : tier.layers) {
    touch(layer.kernel, 0);
    touch(layer.recurrent, 0);
  }
  touch(tier.skip, 0);
}

// This member's blocks of the matrix.
void Member::touch(const Matrix& matrix, int index) {
  if (!matrix.count) return;
  const Blocks rows = share(matrix.rows);
  const size_t first = size_t(index) * matrix.rows / kBlockRows + rows.first;
  kernels_.touch(matrix.data + first * matrix.block_bytes,
                 (rows.last - rows.first) * matrix.block_bytes);
}

}  // namespace engine
