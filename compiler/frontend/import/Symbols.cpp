//===- Symbols.cpp - symbolic sizes as SSA values -----------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Symbols.h"

#include "compiler/frontend/import/SizeBounds.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tenon::aten;
using tenon::frontend::SymExpr;
using tenon::frontend::SymInt;

void Symbols::define(StringRef symbol, Scalar value, bool atEntry) {
  values[symbol.str()] = value;
  if (!atEntry)
    late.insert(symbol.str());
}

bool Symbols::allDefined(const SymExpr &expr) const {
  if (expr.kind == SymExpr::Kind::Symbol)
    return isDefined(expr.name);
  return llvm::all_of(expr.operands, [&](const SymExpr &operand) { return allDefined(operand); });
}

bool Symbols::dependsOnEntryOnly(const SymExpr &expr) const {
  if (expr.kind == SymExpr::Kind::Symbol)
    return !late.count(expr.name);
  return llvm::all_of(expr.operands, [&](const SymExpr &operand) { return dependsOnEntryOnly(operand); });
}

static Size asSize(Emitter &e, const Scalar &scalar) {
  return scalar.value ? Size(scalar.value) : e.size(scalar.integer);
}

static Scalar fromSize(Size size) {
  if (std::optional<int64_t> number = staticSize(size))
    return Scalar::of(*number);
  return {ScalarType::Int64, 0, 0, cast<Value>(size)};
}

Size Symbols::size(Emitter &e, const SymInt &value) {
  return value.isStatic() ? e.size(value.staticValue()) : asSize(e, scalar(e, value.expr()));
}

Sizes Symbols::sizes(Emitter &e, ArrayRef<SymInt> values) {
  Sizes result;
  for (const SymInt &value : values)
    result.push_back(size(e, value));
  return result;
}

Scalar Symbols::scalar(Emitter &e, const SymExpr &expr) {
  if (!dependsOnEntryOnly(expr))
    return evaluate(e, expr);
  std::string key = expr.toString();
  if (auto known = cache.find(key); known != cache.end())
    return known->second;
  Emitter atEntry(entryBuilder, e.loc);
  // A size that is always one has to be a constant: broadcasting asks for it.
  frontend::Range bounds = boundsOf(expr, ranges);
  bool isConstant = bounds.min && bounds.min == bounds.max;
  Scalar result = isConstant ? Scalar::of(*bounds.min) : evaluate(atEntry, expr);
  cache.emplace(std::move(key), result);
  return result;
}

Scalar Symbols::fail(const std::string &problem) {
  if (firstProblem.empty())
    firstProblem = problem;
  return Scalar::of(int64_t{1});
}

Scalar Symbols::evaluate(Emitter &e, const SymExpr &expr) {
  switch (expr.kind) {
  case SymExpr::Kind::Integer:
    return Scalar::of(expr.integer);
  case SymExpr::Kind::Boolean:
    return Scalar::of(expr.integer != 0);
  case SymExpr::Kind::Float:
    return Scalar::of(expr.real);
  case SymExpr::Kind::Rational:
    return Scalar::of(static_cast<double>(expr.integer) / static_cast<double>(expr.denominator));
  case SymExpr::Kind::Symbol: {
    auto value = values.find(expr.name);
    return value == values.end() ? fail("symbol " + expr.name + " has no source") : value->second;
  }
  case SymExpr::Kind::Call:
    return evaluateCall(e, expr);
  }
  llvm_unreachable("all kinds are handled");
}

static Scalar runtimeBool(Value value) { return {ScalarType::Bool, 0, 0, value}; }
static Scalar runtimeFloat(Value value) { return {ScalarType::Float64, 0, 0, value}; }

static Value asReal(Emitter &e, const Scalar &scalar) { return scalar.materialize(e.b, e.loc, ScalarType::Float64); }

