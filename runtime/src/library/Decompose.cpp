//===- Decompose.cpp - tenon.decompose --------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Decompose.h"

using namespace tenon;
using namespace tenon::library;

void tenon::decompose(Run &run, const DecomposeSpec &spec, TensorViews operands, TensorViews results) {
  DecomposeCall call{spec, operands, results, operands.begin[0].rank - 2 - (spec.isComplex ? 1 : 0)};
  if (run.preparing() || call.numMatrices() == 0)
    return;
  RunContext &context = RunContext::of(run);
  switch (spec.kind) {
  case DecomposeKind::Qr:
  case DecomposeKind::HouseholderProduct:
  case DecomposeKind::HouseholderMultiply:
    return decomposeByReflectors(context, call);
  case DecomposeKind::Eigh:
  case DecomposeKind::EighValues:
  case DecomposeKind::Svd:
  case DecomposeKind::SvdValues:
  case DecomposeKind::Eig:
  case DecomposeKind::EigValues:
    return decomposeBySpectra(context, call);
  case DecomposeKind::Exponential:
    return exponentiate(context, call);
  default:
    return decomposeByFactors(context, call);
  }
}
