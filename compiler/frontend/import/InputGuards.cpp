//===- InputGuards.cpp - sizes of the inputs: symbols and what must hold of them ----------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Importer.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;
using namespace tenon::frontend;

void Importer::guard(Emitter &e, Value condition, const std::string &message, ArrayRef<Value> values) {
  GuardOp::create(e.b, e.loc, condition, e.b.getStringAttr(message), values);
}

// Calls `visit` with the input's number, the dimension and the expression of every symbolic dimension.
template <typename Visit>
static void forEachSymbolicDim(const ExportedProgram &program, const std::vector<std::string> &names, Visit visit) {
  for (auto [number, name] : llvm::enumerate(names)) {
    auto meta = program.graph.tensorValues.find(name);
    if (meta == program.graph.tensorValues.end())
      continue;
    for (auto [dim, size] : llvm::enumerate(meta->second.sizes))
      if (!size.isStatic())
        visit(number, dim, size.expr());
  }
}

// Solves dim = a * s + c for a symbol that is not known.
void Importer::defineDimSymbol(const SymExpr &expr, Size dim, Emitter &e) {
  if (expr.kind == SymExpr::Kind::Symbol) {
    if (!symbols.isDefined(expr.name))
      symbols.define(expr.name, {ScalarType::Int64, 0, 0, cast<Value>(dim)}, /*atEntry=*/true);
    return;
  }
  if (expr.kind != SymExpr::Kind::Call || expr.operands.size() != 2)
    return;
  const SymExpr &x = expr.operands[0], &y = expr.operands[1];
  bool isFirst = x.kind == SymExpr::Kind::Integer;
  if (!isFirst && y.kind != SymExpr::Kind::Integer)
    return;
  int64_t constant = isFirst ? x.integer : y.integer;
  const SymExpr &rest = isFirst ? y : x;
  if (expr.name == "Add")
    defineDimSymbol(rest, e.sub(dim, e.size(constant)), e);
  else if (expr.name == "Mul" && constant != 0)
    defineDimSymbol(rest, e.floorDiv(dim, e.size(constant)), e);
}

void Importer::defineSymbols() {
  OpBuilder &entry = symbols.entry();
  auto readDim = [&](size_t number, size_t dim) -> Size {
    return tensor::DimOp::create(entry, nameLocation(inputNames[number]), inputs[number].value, dim).getResult();
  };
  // Bare symbols first: an affine dimension is inverted only where there is no better source.
  for (bool bare : {true, false})
    forEachSymbolicDim(program, inputNames, [&](size_t number, size_t dim, const SymExpr &expr) {
      if ((expr.kind == SymExpr::Kind::Symbol) != bare || symbols.allDefined(expr))
        return;
      Emitter e(entry, nameLocation(inputNames[number]));
      defineDimSymbol(expr, readDim(number, dim), e);
    });
  for (auto [number, name] : llvm::enumerate(inputNames)) {
    auto entryOf = program.graph.symIntValues.find(name);
    if (entryOf == program.graph.symIntValues.end() || entryOf->second.isStatic())
      continue;
    Location loc = nameLocation(name);
    Value element = tensor::ExtractOp::create(entry, loc, inputs[number].value, ValueRange{});
    Emitter e(entry, loc);
    defineDimSymbol(entryOf->second.expr(),
                    Size(arith::IndexCastOp::create(entry, loc, entry.getIndexType(), element).getResult()), e);
  }
  for (auto [number, name] : llvm::enumerate(inputNames))
    if (auto meta = program.graph.tensorValues.find(name); meta != program.graph.tensorValues.end()) {
      Emitter e(entry, nameLocation(name));
      inputs[number].sizes = symbols.sizes(e, meta->second.sizes);
    }
}

// A symbol that a second dimension shows, or an expression of symbols, is an equality to check. The dimension that
// defines a symbol needs none: its size is the symbol's value.
void Importer::guardInputSizes() {
  OpBuilder &entry = symbols.entry();
  std::set<std::string> seen;
  forEachSymbolicDim(program, inputNames, [&](size_t number, size_t dim, const SymExpr &expr) {
    if (expr.kind == SymExpr::Kind::Symbol && seen.insert(expr.name).second)
      return;
    Emitter e(entry, nameLocation(inputNames[number]));
    Value actual = tensor::DimOp::create(entry, e.loc, inputs[number].value, dim);
    Value wanted = e.index(inputs[number].sizes[dim]);
    Value equal = arith::CmpIOp::create(entry, e.loc, arith::CmpIPredicate::eq, actual, wanted);
    guard(e, equal,
          "input '" + inputNames[number] + "' has size {0} in dimension " + std::to_string(dim) + "; it must be " +
              expr.toString() + " = {1}",
          {actual, wanted});
  });
}

void Importer::guardRange(Emitter &e, Value value, const frontend::Range &range, const std::string &subject) {
  auto check = [&](arith::CmpIPredicate predicate, int64_t bound, const char *relation) {
    Value holds = arith::CmpIOp::create(e.b, e.loc, predicate, value, e.index(e.size(bound)));
    guard(e, holds, subject + "; it must be at " + relation + " " + std::to_string(bound), {value});
  };
  if (range.min)
    check(arith::CmpIPredicate::sge, *range.min, "least");
  if (range.max)
    check(arith::CmpIPredicate::sle, *range.max, "most");
}

void Importer::guardRanges() {
  OpBuilder &entry = symbols.entry();
  std::set<std::string> seen;
  auto guardSymbol = [&](const std::string &symbol, const std::string &subject, Location loc) {
    auto range = program.symbolRanges.find(symbol);
    if (range == program.symbolRanges.end() || !seen.insert(symbol).second)
      return;
    Emitter e(entry, loc);
    SymExpr bare;
    bare.kind = SymExpr::Kind::Symbol;
    bare.name = symbol;
    Value value = e.index(symbols.size(e, SymInt{bare, std::nullopt}));
    guardRange(e, value, range->second, subject);
  };
  forEachSymbolicDim(program, inputNames, [&](size_t number, size_t dim, const SymExpr &expr) {
    if (expr.kind == SymExpr::Kind::Symbol)
      guardSymbol(expr.name, "input '" + inputNames[number] + "' has size {0} in dimension " + std::to_string(dim),
                 nameLocation(inputNames[number]));
  });
  for (const std::string &name : inputNames)
    if (auto entryOf = program.graph.symIntValues.find(name); entryOf != program.graph.symIntValues.end() &&
                                                              !entryOf->second.isStatic() &&
                                                              entryOf->second.expr().kind == SymExpr::Kind::Symbol)
      guardSymbol(entryOf->second.expr().name, "input '" + name + "' is {0}", nameLocation(name));
  // Symbols that only derived dimensions show.
  for (const auto &[symbol, range] : program.symbolRanges)
    if (symbols.isDefined(symbol))
      guardSymbol(symbol, "size symbol " + symbol + " is {0}", main.getLoc());
}
