//===- Activation.cpp - activations ----===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/math/Functions.h"

#include <cmath>

using namespace tenon;
using namespace tenon::functions;

namespace {

/// factor(x) / (1 + exp(-t)) without overflow: with e = exp(-|t|) it is x / (1 + e) or x e / (1 + e).
Value timesSigmoid(MathBuilder &b, Value x, Value t) {
  Value e = functions::expOfNonPositive(b, b.neg(b.abs(t)));
  Value numerator = b.select(b.less(t, b.constant(0)), b.mul(x, e), x);
  return b.div(numerator, b.add(b.constant(1), e));
}

/// x/2 (1 + tanh(u)) = x sigmoid(2 u), u = sqrt(2/pi) (x + 0.044715 x^3). The sigmoid keeps the digits that 1 + tanh
/// cancels.
Value geluTanh(MathBuilder &b, Value x) {
  const double twiceRoot = 2 * 0.79788456080286535588;
  Value cubic = b.fma(b.mul(x, x), b.constant(twiceRoot * 0.044715), b.constant(twiceRoot));
  return timesSigmoid(b, x, b.mul(x, cubic));
}

Value geluErf(MathBuilder &b, Value x) {
  Value e = functions::erf(b, b.mul(x, b.constant(0.70710678118654752440)));
  Value half = b.mul(x, b.constant(0.5));
  return b.fma(half, e, half);
}

/// min(max(x + 3, 0), 6)
Value hardRamp(MathBuilder &b, Value x) { return b.atMost(b.atLeast(b.add(x, b.constant(3)), 0), 6); }

/// log(1 + exp(beta x)) / beta; x where beta x > threshold.
Value softplus(MathBuilder &b, Value x, double beta, double threshold) {
  Value scaled = beta == 1 ? x : b.mul(x, b.constant(beta));
  Value soft = functions::log1p(b, functions::exp(b, scaled));
  if (beta != 1)
    soft = b.div(soft, b.constant(beta));
  return b.select(b.less(b.constant(threshold), scaled), x, soft);
}

/// x tanh(log(1 + e)) = x w / (w + 2), w = e (e + 2), e = exp(x); from 20 (40) on the factor is 1.
Value mish(MathBuilder &b, Value x) {
  Value e = functions::exp(b, b.atMost(x, b.isDouble() ? 40 : 20));
  Value w = b.mul(e, b.add(e, b.constant(2)));
  return b.mul(x, b.div(w, b.add(w, b.constant(2))));
}

} // namespace

Value functions::sigmoid(MathBuilder &b, Value x) { return timesSigmoid(b, b.constant(1), x); }

Value functions::rsqrt(MathBuilder &b, Value x) { return b.div(b.constant(1), b.sqrt(x)); }

Value functions::activation(MathBuilder &b, ActivationKind kind, Value x, double alpha, double beta) {
  Value zero = b.constant(0);
  switch (kind) {
  case ActivationKind::Relu:
    return b.atLeast(x, 0);
  case ActivationKind::GeluErf:
    return geluErf(b, x);
  case ActivationKind::GeluTanh:
    return geluTanh(b, x);
  case ActivationKind::Sigmoid:
    return sigmoid(b, x);
  case ActivationKind::Tanh:
    return tanh(b, x);
  case ActivationKind::Silu:
    return timesSigmoid(b, x, x);
  case ActivationKind::HardSigmoid:
    return b.mul(hardRamp(b, x), b.constant(1.0 / 6));
  case ActivationKind::HardSwish:
    return b.mul(x, b.mul(hardRamp(b, x), b.constant(1.0 / 6)));
  case ActivationKind::LeakyRelu:
    return b.select(b.less(zero, x), x, b.mul(x, b.constant(alpha)));
  case ActivationKind::Elu:
    return b.select(b.less(zero, x), x, b.mul(b.constant(alpha), expm1(b, x)));
  case ActivationKind::Clip:
    return b.atMost(b.atLeast(x, alpha), beta);
  case ActivationKind::Softplus:
    return softplus(b, x, alpha, beta);
  case ActivationKind::Mish:
    return mish(b, x);
  }
  llvm_unreachable("every kind has its formula");
}
