//===- Target.h - what a CPU can do -------------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The only place that knows names of CPUs. Everything else asks a Target for facts.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_TARGET_TARGET_H
#define TENON_COMPILER_TARGET_TARGET_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tenon {

/// A CPU to compile for.
struct Target {
  std::string arch;           ///< "x86_64" or "aarch64"
  std::string triple;         ///< normalised LLVM triple (Linux, glibc)
  std::string cpu;            ///< LLVM's name; never decides which instructions are legal
  std::string tuneCpu;        ///< LLVM's name of the CPU that it schedules and weighs costs for
  std::string baselineCpu;    ///< LLVM's name of the least CPU of `arch`; with `features`, all that is legal
  std::string cpuDescription; ///< for people: "native (znver5)", "generic (x86-64-v3)", "neoverse-v1"

  /// The ISA extensions generated code uses beyond the baseline of `arch` (SSE2; NEON), in LLVM's spelling, sorted.
  /// They are what code generation is given (see EmitObject) and what a run has to find on its CPU, so the two cannot
  /// differ.
  std::vector<std::string> features;

  unsigned vectorBits = 128;    ///< of a fixed vector; of one granule (vscale = 1) where `scalableVectors`
  bool scalableVectors = false; ///< vectors are vscale x vectorBits
  unsigned numVectorRegisters = 16;

  bool hasNativeBf16Dot = false; ///< pairs of bf16 summed into f32 by one instruction
  double bf16Rate = 0;           ///< products of bf16 (f32 sums) per cycle, as a multiple of f32's; 0: none
  bool hasNativeF16 = false;     ///< f16 vector arithmetic, not only conversion
  bool hasInt8Dot = false;       ///< four 8-bit products summed into i32 by one instruction
  bool hasInt8MatMul = false;    ///< 2x8 by 8x2 8-bit products by one instruction

  // Bytes one core can count on; 0: there is no such cache.
  uint64_t l1DataBytes = 0;
  uint64_t l2Bytes = 0;
  uint64_t l3Bytes = 0; ///< shared by all cores

  bool hasFeature(llvm::StringRef feature) const;

  /// `features` as LLVM's attribute string: "+avx,+avx2".
  std::string featureString() const;

  /// Why products are no faster in `precision` ("bf16", "f16") than in f32; empty where they are.
  std::string whyNotFaster(llvm::StringRef precision) const;

  /// Why attention multiplies f32 under `precision`; empty where it multiplies that type.
  std::string whyAttentionIsWide(llvm::StringRef precision) const;

  /// Vectors of 64-bit integers are converted from and to f64 only, not f32: NEON's are.
  bool convertsInt64ByF64() const { return arch == "aarch64" && !scalableVectors; }

  /// Vector registers that a loop's constants share with its values; 0 where arithmetic reads constants from memory.
  unsigned registersOfConstants() const { return arch == "x86_64" ? 0 : numVectorRegisters; }

  /// Elements of `elementBits` bits in one vector (times vscale where `scalableVectors`).
  unsigned vectorLanes(unsigned elementBits) const { return vectorBits / elementBits; }
};

/// Returns the target for `arch` ("host", "x86_64" or "aarch64") and `cpu` ("native", "generic" or a name of the table
/// in Target.cpp; empty: "native" on the host's architecture, "generic" elsewhere). "native" asks the machine this runs
/// on. Fails with a sentence that lists what exists.
llvm::Expected<Target> resolveTarget(llvm::StringRef arch, llvm::StringRef cpu);

/// The names `resolveTarget` accepts for `arch` ("x86_64" or "aarch64") beside "native".
std::vector<llvm::StringRef> knownCpus(llvm::StringRef arch);

} // namespace tenon

#endif // TENON_COMPILER_TARGET_TARGET_H
