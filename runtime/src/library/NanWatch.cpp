//===- NanWatch.cpp - NaNs that a minimum or maximum swallowed -------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "NanWatch.h"

#include <algorithm>
#include <atomic>

#ifdef __x86_64__
#include <immintrin.h>
#endif

// libgomp's; see ThreadTeam.cpp.
extern "C" int omp_get_max_threads(void);

using namespace tenon;

bool library::canSwallowNan(const Epilogue &epilogue) {
  return std::any_of(epilogue.steps, epilogue.steps + epilogue.count, [](const EpilogueStep &step) {
    return step.kind == EpilogueKind::Activation &&
           (step.activation == ActivationKind::Relu || step.activation == ActivationKind::Clip ||
            step.activation == ActivationKind::HardSigmoid);
  });
}

#ifdef __x86_64__
static bool takeFlagOfThread() {
  constexpr unsigned invalid = 1;
  unsigned flags = _mm_getcsr();
  if (!(flags & invalid))
    return false;
  _mm_setcsr(flags & ~invalid);
  return true;
}

bool library::takeInvalidFlag(RunContext &context) {
  // The threads a library uses: the team's, or the calling one where the application lent its own.
  int threads = omp_get_max_threads();
  if (threads == 1)
    return takeFlagOfThread();
  std::atomic<bool> isSet = false;
  context.parallelFor(threads, [&](int64_t) {
    if (takeFlagOfThread())
      isSet.store(true, std::memory_order_relaxed);
  });
  return isSet;
}
#else
bool library::takeInvalidFlag(RunContext &) { return false; }
#endif
