//===- Scan.cpp - tenon.scan ------------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// One line after the other, in order: the sums are exactly as reproducible as a single thread's. Threads share the lines.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Lines.h"

#include <cmath>
#include <type_traits>

using namespace tenon;
using namespace tenon::library;

namespace {

/// A line that is read, one that is written, and where positions go.
template <typename Type> struct ScanLine {
  const Type *source;
  Type *target;
  int64_t *places; ///< null: none wanted
  int64_t length, sourceStride, targetStride, placesStride;
};

} // namespace

/// log(exp(a) + exp(b)). Equal infinities stay what they are: their difference is no number.
static double logAddExp(double a, double b) {
  if (isNan(a) || isNan(b))
    return a + b;
  double least = std::min(a, b), greatest = std::max(a, b);
  return std::isinf(greatest) ? greatest : greatest + std::log1p(std::exp(least - greatest));
}

template <typename Type, typename Combine>
static void accumulate(const ScanLine<Type> &line, const Combine &combine) {
  // Integers wrap: their sums are taken without a sign.
  using Accumulator = std::conditional_t<std::is_integral_v<Type>, uint64_t, double>;
  Accumulator sum = 0;
  for (int64_t i = 0; i < line.length; ++i) {
    auto element = static_cast<Accumulator>(line.source[i * line.sourceStride]);
    sum = i == 0 ? element : combine(sum, element);
    if constexpr (std::is_same_v<Type, BFloat16>)
      line.target[i * line.targetStride] = BFloat16(static_cast<float>(sum));
    else
      line.target[i * line.targetStride] = static_cast<Type>(sum);
  }
}

/// Elements that are not worse than the best so far take its place, so positions are those of the last.
template <typename Type> static void findExtremes(const ScanLine<Type> &line, bool isMax) {
  using Value = WideType<Type>;
  int64_t best = 0;
  for (int64_t i = 0; i < line.length; ++i) {
    auto current = static_cast<Value>(line.source[best * line.sourceStride]);
    auto element = static_cast<Value>(line.source[i * line.sourceStride]);
    if (isNan(element) || (!isNan(current) && (isMax ? element >= current : element <= current)))
      best = i;
    line.target[i * line.targetStride] = line.source[best * line.sourceStride];
    if (line.places)
      line.places[i * line.placesStride] = best;
  }
}

template <typename Type> static void scanLine(ScanKind kind, const ScanLine<Type> &line) {
  switch (kind) {
  case ScanKind::Sum: return accumulate(line, [](auto a, auto b) { return a + b; });
  case ScanKind::Prod: return accumulate(line, [](auto a, auto b) { return a * b; });
  case ScanKind::LogSumExp:
    return accumulate(line, [](auto a, auto b) { return static_cast<decltype(a)>(logAddExp(a, b)); });
  case ScanKind::Max: return findExtremes(line, true);
  case ScanKind::Min: return findExtremes(line, false);
  }
}

void tenon::scan(Run &run, const ScanSpec &spec, const TensorView &input, const TensorView &values,
                 const TensorView *positions) {
  if (run.preparing() || countElements(values) == 0)
    return;
  constexpr int64_t costOfElement = 4;
  withElementType(input.dtype, [&](auto type) {
    using Type = decltype(type);
    Lines from(input, spec.dim), to(values, spec.dim), places(positions ? *positions : values, spec.dim);
    forEachLine(RunContext::of(run), from.count(), from.length * costOfElement, [&](int64_t, int64_t line) {
      scanLine<Type>(spec.kind, {from.at<const Type>(line), to.at<Type>(line),
                                 positions ? places.at<int64_t>(line) : nullptr, from.length, from.stride, to.stride,
                                 places.stride});
    });
  });
}
