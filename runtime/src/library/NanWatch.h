//===- NanWatch.h - NaNs that a minimum or maximum swallowed ---------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// oneDNN computes ReLU and clips with MAXPS and MINPS, which return the other operand for a NaN: relu(NaN) would be 0, and a
// model that diverged would look healthy. The same instructions set the sticky "invalid operation" flag of MXCSR for any NaN
// operand, so a look at the flag after the primitive tells for some nanoseconds whether it has to be done again without them.
// On arm64 it is FMAXNM, which leaves no trace of a NaN: there FPSR tells of NaNs that the primitive made (infinity less
// infinity), and operands are looked through for those it reads: constants once, others in each run.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_NANWATCH_H
#define TENON_RUNTIME_LIBRARY_NANWATCH_H

#include "../RunContext.h"
#include "Elements.h"

#include <atomic>
#include <initializer_list>

namespace tenon::library {

/// True where a step of the epilogue is a minimum or maximum as oneDNN computes it.
bool canSwallowNan(const Epilogue &epilogue);

/// True where an operation on any thread of the team was invalid since the last call (NaN compared, inf - inf, …); forgets it.
bool takeInvalidFlag(RunContext &context);

/// True where the memory of `view`, F32, F16 or BF16, has infinities or NaN, between its elements included.
bool hasSpecials(RunContext &context, const TensorView &view);

/// True where a NaN that an operand (null: none) has would leave no trace in takeInvalidFlag.
bool mayReadNan(RunContext &context, std::initializer_list<const TensorView *> operands, TensorViews extras);

/// What a call site knows of the flag.
class NanWatch {
public:
  /// Calls `fused()`, which reads `operands` (null: none), `extras` and, where it is not null, `constant`, and applies `epilogue` by
  /// oneDNN; where a NaN may have been lost, calls `exact()` instead of it. `constant` is the same in each call.
  template <typename Fused, typename Exact>
  void run(RunContext &context, const Epilogue &epilogue, std::initializer_list<const TensorView *> operands,
           const TensorView *constant, TensorViews extras, const Fused &fused, const Exact &exact) {
    if (!canSwallowNan(epilogue))
      return fused();
    if (constantMayBeNan(context, constant) || mayReadNan(context, operands, extras))
      return exact();
    if (isSetBefore.load(std::memory_order_relaxed))
      takeInvalidFlag(context);
    fused();
    if (!takeInvalidFlag(context))
      return;
    // Work before may have set the flag; now it is clear.
    fused();
    if (takeInvalidFlag(context))
      return exact();
    isSetBefore.store(true, std::memory_order_relaxed);
  }

private:
  bool constantMayBeNan(RunContext &context, const TensorView *constant);

  enum class Answer : uint8_t { Unknown, No, Yes };
  std::atomic<Answer> constantHasNan = Answer::Unknown;
  /// Whether it once was the work before: from then on the flag is cleared first, which costs less than computing twice.
  std::atomic<bool> isSetBefore = false;
};

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_NANWATCH_H
