//===- Reflectors.cpp - QR factors as products of reflectors, and those products ---------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Decompose.h"

using namespace tenon;
using namespace tenon::library;

namespace {

/// R above reflectors, and the factors of these.
template <typename Type> struct Qr {
  Qr(const DecomposeCall &call, Workspace &space)
      : call(call), m(call.operand(0).rows), n(call.operand(0).columns), lda(leading(m)),
        a(space.take<Type>(int64_t(m) * n)), tau(space.take<Type>(std::min(m, n))) {
    work = takeWork<Type>(space, length, [this](Type *answer) { factor(answer); });
  }
  void factor(Type *work) {
    int info = 0;
    Lapack<Type>::geqrf(&m, &n, a, &lda, tau, work, &length, &info);
  }
  void run(int64_t number) {
    call.operand(0).read(number, a);
    factor(work);
    call.result(0).write(number, a);
    call.result(1).write(number, tau);
  }

  const DecomposeCall &call;
  int m, n, lda, length;
  Type *a, *tau, *work;
};

/// The first columns of the orthogonal matrix that the reflectors make; there may be more of them than reflectors.
template <typename Type> struct HouseholderProduct {
  HouseholderProduct(const DecomposeCall &call, Workspace &space)
      : call(call), m(call.result(0).rows), n(call.result(0).columns), k(call.operand(1).rows), lda(leading(m)),
        a(space.take<Type>(int64_t(m) * std::max(n, call.operand(0).columns))), tau(space.take<Type>(k)) {
    work = takeWork<Type>(space, length, [this](Type *answer) { multiply(answer); });
  }
  void multiply(Type *work) {
    int info = 0;
    Lapack<Type>::orgqr(&m, &n, &k, a, &lda, tau, work, &length, &info);
  }
  void run(int64_t number) {
    call.operand(0).read(number, a);
    call.operand(1).read(number, tau);
    multiply(work);
    call.result(0).write(number, a);
  }

  const DecomposeCall &call;
  int m, n, k, lda, length;
  Type *a, *tau, *work;
};

/// That matrix times another one, on either side.
template <typename Type> struct HouseholderMultiply {
  HouseholderMultiply(const DecomposeCall &call, Workspace &space)
      : call(call), m(call.result(0).rows), n(call.result(0).columns), k(call.operand(1).rows),
        lda(leading(call.operand(0).rows)), ldc(leading(m)),
        a(space.take<Type>(int64_t(call.operand(0).rows) * call.operand(0).columns)), tau(space.take<Type>(k)),
        c(space.take<Type>(int64_t(m) * n)) {
    work = takeWork<Type>(space, length, [this](Type *answer) { multiply(answer); });
  }
  void multiply(Type *work) {
    int info = 0;
    Lapack<Type>::ormqr(call.spec.right ? "R" : "L", DecomposeCall::adjoint<Type>(call.spec.adjoint), &m, &n, &k, a,
                        &lda, tau, c, &ldc, work, &length, &info, 1, 1);
  }
  void run(int64_t number) {
    call.operand(0).read(number, a);
    call.operand(1).read(number, tau);
    call.operand(2).read(number, c);
    multiply(work);
    call.result(0).write(number, c);
  }

  const DecomposeCall &call;
  int m, n, k, lda, ldc, length;
  Type *a, *tau, *c, *work;
};

} // namespace

void tenon::library::decomposeByReflectors(RunContext &context, const DecomposeCall &call) {
  withNumberType(call, [&](auto type) {
    using Type = decltype(type);
    switch (call.spec.kind) {
    case DecomposeKind::Qr:
      return forEachMatrix<Qr<Type>>(context, call);
    case DecomposeKind::HouseholderProduct:
      return forEachMatrix<HouseholderProduct<Type>>(context, call);
    default:
      return forEachMatrix<HouseholderMultiply<Type>>(context, call);
    }
  });
}
