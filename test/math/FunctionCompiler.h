//===- FunctionCompiler.h - runs one op of the math expansions on arrays ---*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TEST_MATH_FUNCTIONCOMPILER_H
#define TENON_TEST_MATH_FUNCTIONCOMPILER_H

#include <cstdint>
#include <memory>
#include <string>

namespace llvm::orc {
class LLJIT;
}

namespace tenon {

/// Machine code that applies one expanded op to arrays: result[i] = op(x[i], y[i]) for i in [0, count).
class CompiledFunction {
public:
  /// `op` is an op on %x (and %y) of type `vector<lanes x element>`, or of the scalar for `lanes` 0, without its type:
  /// "math.exp %x". Compiled for the host.
  CompiledFunction(const std::string &op, const std::string &element, int lanes);
  ~CompiledFunction();

  /// `count` is a multiple of the lanes; arrays are of the element type; `y` may be null where the op has one operand.
  void operator()(const void *x, const void *y, void *result, int64_t count) const { entry(x, y, result, count); }

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void (*entry)(const void *, const void *, void *, int64_t) = nullptr;
};

/// The assembly of `op` (as above) on `type`, expanded and compiled for a CPU of `arch`.
std::string assemblyOf(const std::string &op, const std::string &type, const std::string &arch, const std::string &cpu);

} // namespace tenon

#endif // TENON_TEST_MATH_FUNCTIONCOMPILER_H
