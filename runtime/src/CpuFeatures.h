//===- CpuFeatures.h - what this CPU can do -------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_CPUFEATURES_H
#define TENON_RUNTIME_CPUFEATURES_H

#include <stddef.h>
#include <string>

namespace tenon {

/// Throws Error(TENON_UNSUPPORTED_CPU) where this CPU or its operating system lacks one of `features`: names in LLVM's
/// spelling, comma-separated ("avx512f,avx512vl"). The sentence names all that are missing.
void checkCpuFeatures(const char *features);

/// Where `features` has SVE: throws Error(TENON_UNSUPPORTED_CPU) unless the calling thread's vector length, which prctl can
/// change, is a power of two. Elsewhere does nothing.
void checkVectorLength(const char *features);

/// Bytes of the calling thread's SVE vectors; 0 without SVE.
size_t sveVectorBytes();

/// While one lives, the calling thread's SVE vectors have at most `maxBytes` (a power of two, 16 or more). Functions that are
/// compiled for SVE must not make one: their vectors change under them.
class SveLimit {
public:
  /// Throws Error(TENON_UNSUPPORTED_CPU) where the length cannot be changed.
  explicit SveLimit(size_t maxBytes);
  ~SveLimit();
  SveLimit(const SveLimit &) = delete;
  /// Whether the vectors are longer elsewhere.
  bool isInForce() const { return settingBefore >= 0; }

private:
  int settingBefore = -1; ///< as prctl knows it
};

/// Whether the CPU has the feature `name`; false for names that are not in the architecture's table.
bool hasCpuFeature(const std::string &name);

} // namespace tenon

#endif // TENON_RUNTIME_CPUFEATURES_H
