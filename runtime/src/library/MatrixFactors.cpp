//===- MatrixFactors.cpp - Cholesky, LU and LDL factors, and solutions by factors -------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Decompose.h"

#include <numeric>

using namespace tenon;
using namespace tenon::library;

namespace {

/// Copies one operand, a square matrix, to dense columns.
template <typename Type> struct Square {
  Square(const Matrices &source, Workspace &space)
      : source(source), n(source.rows), lda(leading(n)), dense(space.take<Type>(int64_t(n) * n)) {}
  void read(int64_t number) const { source.read(number, dense); }

  Matrices source;
  int n, lda;
  Type *dense;
};

/// A right side that becomes the solution.
template <typename Type> struct RightSide {
  RightSide(const Matrices &source, const Matrices &solution, Workspace &space)
      : source(source), solution(solution), rows(source.rows), columns(source.columns),
        dense(space.take<Type>(int64_t(rows) * columns)) {}

  Matrices source, solution;
  int rows, columns;
  Type *dense;
};

template <typename Type> struct Cholesky {
  Cholesky(const DecomposeCall &call, Workspace &space) : call(call), a(call.operand(0), space) {}
  void run(int64_t number) {
    int info = 0;
    a.read(number);
    Lapack<Type>::potrf(call.triangle(), &a.n, a.dense, &a.lda, &info, 1);
    clearOtherTriangle(a.dense, a.n, call.spec.upper);
    call.result(0).write(number, a.dense);
    call.realResult(1).write(number, &info);
  }

  const DecomposeCall &call;
  Square<Type> a;
};

template <typename Type> struct CholeskySolve {
  CholeskySolve(const DecomposeCall &call, Workspace &space)
      : call(call), a(call.operand(0), space), b(call.operand(1), call.result(0), space) {}
  void run(int64_t number) {
    int info = 0;
    a.read(number);
    b.source.read(number, b.dense);
    Lapack<Type>::potrs(call.triangle(), &a.n, &b.columns, a.dense, &a.lda, b.dense, &a.lda, &info, 1);
    b.solution.write(number, b.dense);
  }

  const DecomposeCall &call;
  Square<Type> a;
  RightSide<Type> b;
};

template <typename Type> struct CholeskyInverse {
  CholeskyInverse(const DecomposeCall &call, Workspace &space) : call(call), a(call.operand(0), space) {}
  void run(int64_t number) {
    int info = 0;
    a.read(number);
    Lapack<Type>::potri(call.triangle(), &a.n, a.dense, &a.lda, &info, 1);
    // LAPACK writes one triangle.
    for (int64_t j = 0; j < a.n; ++j)
      for (int64_t i = 0; i < j; ++i) {
        Type &above = a.dense[j * a.n + i], &below = a.dense[i * a.n + j];
        call.spec.upper ? below = conjugate(above) : above = conjugate(below);
      }
    call.result(0).write(number, a.dense);
  }

  const DecomposeCall &call;
  Square<Type> a;
};

template <typename Type> struct Lu {
  Lu(const DecomposeCall &call, Workspace &space)
      : call(call), m(call.operand(0).rows), n(call.operand(0).columns), a(space.take<Type>(int64_t(m) * n)),
        pivots(space.take<int>(std::min(m, n))) {}
  void run(int64_t number) {
    int info = 0, lda = leading(m);
    call.operand(0).read(number, a);
    Lapack<Type>::getrf(&m, &n, a, &lda, pivots, &info);
    call.result(0).write(number, a);
    call.realResult(1).write(number, pivots);
    call.realResult(2).write(number, &info);
  }

  const DecomposeCall &call;
  int m, n;
  Type *a;
  int *pivots;
};

/// A X = B or, from the right, X A = B, which is A^H X^H = B^H.
template <typename Type> struct LuSolve {
  LuSolve(const DecomposeCall &call, Workspace &space)
      : call(call), a(call.operand(0), space), b(call.operand(2), call.result(0), space), pivots(space.take<int>(a.n)) {
  }
  void run(int64_t number) {
    int info = 0, numSides = call.spec.right ? b.rows : b.columns;
    a.read(number);
    call.realOperand(1).read(number, pivots);
    b.source.read(number, b.dense, call.spec.right);
    const char *transposition = DecomposeCall::adjoint<Type>(call.spec.adjoint != call.spec.right);
    Lapack<Type>::getrs(transposition, &a.n, &numSides, a.dense, &a.lda, pivots, b.dense, &a.lda, &info, 1);
    b.solution.write(number, b.dense, call.spec.right);
  }

  const DecomposeCall &call;
  Square<Type> a;
  RightSide<Type> b;
  int *pivots;
};

template <typename Type> struct LuPermutation {
  LuPermutation(const DecomposeCall &call, Workspace &space)
      : call(call), n(call.result(0).rows), numPivots(call.realOperand(1).rows),
        matrix(space.take<Type>(int64_t(n) * n)), pivots(space.take<int>(numPivots)), rows(space.take<int>(n)) {}
  void run(int64_t number) {
    call.realOperand(1).read(number, pivots);
    std::iota(rows, rows + n, 0);
    for (int i = 0; i < numPivots; ++i)
      std::swap(rows[i], rows[std::clamp(pivots[i] - 1, 0, n - 1)]);
    std::fill_n(matrix, int64_t(n) * n, Type(0));
    for (int64_t i = 0; i < n; ++i)
      matrix[i * n + rows[i]] = 1;
    call.result(0).write(number, matrix);
  }

  const DecomposeCall &call;
  int n, numPivots;
  Type *matrix;
  int *pivots, *rows;
};

template <typename Type> struct TriangularSolve {
  TriangularSolve(const DecomposeCall &call, Workspace &space)
      : call(call), a(call.operand(0), space), b(call.operand(1), call.result(0), space) {}
  void run(int64_t number) {
    Type one = 1;
    int ldb = leading(b.rows);
    a.read(number);
    b.source.read(number, b.dense);
    Lapack<Type>::trsm(call.spec.right ? "R" : "L", call.triangle(), DecomposeCall::adjoint<Type>(call.spec.adjoint),
                       call.spec.unitDiagonal ? "U" : "N", &b.rows, &b.columns, &one, a.dense, &a.lda, b.dense, &ldb, 1,
                       1, 1, 1);
    b.solution.write(number, b.dense);
  }

  const DecomposeCall &call;
  Square<Type> a;
  RightSide<Type> b;
};

/// L D L^T, or L D L^H of a Hermitian matrix.
template <typename Type> struct Ldl {
  Ldl(const DecomposeCall &call, Workspace &space)
      : call(call), a(call.operand(0), space), pivots(space.take<int>(a.n)) {
    work = takeWork<Type>(space, length, [this](Type *answer) { factor(answer); });
  }
  int factor(Type *work) {
    int info = 0;
    auto &routine = call.spec.hermitian ? Lapack<Type>::hetrf : Lapack<Type>::sytrf;
    routine(call.triangle(), &a.n, a.dense, &a.lda, pivots, work, &length, &info, 1);
    return info;
  }
  void run(int64_t number) {
    a.read(number);
    int info = factor(work);
    clearOtherTriangle(a.dense, a.n, call.spec.upper);
    call.result(0).write(number, a.dense);
    call.realResult(1).write(number, pivots);
    call.realResult(2).write(number, &info);
  }

  const DecomposeCall &call;
  Square<Type> a;
  int *pivots, length;
  Type *work;
};

template <typename Type> struct LdlSolve {
  LdlSolve(const DecomposeCall &call, Workspace &space)
      : call(call), a(call.operand(0), space), b(call.operand(2), call.result(0), space), pivots(space.take<int>(a.n)) {
  }
  void run(int64_t number) {
    int info = 0;
    a.read(number);
    call.realOperand(1).read(number, pivots);
    b.source.read(number, b.dense);
    auto &routine = call.spec.hermitian ? Lapack<Type>::hetrs : Lapack<Type>::sytrs;
    routine(call.triangle(), &a.n, &b.columns, a.dense, &a.lda, pivots, b.dense, &a.lda, &info, 1);
    b.solution.write(number, b.dense);
  }

  const DecomposeCall &call;
  Square<Type> a;
  RightSide<Type> b;
  int *pivots;
};

} // namespace

void tenon::library::decomposeByFactors(RunContext &context, const DecomposeCall &call) {
  withNumberType(call, [&](auto type) {
    using Type = decltype(type);
    switch (call.spec.kind) {
    case DecomposeKind::Cholesky:
      return forEachMatrix<Cholesky<Type>>(context, call);
    case DecomposeKind::CholeskySolve:
      return forEachMatrix<CholeskySolve<Type>>(context, call);
    case DecomposeKind::CholeskyInverse:
      return forEachMatrix<CholeskyInverse<Type>>(context, call);
    case DecomposeKind::Lu:
      return forEachMatrix<Lu<Type>>(context, call);
    case DecomposeKind::LuSolve:
      return forEachMatrix<LuSolve<Type>>(context, call);
    case DecomposeKind::LuPermutation:
      return forEachMatrix<LuPermutation<Type>>(context, call);
    case DecomposeKind::Ldl:
      return forEachMatrix<Ldl<Type>>(context, call);
    case DecomposeKind::LdlSolve:
      return forEachMatrix<LdlSolve<Type>>(context, call);
    default:
      return forEachMatrix<TriangularSolve<Type>>(context, call);
    }
  });
}
