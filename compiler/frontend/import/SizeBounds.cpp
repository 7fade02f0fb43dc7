//===- SizeBounds.cpp - what a symbolic size is at least and at most ----------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/SizeBounds.h"

#include "llvm/Support/CheckedArithmetic.h"

#include <algorithm>

using namespace tenon;
using tenon::frontend::Range;
using tenon::frontend::SymExpr;
using Bound = std::optional<int64_t>; // empty: unbounded

static Bound add(Bound a, Bound b) { return a && b ? llvm::checkedAdd(*a, *b) : std::nullopt; }
static Bound multiply(Bound a, Bound b) { return a && b ? llvm::checkedMul(*a, *b) : std::nullopt; }

static Range add(const Range &a, const Range &b) { return {add(a.min, b.min), add(a.max, b.max)}; }

// Products grow with their factors where none is negative; with a negative constant they turn round.
static Range multiply(const Range &a, const Range &b) {
  auto isNegativeConstant = [](const Range &range) { return range.min && range.min == range.max && *range.min < 0; };
  if (a.min && b.min && *a.min >= 0 && *b.min >= 0)
    return {multiply(a.min, b.min), multiply(a.max, b.max)};
  if (isNegativeConstant(a))
    return {multiply(a.min, b.max), multiply(a.min, b.min)};
  return isNegativeConstant(b) ? multiply(b, a) : Range();
}

static Range greater(const Range &a, const Range &b) {
  return {a.min && b.min ? std::max(a.min, b.min) : a.min ? a.min : b.min,
          a.max && b.max ? std::max(a.max, b.max) : std::nullopt};
}

static Range lesser(const Range &a, const Range &b) {
  return {a.min && b.min ? std::min(a.min, b.min) : std::nullopt,
          a.max && b.max ? std::min(a.max, b.max) : a.max ? a.max : b.max};
}

static int64_t floorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static Range floorDivide(const Range &a, const Range &b) {
  if (!b.min || b.min != b.max || *b.min <= 0)
    return {};
  auto divided = [&](Bound bound) { return bound ? Bound(floorDivide(*bound, *b.min)) : std::nullopt; };
  return {divided(a.min), divided(a.max)};
}

Range aten::boundsOf(const SymExpr &expr, const std::map<std::string, Range> &symbolRanges) {
  switch (expr.kind) {
  case SymExpr::Kind::Integer: return {expr.integer, expr.integer};
  case SymExpr::Kind::Symbol: {
    auto range = symbolRanges.find(expr.name);
    return range == symbolRanges.end() ? Range() : range->second;
  }
  case SymExpr::Kind::Call: break;
  default: return {};
  }
  static constexpr std::pair<std::string_view, Range (*)(const Range &, const Range &)> functions[] = {
      {"Add", add}, {"Mul", multiply}, {"Max", greater}, {"Min", lesser}, {"FloorDiv", floorDivide}};
  auto function = std::find_if(std::begin(functions), std::end(functions), [&](auto &row) { return row.first == expr.name; });
  if (function == std::end(functions) || expr.operands.empty())
    return {};
  Range result = boundsOf(expr.operands[0], symbolRanges);
  for (size_t i = 1; i < expr.operands.size(); ++i)
    result = function->second(result, boundsOf(expr.operands[i], symbolRanges));
  return result;
}
