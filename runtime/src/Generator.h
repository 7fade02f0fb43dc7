//===- Generator.h - the random numbers of a model ----------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_GENERATOR_H
#define TENON_RUNTIME_GENERATOR_H

#include <mutex>
#include <optional>
#include <random>

namespace tenon {

/// PyTorch's generator on the CPU: a Mersenne twister (https://doi.org/10.1145/272991.272995), and the second number of the
/// latest pair of normal ones. One op draws at a time: `Lock` it first.
class Generator {
public:
  using Lock = std::lock_guard<std::mutex>;

  void seed(uint64_t seed) {
    Lock lock(mutex);
    latestSeed = seed;
    startFrom(seed);
  }
  /// Back to the latest seed.
  void restart() {
    Lock lock(mutex);
    startFrom(latestSeed);
  }

  uint32_t bits32() { return static_cast<uint32_t>(engine()); }
  uint64_t bits64() {
    uint64_t high = bits32();
    return high << 32 | bits32();
  }

  std::mutex mutex;
  std::optional<double> spareNormal;

private:
  // What PyTorch starts from where nobody calls torch.manual_seed.
  static constexpr uint64_t defaultSeed = 67280421310721;

  void startFrom(uint64_t seed) {
    engine.seed(static_cast<uint32_t>(seed));
    spareNormal.reset();
  }

  uint64_t latestSeed = defaultSeed;
  std::mt19937 engine{static_cast<uint32_t>(defaultSeed)};
};

} // namespace tenon

#endif // TENON_RUNTIME_GENERATOR_H
