//===- NanWatch.cpp - NaNs that a minimum or maximum swallowed -------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "NanWatch.h"
#include "loops/RowLoops.h"

#include <algorithm>
#include <atomic>

#ifdef __x86_64__
#include <immintrin.h>
#endif

// libgomp's; see ThreadTeam.cpp.
extern "C" int omp_get_max_threads(void);

using namespace tenon;

// The last one bounds what it takes the exponential of, on CPUs without AVX-512.
static constexpr ActivationKind boundedActivations[] = {ActivationKind::Relu, ActivationKind::Clip, ActivationKind::HardSigmoid,
                                                        ActivationKind::Sigmoid};

bool library::canSwallowNan(const Epilogue &epilogue) {
  return std::any_of(epilogue.steps, epilogue.steps + epilogue.count, [](const EpilogueStep &step) {
    return step.kind == EpilogueKind::Activation &&
           std::find(std::begin(boundedActivations), std::end(boundedActivations), step.activation) != std::end(boundedActivations);
  });
}

bool library::hasSpecials(RunContext &context, const TensorView &view) {
  if (!isComputedInF32(view.dtype) || countElements(view) == 0)
    return false;
  constexpr int64_t chunk = 1 << 16;
  const RowLoops &loops = rowLoops();
  int64_t span = spanInElements(view);
  std::atomic<bool> found = false;
  context.parallelFor((span + chunk - 1) / chunk, [&](int64_t task) {
    int64_t begin = task * chunk, count = std::min(chunk, span - begin);
    bool here = view.dtype == DType::F32
                    ? loops.hasSpecial32(static_cast<const uint32_t *>(view.data) + begin, count)
                    : loops.hasSpecial16(static_cast<const uint16_t *>(view.data) + begin, count,
                                         static_cast<uint16_t>(view.dtype == DType::BF16 ? 0x7f80 : 0x7c00));
    if (here)
      found = true;
  });
  return found;
}

bool library::mayReadNan(RunContext &context, std::initializer_list<const TensorView *> operands, TensorViews extras) {
#ifdef __aarch64__
  auto isSpecial = [&](const TensorView &view) { return hasSpecials(context, view); };
  return std::any_of(operands.begin(), operands.end(), [&](const TensorView *view) { return view && isSpecial(*view); }) ||
         std::any_of(extras.begin, extras.begin + extras.count, isSpecial);
#else
  return false; // what reads one sets the flag
#endif
}

bool library::NanWatch::constantMayBeNan(RunContext &context, const TensorView *constant) {
  Answer answer = constantHasNan.load(std::memory_order_relaxed);
  if (answer == Answer::Unknown) {
    answer = mayReadNan(context, {constant}, {}) ? Answer::Yes : Answer::No;
    constantHasNan.store(answer, std::memory_order_relaxed);
  }
  return answer == Answer::Yes;
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
#elif defined(__aarch64__)
static bool takeFlagOfThread() {
  constexpr uint64_t invalid = 1;
  uint64_t flags;
  asm volatile("mrs %0, fpsr" : "=r"(flags));
  if (!(flags & invalid))
    return false;
  asm volatile("msr fpsr, %0" : : "r"(flags & ~invalid));
  return true;
}
#endif

#if defined(__x86_64__) || defined(__aarch64__)
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
