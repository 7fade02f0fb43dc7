//===- MatrixExponential.cpp - the exponential of square matrices -----------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Scaling and squaring about the Padé approximant of degree 13 (N. J. Higham, "The scaling and squaring method for the matrix
// exponential revisited", 2005, https://doi.org/10.1137/04061101X), in double precision whatever the type.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Decompose.h"

using namespace tenon;
using namespace tenon::library;

/// Up to this norm the approximant's relative error is below the rounding of doubles (Higham, table 2.3).
static constexpr double largestNorm = 5.371920351148152;

/// Of the numerator; the denominator's have alternating signs.
static constexpr double coefficients[] = {64764752532480000,
                                          32382376266240000,
                                          7771770303897600,
                                          1187353796428800,
                                          129060195264000,
                                          10559470521600,
                                          670442572800,
                                          33522128640,
                                          1323241920,
                                          40840800,
                                          960960,
                                          16380,
                                          182,
                                          1};

namespace {

template <typename Type> struct Exponential {
  using Wide = std::conditional_t<isComplexNumber<Type>, std::complex<double>, double>;
  Exponential(const DecomposeCall &call, Workspace &space)
      : call(call), n(call.operand(0).rows), lda(leading(n)), count(int64_t(n) * n), narrow(space.take<Type>(count)),
        pivots(space.take<int>(n)) {
    for (Wide **matrix : {&a, &a2, &a4, &a6, &odd, &even, &sum})
      *matrix = space.take<Wide>(count);
  }

  void run(int64_t number) {
    call.operand(0).read(number, narrow);
    std::copy_n(narrow, count, a);
    double norm = columnNorm();
    if (std::isfinite(norm))
      exponentiate(norm);
    else
      std::fill_n(a, count, Wide(std::numeric_limits<double>::quiet_NaN()));
    std::transform(a, a + count, narrow, [](Wide x) { return static_cast<Type>(x); });
    call.result(0).write(number, narrow);
  }

  double columnNorm() const {
    double most = 0;
    for (int64_t j = 0; j < n; ++j) {
      double total = 0;
      for (int64_t i = 0; i < n; ++i)
        total += std::abs(a[j * n + i]);
      most = total > most || std::isnan(total) ? total : most;
      if (std::isnan(most))
        break;
    }
    return most;
  }

  // 1. a / 2^s has a norm within reach of the approximant.
  // 2. odd and even are its parts in odd and even powers: p = even + odd, q = even - odd.
  // 3. exp = q^-1 p, squared s times.
  void exponentiate(double norm) {
    int squarings = norm > largestNorm ? std::ilogb(norm / largestNorm) + 1 : 0;
    std::for_each(a, a + count, [&](Wide &x) { x *= std::ldexp(1.0, -squarings); });
    multiply(a, a, a2);
    multiply(a2, a2, a4);
    multiply(a4, a2, a6);
    combine(13, sum);
    multiply(a6, sum, even);
    add(even, 7, even);
    multiply(a, even, odd);
    combine(12, sum);
    multiply(a6, sum, even);
    add(even, 6, even);
    for (int64_t i = 0; i < count; ++i) {
      a[i] = even[i] + odd[i];
      even[i] -= odd[i];
    }
    int info = 0;
    Lapack<Wide>::getrf(&n, &n, even, &lda, pivots, &info);
    Lapack<Wide>::getrs("N", &n, &n, even, &lda, pivots, a, &lda, &info, 1);
    for (int i = 0; i < squarings; ++i) {
      multiply(a, a, sum);
      std::swap(a, sum);
    }
  }

  // result = x y
  void multiply(const Wide *x, const Wide *y, Wide *result) const {
    Wide one = 1, zero = 0;
    Lapack<Wide>::gemm("N", "N", &n, &n, &n, &one, x, &lda, y, &lda, &zero, result, &lda, 1, 1);
  }

  // result = c[first] a^6 + c[first - 2] a^4 + c[first - 4] a^2
  void combine(int first, Wide *result) const {
    for (int64_t i = 0; i < count; ++i)
      result[i] = coefficients[first] * a6[i] + coefficients[first - 2] * a4[i] + coefficients[first - 4] * a2[i];
  }

  // result = x + c[first] a^6 + c[first - 2] a^4 + c[first - 4] a^2 + c[first - 6]
  void add(const Wide *x, int first, Wide *result) const {
    for (int64_t i = 0; i < count; ++i)
      result[i] =
          x[i] + coefficients[first] * a6[i] + coefficients[first - 2] * a4[i] + coefficients[first - 4] * a2[i];
    for (int64_t i = 0; i < n; ++i)
      result[i * n + i] += coefficients[first - 6];
  }

  const DecomposeCall &call;
  int n, lda;
  int64_t count;
  Type *narrow;
  int *pivots;
  Wide *a, *a2, *a4, *a6, *odd, *even, *sum;
};

} // namespace

void tenon::library::exponentiate(RunContext &context, const DecomposeCall &call) {
  withNumberType(call, [&](auto type) { forEachMatrix<Exponential<decltype(type)>>(context, call); });
}