// A product may hold a rational factor or a negative power: numerators and denominators are multiplied apart, and sympy
// only writes divisions that are exact. With a real factor it is a product of real numbers.
Scalar Symbols::product(Emitter &e, const SymExpr &expr) {
  Size numerator = e.size(1), denominator = e.size(1);
  Value real;
  for (const SymExpr &factor : expr.operands) {
    if (factor.kind == SymExpr::Kind::Rational) {
      numerator = e.mul(numerator, e.size(factor.integer));
      denominator = e.mul(denominator, e.size(factor.denominator));
    } else if (factor.kind == SymExpr::Kind::Call && factor.name == "Pow" && factor.operands.size() == 2 &&
               factor.operands[1].isInteger(-1)) {
      denominator = e.mul(denominator, asSize(e, scalar(e, factor.operands[0])));
    } else if (Scalar value = scalar(e, factor); isFloat(value.dtype)) {
      Value x = asReal(e, value);
      real = real ? Value(arith::MulFOp::create(e.b, e.loc, real, x)) : x;
    } else {
      numerator = e.mul(numerator, asSize(e, value));
    }
  }
  if (!real)
    return fromSize(e.floorDiv(numerator, denominator));
  auto asFactor = [&](Size size) { return asReal(e, fromSize(size)); };
  if (!isOne(numerator))
    real = arith::MulFOp::create(e.b, e.loc, real, asFactor(numerator));
  if (!isOne(denominator))
    real = arith::DivFOp::create(e.b, e.loc, real, asFactor(denominator));
  return runtimeFloat(real);
}

static std::optional<Math::Order> comparison(StringRef name) {
  using O = Math::Order;
  static const std::pair<StringRef, O> table[] = {
      {"Equality", O::Eq},       {"Eq", O::Eq},       {"Unequality", O::Ne}, {"Ne", O::Ne},
      {"StrictLessThan", O::Lt}, {"LessThan", O::Le}, {"Lt", O::Lt},         {"StrictGreaterThan", O::Gt},
      {"GreaterThan", O::Ge}};
  for (auto [key, order] : table)
    if (key == name)
      return order;
  return std::nullopt;
}

template <typename Op> static Value unaryReal(Emitter &e, Value x) { return Op::create(e.b, e.loc, x); }
template <typename Op> static Value binaryReal(Emitter &e, Value x, Value y) { return Op::create(e.b, e.loc, x, y); }
static Value floorOfQuotient(Emitter &e, Value x, Value y) {
  return math::FloorOp::create(e.b, e.loc, arith::DivFOp::create(e.b, e.loc, x, y));
}

// Functions of real numbers that give one; those of two operands take more from left to right.
static std::optional<Scalar> realFunction(Emitter &e, StringRef name, ArrayRef<Scalar> args) {
  static constexpr std::pair<StringLiteral, Value (*)(Emitter &, Value)> unary[] = {
      {"TruncToFloat", unaryReal<math::TruncOp>}, {"OpaqueUnaryFn_sqrt", unaryReal<math::SqrtOp>},
      {"Abs", unaryReal<math::AbsFOp>}};
  static constexpr std::pair<StringLiteral, Value (*)(Emitter &, Value, Value)> binary[] = {
      {"Add", binaryReal<arith::AddFOp>},     {"Max", binaryReal<arith::MaximumFOp>},
      {"Min", binaryReal<arith::MinimumFOp>}, {"FloatTrueDiv", binaryReal<arith::DivFOp>},
      {"IntTrueDiv", binaryReal<arith::DivFOp>}, {"FloatPow", binaryReal<math::PowFOp>},
      {"FloorDiv", floorOfQuotient}};
  for (auto [key, build] : unary)
    if (key == name && args.size() == 1)
      return runtimeFloat(build(e, asReal(e, args[0])));
  for (auto [key, build] : binary)
    if (key == name && args.size() >= 2) {
      Value result = asReal(e, args[0]);
      for (const Scalar &arg : args.drop_front())
        result = build(e, result, asReal(e, arg));
      return runtimeFloat(result);
    }
  return std::nullopt;
}

// Functions of one real number that give an integer.
static std::optional<Scalar> roundToInteger(Emitter &e, StringRef name, const Scalar &arg) {
  static constexpr std::pair<StringLiteral, Value (*)(Emitter &, Value)> table[] = {
      {"TruncToInt", unaryReal<math::TruncOp>}, {"FloorToInt", unaryReal<math::FloorOp>},
      {"CeilToInt", unaryReal<math::CeilOp>}, {"RoundToInt", unaryReal<math::RoundEvenOp>}};
  for (auto [key, build] : table)
    if (key == name) {
      Value integer = arith::FPToSIOp::create(e.b, e.loc, e.b.getI64Type(), build(e, asReal(e, arg)));
      return fromSize(arith::IndexCastOp::create(e.b, e.loc, e.b.getIndexType(), integer).getResult());
    }
  return std::nullopt;
}

