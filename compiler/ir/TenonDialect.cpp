//===- TenonDialect.cpp - the tenon dialect and its attributes ------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/ir/TenonDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tenon;

#include "compiler/ir/TenonDialect.cpp.inc"
#include "compiler/ir/TenonEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "compiler/ir/TenonAttrs.cpp.inc"

void TenonDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compiler/ir/TenonAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/ir/TenonOps.cpp.inc"
      >();
}

bool EpilogueAttr::takesOperand() const {
  return getKind() == EpilogueKind::Add || getKind() == EpilogueKind::Mul;
}

// #tenon.epilogue<add> · #tenon.epilogue<scale 0.5> · #tenon.epilogue<activation clip 0.0, 6.0>
void EpilogueAttr::print(AsmPrinter &printer) const {
  printer << '<' << stringifyEpilogueKind(getKind());
  if (getKind() == EpilogueKind::Activation)
    printer << ' ' << stringifyActivationKind(getActivation());
  if (getKind() == EpilogueKind::Scale || getAlpha() != 0 || getBeta() != 0) {
    printer << ' ';
    printer.printFloat(APFloat(getAlpha()));
    if (getBeta() != 0) {
      printer << ", ";
      printer.printFloat(APFloat(getBeta()));
    }
  }
  printer << '>';
}

Attribute EpilogueAttr::parse(AsmParser &parser, Type) {
  StringRef keyword;
  auto location = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseKeyword(&keyword))
    return {};
  std::optional<EpilogueKind> kind = symbolizeEpilogueKind(keyword);
  if (!kind)
    return parser.emitError(location, "'") << keyword << "' is no epilogue step", Attribute();
  ActivationKind activation = ActivationKind::Relu;
  if (*kind == EpilogueKind::Activation) {
    location = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return {};
    std::optional<ActivationKind> parsed = symbolizeActivationKind(keyword);
    if (!parsed)
      return parser.emitError(location, "'") << keyword << "' is no activation", Attribute();
    activation = *parsed;
  }
  double alpha = 0, beta = 0;
  if (failed(parser.parseOptionalGreater())) {
    if (parser.parseFloat(alpha))
      return {};
    if (succeeded(parser.parseOptionalComma()) && parser.parseFloat(beta))
      return {};
    if (parser.parseGreater())
      return {};
  }
  return EpilogueAttr::get(parser.getContext(), *kind, activation, alpha, beta);
}
