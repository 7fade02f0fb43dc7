//===- NanWatch.h - NaNs that a minimum or maximum swallowed ---------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// oneDNN computes ReLU and clips with MAXPS and MINPS, which return the other operand for a NaN: relu(NaN) would be 0, and a
// model that diverged would look healthy. The same instructions set the sticky "invalid operation" flag of MXCSR for any NaN
// operand, so a look at the flag after the primitive tells for some nanoseconds whether it has to be done again without them.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_NANWATCH_H
#define TENON_RUNTIME_LIBRARY_NANWATCH_H

#include "../RunContext.h"

namespace tenon::library {

/// True where a step of the epilogue is a minimum or maximum as oneDNN computes it.
bool canSwallowNan(const Epilogue &epilogue);

/// True where an operation on any thread of the team was invalid since the last call (NaN compared, inf - inf, …); forgets it.
/// Never true on CPUs whose minimum leaves no trace.
bool takeInvalidFlag(RunContext &context);

/// Calls `fused()`, which applies `epilogue` by oneDNN; where a NaN may have been lost, calls `exact()` instead of it.
template <typename Fused, typename Exact>
void runWatchingNans(RunContext &context, const Epilogue &epilogue, const Fused &fused, const Exact &exact) {
  fused();
  if (!canSwallowNan(epilogue) || !takeInvalidFlag(context))
    return;
  // The flag may have been set by work before; now it is clear.
  fused();
  if (takeInvalidFlag(context))
    exact();
}

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_NANWATCH_H
