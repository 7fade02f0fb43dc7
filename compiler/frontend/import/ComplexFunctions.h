//===- ComplexFunctions.h - functions of one complex number -----------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_COMPLEXFUNCTIONS_H
#define TENON_FRONTEND_IMPORT_COMPLEXFUNCTIONS_H

#include "compiler/frontend/import/Emit.h"

namespace tenon::aten {

/// One complex number inside a body; the parts are of the body's dtype.
struct Number {
  mlir::Value real, imaginary;
};

/// The arithmetic of complex numbers in a body of real ones.
class ComplexMath {
public:
  explicit ComplexMath(Math &m) : m(m) {}
  Math &m;

  Number constant(double real, double imaginary = 0) { return {m.constant(real), m.constant(imaginary)}; }
  Number add(Number x, Number y) { return {m.add(x.real, y.real), m.add(x.imaginary, y.imaginary)}; }
  Number sub(Number x, Number y) { return {m.sub(x.real, y.real), m.sub(x.imaginary, y.imaginary)}; }
  Number neg(Number x) { return {m.neg(x.real), m.neg(x.imaginary)}; }
  Number conj(Number x) { return {x.real, m.neg(x.imaginary)}; }
  Number scale(Number x, mlir::Value factor) { return {m.mul(x.real, factor), m.mul(x.imaginary, factor)}; }
  Number mul(Number x, Number y);
  Number div(Number x, Number y);
  Number select(mlir::Value condition, Number x, Number y);
  /// i x and -i x.
  Number turned(Number x) { return {m.neg(x.imaginary), x.real}; }
  Number turnedBack(Number x) { return {x.imaginary, m.neg(x.real)}; }

  mlir::Value equal(Number x, Number y);
  mlir::Value isZero(Number x) { return equal(x, constant(0)); }
  /// |x|; no square overflows.
  mlir::Value magnitude(Number x);
  /// The angle, in [-pi, pi].
  mlir::Value angle(Number x);

  Number exp(Number x);
  Number expm1(Number x);
  Number log(Number x);
  Number log1p(Number x);
  Number sqrt(Number x);
  Number pow(Number x, Number exponent);
  Number sin(Number x);
  Number cos(Number x);
  Number sinh(Number x);
  Number cosh(Number x);
  Number tanh(Number x);
  Number tan(Number x) { return turnedBack(tanh(turned(x))); }
  Number asin(Number x);
  Number acos(Number x);
  Number acosh(Number x);
  Number atanh(Number x);
  Number asinh(Number x) { return turnedBack(asin(turned(x))); }
  Number atan(Number x) { return turnedBack(atanh(turned(x))); }
};

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_COMPLEXFUNCTIONS_H
