//===- Activations.cpp - epilogue steps on rows ------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Math.h"
#include "RowLoops.h"

#pragma clang fp contract(fast)

TENON_LOOPS_BEGIN

template <int unrolling = longLoop, typename Function>
static TENON_INLINE void transform(float *values, int64_t count, const Function &function) {
  forEachVector<unrolling>(count, [&](int64_t i, auto extent) TENON_INLINE_BODY {
    Floats x = load(values + i, extent);
    function(x);
    store(values + i, x, extent);
  });
}

/// x = min(max(x, low), high)
static TENON_INLINE void clip(Floats &x, float low, float high) {
  x = x < low ? splat(low) : x > high ? splat(high) : x;
}

static TENON_INLINE void applyHardSigmoid(Floats &x) {
  x = x + 3.0f;
  clip(x, 0, 6);
  x = x * (1.0f / 6);
}

/// x sigmoid(t), from exp(-|t|). The sigmoid keeps the digits that 1 + tanh cancels.
static TENON_INLINE void multiplyBySigmoid(Floats &x, const Floats &t) {
  Floats exponential = t < 0 ? t : -t;
  applyExpOfNegative(exponential);
  x = (t < 0 ? x * exponential : x) / (exponential + 1.0f);
}

static TENON_INLINE void applyGeluErf(Floats &x) {
  Floats e = x * 0.707106781f, half = x * 0.5f;
  applyErf(e);
  x = half * e + half;
}

/// x/2 (1 + tanh(u)) = x sigmoid(2 u), u = sqrt(2/pi) (x + 0.044715 x^3)
static TENON_INLINE void applyGeluTanh(Floats &x) {
  constexpr float twiceRoot = 2 * 0.797884561f;
  Floats twiceU = (x * x * (twiceRoot * 0.044715f) + twiceRoot) * x;
  multiplyBySigmoid(x, twiceU);
}

/// log(1 + exp(beta x)) / beta; x where beta x > threshold. log(1 + exp(t)) = max(t, 0) + log(1 + exp(-|t|)).
static TENON_INLINE void applySoftplus(Floats &x, float beta, float threshold) {
  Floats t = x * beta, soft = t < 0 ? t : -t;
  applyExpOfNegative(soft);
  applyLog1pUpToOne(soft);
  soft = t > 0 ? soft + t : soft;
  x = t > threshold ? x : soft / beta;
}

/// x tanh(log(1 + exp(x))) = x w / (w + 2), w = e (e + 2), e = exp(x). For positive x both are multiplied by exp(-2x).
static TENON_INLINE void applyMish(Floats &x) {
  Floats e = x < 0 ? x : -x;
  applyExpOfNegative(e);
  Floats w = x < 0 ? e * (e + 2.0f) : e * 2.0f + 1.0f;
  x = x * w / (w + (x < 0 ? splat(2) : e * e * 2.0f));
}

static TENON_INLINE void applyElu(Floats &x, float alpha) {
  Floats negative = x > 0 ? splat(0) : x;
  applyExpm1OfNegative(negative);
  x = x > 0 ? x : negative * alpha;
}

// A switch around loops, not in one.
TENON_MULTIVERSION static void activate(ActivationKind kind, float alpha, float beta, float *values, int64_t count) {
  switch (kind) {
  case ActivationKind::Relu:
    return transform<shortLoop>(values, count, [](Floats &x) TENON_INLINE_BODY { x = x < 0 ? splat(0) : x; });
  case ActivationKind::GeluErf: return transform(values, count, [](Floats &x) TENON_INLINE_BODY { applyGeluErf(x); });
  case ActivationKind::GeluTanh: return transform(values, count, [](Floats &x) TENON_INLINE_BODY { applyGeluTanh(x); });
  case ActivationKind::Sigmoid: return transform(values, count, [](Floats &x) TENON_INLINE_BODY { applySigmoid(x); });
  case ActivationKind::Tanh: return transform(values, count, [](Floats &x) TENON_INLINE_BODY { applyTanh(x); });
  case ActivationKind::Silu:
    return transform(values, count, [](Floats &x) TENON_INLINE_BODY {
      Floats t = x;
      multiplyBySigmoid(x, t);
    });
  case ActivationKind::HardSigmoid: return transform<shortLoop>(values, count, [](Floats &x) TENON_INLINE_BODY { applyHardSigmoid(x); });
  case ActivationKind::HardSwish:
    return transform<shortLoop>(values, count, [](Floats &x) TENON_INLINE_BODY {
      Floats factor = x;
      applyHardSigmoid(factor);
      x = x * factor;
    });
  case ActivationKind::LeakyRelu:
    return transform<shortLoop>(values, count, [=](Floats &x) TENON_INLINE_BODY { x = x > 0 ? x : x * alpha; });
  case ActivationKind::Elu: return transform(values, count, [=](Floats &x) TENON_INLINE_BODY { applyElu(x, alpha); });
  case ActivationKind::Clip: return transform<shortLoop>(values, count, [=](Floats &x) TENON_INLINE_BODY { clip(x, alpha, beta); });
  case ActivationKind::Softplus:
    return transform(values, count, [=](Floats &x) TENON_INLINE_BODY { applySoftplus(x, alpha, beta); });
  case ActivationKind::Mish: return transform(values, count, [](Floats &x) TENON_INLINE_BODY { applyMish(x); });
  }
}

TENON_MULTIVERSION static void add(float *values, const float *others, int64_t count) {
  forEachVector(count, [&](int64_t i, auto extent) TENON_INLINE_BODY {
    store(values + i, load(values + i, extent) + load(others + i, extent), extent);
  });
}
TENON_MULTIVERSION static void multiply(float *values, const float *others, int64_t count) {
  forEachVector(count, [&](int64_t i, auto extent) TENON_INLINE_BODY {
    store(values + i, load(values + i, extent) * load(others + i, extent), extent);
  });
}

void enterActivations(RowLoops &loops) {
  loops.activate = activate;
  loops.add = add;
  loops.multiply = multiply;
}

TENON_LOOPS_END