// True where the result is a real number even of integers.
static bool makesReal(StringRef name) {
  return llvm::is_contained({"IntTrueDiv", "FloatTrueDiv", "FloatPow", "TruncToFloat", "OpaqueUnaryFn_sqrt"}, name);
}

Scalar Symbols::evaluateCall(Emitter &e, const SymExpr &expr) {
  StringRef name = expr.name;
  if (name == "Mul")
    return product(e, expr);
  SmallVector<Scalar> args;
  for (const SymExpr &operand : expr.operands)
    args.push_back(scalar(e, operand));
  auto size = [&](size_t i) { return asSize(e, args[i]); };
  auto fold = [&](auto step) {
    Size result = size(0);
    for (size_t i = 1; i < args.size(); ++i)
      result = step(result, size(i));
    return fromSize(result);
  };
  auto boolean = [&](size_t i) { return args[i].materialize(e.b, e.loc, ScalarType::Bool); };
  bool isReal = llvm::any_of(args, [](const Scalar &arg) { return isFloat(arg.dtype); });
  auto order = comparison(name);

  if (name == "ToFloat")
    return runtimeFloat(asReal(e, args[0]));
  if (name == "Identity")
    return args[0];
  if (order && args.size() == 2) {
    Math m(e.b, e.loc, isReal ? ScalarType::Float64 : ScalarType::Int64);
    auto operand = [&](size_t i) { return isReal ? asReal(e, args[i]) : e.index(size(i)); };
    return runtimeBool(m.compare(*order, operand(0), operand(1)));
  }
  if (std::optional<Scalar> integer = args.size() == 1 ? roundToInteger(e, name, args[0]) : std::nullopt)
    return *integer;
  if (isReal || makesReal(name)) {
    std::optional<Scalar> result = realFunction(e, name, args);
    return result ? *result : fail("function " + expr.name + " of real numbers in a size");
  }
  if (name == "And" || name == "Or") {
    Value result = boolean(0);
    for (size_t i = 1; i < args.size(); ++i)
      result = name == "And" ? Value(arith::AndIOp::create(e.b, e.loc, result, boolean(i)))
                             : Value(arith::OrIOp::create(e.b, e.loc, result, boolean(i)));
    return runtimeBool(result);
  }
  if (name == "Not")
    return runtimeBool(
        arith::XOrIOp::create(e.b, e.loc, boolean(0), scalarConstant(e.b, e.loc, ScalarType::Bool, int64_t{1})));
  if ((name == "Where" || name == "ITE") && args.size() == 3)
    return fromSize(arith::SelectOp::create(e.b, e.loc, boolean(0), e.index(size(1)), e.index(size(2))).getResult());
  if (name == "Add")
    return fold([&](Size x, Size y) { return e.add(x, y); });
  if (name == "Max")
    return fold([&](Size x, Size y) { return e.max(x, y); });
  if (name == "Min")
    return fold([&](Size x, Size y) { return e.min(x, y); });
  if (name == "Abs" && args.size() == 1)
    return fromSize(e.max(size(0), e.sub(e.size(0), size(0))));
  if ((name == "Pow" || name == "PowByNatural") && args.size() == 2 && args[1].isConstant() && args[1].integer >= 0) {
    Size result = e.size(1);
    for (int64_t i = 0; i < args[1].integer; ++i)
      result = e.mul(result, size(0));
    return fromSize(result);
  }
  auto modulo = [&](Size x, Size y) { return e.sub(x, e.mul(e.floorDiv(x, y), y)); };
  if (args.size() == 2) {
    if (name == "FloorDiv" || name == "CleanDiv")
      return fromSize(e.floorDiv(size(0), size(1)));
    if (name == "Mod" || name == "PythonMod")
      return fromSize(modulo(size(0), size(1)));
    if (name == "CeilDiv")
      return fromSize(e.floorDiv(e.add(size(0), e.sub(size(1), e.size(1))), size(1)));
  }
  if (name == "ModularIndexing" && args.size() == 3)
    return fromSize(modulo(e.floorDiv(size(0), size(1)), size(2)));
  return fail("function " + expr.name + " in a size");
}
