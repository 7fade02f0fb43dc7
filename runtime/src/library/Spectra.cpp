//===- Spectra.cpp - eigenvalues and singular values ------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The routines are those that ATen calls, so that signs and phases of vectors, which the mathematics leaves open, are its own.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Decompose.h"

using namespace tenon;
using namespace tenon::library;

namespace {

/// Of a symmetric or Hermitian matrix, of which one triangle is read. Values ascend.
template <typename Type, bool wantsVectors> struct SymmetricEigen {
  SymmetricEigen(const DecomposeCall &call, Workspace &space)
      : call(call), n(call.operand(0).rows), lda(leading(n)), a(space.take<Type>(int64_t(n) * n)),
        values(space.take<Part<Type>>(n)) {
    Type answer{};
    Part<Type> realAnswer{};
    int integerAnswer = 0;
    length = realLength = integerLength = -1;
    compute(&answer, &realAnswer, &integerAnswer);
    length = workLength(answer), realLength = workLength(realAnswer), integerLength = std::max(1, integerAnswer);
    work = space.take<Type>(length);
    if constexpr (isComplexNumber<Type>)
      realWork = space.take<Part<Type>>(realLength);
    integers = space.take<int>(integerLength);
  }
  int compute(Type *work, [[maybe_unused]] Part<Type> *realWork, int *integers) {
    int info = 0;
    const char *job = wantsVectors ? "V" : "N";
    if constexpr (isComplexNumber<Type>)
      Lapack<Type>::syevd(job, call.triangle(), &n, a, &lda, values, work, &length, realWork, &realLength, integers,
                          &integerLength, &info, 1, 1);
    else
      Lapack<Type>::syevd(job, call.triangle(), &n, a, &lda, values, work, &length, integers, &integerLength, &info, 1,
                          1);
    return info;
  }
  void run(int64_t number) {
    call.operand(0).read(number, a);
    int info = compute(work, realWork, integers);
    call.realResult(0).write(number, values);
    if constexpr (wantsVectors)
      call.result(1).write(number, a);
    call.realResult(wantsVectors ? 2 : 1).write(number, &info);
  }

  const DecomposeCall &call;
  int n, lda, length, realLength, integerLength;
  Type *a, *work;
  Part<Type> *values, *realWork = nullptr;
  int *integers;
};

/// U, S and V^H; U and V^H are square where their results are.
template <typename Type, bool wantsVectors> struct Svd {
  Svd(const DecomposeCall &call, Workspace &space)
      : call(call), m(call.operand(0).rows), n(call.operand(0).columns), lda(leading(m)),
        a(space.take<Type>(int64_t(m) * n)), values(space.take<Part<Type>>(std::min(m, n))),
        integers(space.take<int>(8 * int64_t(std::min(m, n)))) {
    if constexpr (wantsVectors) {
      uColumns = call.result(0).columns;
      vRows = call.result(2).rows;
      u = space.take<Type>(int64_t(m) * uColumns);
      v = space.take<Type>(int64_t(vRows) * n);
    }
    Part<Type> realAnswer{};
    work = takeWork<Type>(space, length, [&](Type *answer) { compute(answer, &realAnswer); });
    if constexpr (isComplexNumber<Type>) {
      // What the documentation of gesdd asks for.
      int64_t least = std::min(m, n), most = std::max(m, n);
      realWork = space.take<Part<Type>>(
          wantsVectors ? std::max(5 * least * least + 5 * least, 2 * most * least + 2 * least * least + least)
                       : 7 * least);
    }
  }
  int compute(Type *work, [[maybe_unused]] Part<Type> *realWork) {
    int info = 0, ldu = leading(wantsVectors ? m : 1), ldv = leading(vRows);
    const char *job = !wantsVectors ? "N" : uColumns == m && vRows == n ? "A" : "S";
    if constexpr (isComplexNumber<Type>)
      Lapack<Type>::gesdd(job, &m, &n, a, &lda, values, u, &ldu, v, &ldv, work, &length, realWork, integers, &info, 1);
    else
      Lapack<Type>::gesdd(job, &m, &n, a, &lda, values, u, &ldu, v, &ldv, work, &length, integers, &info, 1);
    return info;
  }
  void run(int64_t number) {
    call.operand(0).read(number, a);
    int info = compute(work, realWork);
    if constexpr (wantsVectors) {
      if (m == 0 || n == 0) { // LAPACK writes nothing; any orthogonal matrices will do
        setIdentity(u, m, uColumns);
        setIdentity(v, vRows, n);
      }
      call.result(0).write(number, u);
      call.result(2).write(number, v);
    }
    call.realResult(wantsVectors ? 1 : 0).write(number, values);
    call.realResult(wantsVectors ? 3 : 1).write(number, &info);
  }
  static void setIdentity(Type *dense, int rows, int columns) {
    std::fill_n(dense, int64_t(rows) * columns, Type(0));
    for (int64_t i = 0; i < std::min(rows, columns); ++i)
      dense[i * rows + i] = 1;
  }

  const DecomposeCall &call;
  int m, n, lda, uColumns = 0, vRows = 0, length;
  Type *a, *u = nullptr, *v = nullptr, *work;
  Part<Type> *values, *realWork = nullptr;
  int *integers;
};

/// Of any square matrix: the results are complex. LAPACK gives those of real matrices as parts, and the vectors of a pair of
/// conjugate values as one real and one imaginary column.
template <typename Type, bool wantsVectors> struct Eigen {
  using Complex = std::complex<Part<Type>>;
  Eigen(const DecomposeCall &call, Workspace &space)
      : call(call), n(call.operand(0).rows), lda(leading(n)), a(space.take<Type>(int64_t(n) * n)),
        vectors(space.take<Type>(wantsVectors ? int64_t(n) * n : 1)), values(space.take<Complex>(n)),
        parts(space.take<Part<Type>>(2 * int64_t(n))) {
    Part<Type> realAnswer{}; // of complex matrices the query writes one as well
    work = takeWork<Type>(space, length, [&](Type *answer) { compute(answer, &realAnswer); });
    if constexpr (wantsVectors && !isComplexNumber<Type>)
      joined = space.take<Complex>(int64_t(n) * n);
  }
  int compute(Type *work, Part<Type> *parts) {
    int info = 0, one = 1;
    const char *job = wantsVectors ? "V" : "N";
    if constexpr (isComplexNumber<Type>)
      Lapack<Type>::geev("N", job, &n, a, &lda, values, nullptr, &one, vectors, &lda, work, &length, parts, &info, 1,
                         1);
    else
      Lapack<Type>::geev("N", job, &n, a, &lda, parts, parts + n, nullptr, &one, vectors, &lda, work, &length, &info, 1,
                         1);
    return info;
  }
  void run(int64_t number) {
    call.operand(0).read(number, a);
    bool isFinite = std::all_of(a, a + int64_t(n) * n, [](Type x) { return std::isfinite(std::abs(x)); });
    int info = isFinite ? compute(work, parts)
                        : -3; // the matrix is LAPACK's third argument; it may not return from such a one
    Complex *columns = nullptr;
    if constexpr (isComplexNumber<Type>) {
      columns = vectors;
    } else {
      for (int i = 0; i < n; ++i)
        values[i] = {parts[i], parts[n + i]};
      if constexpr (wantsVectors)
        joinVectors();
      columns = joined;
    }
    call.complexResult(0).write(number, values);
    if constexpr (wantsVectors)
      call.complexResult(1).write(number, columns);
    call.realResult(wantsVectors ? 2 : 1).write(number, &info);
  }
  void joinVectors() {
    for (int64_t j = 0; j < n; ++j) {
      const Type *real = vectors + j * n, *imaginary = real + n;
      Complex *column = joined + j * n;
      bool isPair = parts[n + j] != 0 && j + 1 < n;
      for (int64_t i = 0; i < n; ++i) {
        column[i] = isPair ? Complex(real[i], imaginary[i]) : Complex(real[i]);
        if (isPair)
          column[n + i] = std::conj(column[i]);
      }
      j += isPair;
    }
  }

  const DecomposeCall &call;
  int n, lda, length;
  Type *a, *vectors, *work;
  Complex *values, *joined = nullptr;
  Part<Type> *parts;
};

} // namespace

void tenon::library::decomposeBySpectra(RunContext &context, const DecomposeCall &call) {
  withNumberType(call, [&](auto type) {
    using Type = decltype(type);
    switch (call.spec.kind) {
    case DecomposeKind::Eigh:
      return forEachMatrix<SymmetricEigen<Type, true>>(context, call);
    case DecomposeKind::EighValues:
      return forEachMatrix<SymmetricEigen<Type, false>>(context, call);
    case DecomposeKind::Svd:
      return forEachMatrix<Svd<Type, true>>(context, call);
    case DecomposeKind::SvdValues:
      return forEachMatrix<Svd<Type, false>>(context, call);
    case DecomposeKind::Eig:
      return forEachMatrix<Eigen<Type, true>>(context, call);
    default:
      return forEachMatrix<Eigen<Type, false>>(context, call);
    }
  });
}
