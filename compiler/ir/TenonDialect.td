//===- TenonDialect.td - the tenon dialect ------------------------------------------------------------------*- tablegen -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_DIALECT_TD
#define TENON_DIALECT_TD

include "mlir/IR/OpBase.td"

def Tenon_Dialect : Dialect {
  let name = "tenon";
  let cppNamespace = "::tenon";
  let summary = "what upstream dialects lack between an ATen graph and library calls";
  let description = [{
    A `tenon.*` op exists only where a library call, a view, a kernel boundary or model state stands behind it; all else is
    upstream `linalg`, `tensor`, `arith`, `math` and `scf`. See `Rationale.md`.
  }];
  let useDefaultAttributePrinterParser = 1;
}

class Tenon_Op<string mnemonic, list<Trait> traits = []> : Op<Tenon_Dialect, mnemonic, traits>;

#endif // TENON_DIALECT_TD
