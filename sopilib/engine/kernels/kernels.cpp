// Finds the kernels that this processor can run.

#include "kernels.h"

#include <cstring>

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace engine {

extern const Kernels plain_kernels, avx2_kernels, avx512_kernels, neon_kernels;

namespace {

bool always() { return true; }

#if defined(__x86_64__)
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#elif defined(__aarch64__)
bool has_dot_product() {
#if defined(__linux__)
  return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
#else
  return true;  // every Mac with an ARM processor has this instruction
#endif
}
#endif

struct Candidate {
  const Kernels* kernels;
  bool (*is_supported)();
};

constexpr Candidate kFastestFirst[] = {
#if defined(__x86_64__)
    {&avx512_kernels, has_avx512},
    {&avx2_kernels, has_avx2},
#elif defined(__aarch64__)
    {&neon_kernels, has_dot_product},
#endif
    {&plain_kernels, always},
};

}  // namespace

const Kernels* find_kernels(const char* name) {
  for (const Candidate& candidate : kFastestFirst) {
    const bool is_wanted = !*name || !std::strcmp(name, candidate.kernels->name);
    if (is_wanted && candidate.is_supported()) return candidate.kernels;
  }
  return nullptr;
}

}  // namespace engine
