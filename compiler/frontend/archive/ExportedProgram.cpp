//===- ExportedProgram.cpp - element types and text of expressions ------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/ExportedProgram.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace tenon::frontend {

namespace {

struct ElementType {
  ScalarType type;
  const char *name;
  size_t sizeInBytes;
};

constexpr ElementType kElementTypes[] = {
    {ScalarType::UInt8, "uint8", 1},
    {ScalarType::Int8, "int8", 1},
    {ScalarType::Int16, "int16", 2},
    {ScalarType::Int32, "int32", 4},
    {ScalarType::Int64, "int64", 8},
    {ScalarType::Float16, "float16", 2},
    {ScalarType::Float32, "float32", 4},
    {ScalarType::Float64, "float64", 8},
    {ScalarType::ComplexHalf, "complex32", 4},
    {ScalarType::ComplexFloat, "complex64", 8},
    {ScalarType::ComplexDouble, "complex128", 16},
    {ScalarType::Bool, "bool", 1},
    {ScalarType::BFloat16, "bfloat16", 2},
    {ScalarType::UInt16, "uint16", 2},
    {ScalarType::Float8E4M3FN, "float8_e4m3fn", 1},
    {ScalarType::Float8E5M2, "float8_e5m2", 1},
    {ScalarType::Float8E4M3FNUZ, "float8_e4m3fnuz", 1},
    {ScalarType::Float8E5M2FNUZ, "float8_e5m2fnuz", 1},
    {ScalarType::Float8E8M0FNU, "float8_e8m0fnu", 1},
    {ScalarType::UInt32, "uint32", 4},
    {ScalarType::UInt64, "uint64", 8},
};

const ElementType *findElementType(ScalarType type) {
  auto *found = llvm::find_if(kElementTypes, [&](const ElementType &element) { return element.type == type; });
  return found == std::end(kElementTypes) ? nullptr : found;
}

/// Functions that are written with an operator.
struct InfixOperator {
  llvm::StringLiteral function;
  const char *text;
  unsigned precedence;
};
constexpr InfixOperator kInfixOperators[] = {
    {"Equality", " == ", 1},
    {"Unequality", " != ", 1},
    {"LessThan", " <= ", 1},
    {"GreaterThan", " >= ", 1},
    {"StrictLessThan", " < ", 1},
    {"StrictGreaterThan", " > ", 1},
    {"Or", " | ", 2},
    {"And", " & ", 3},
    {"Add", " + ", 4},
    {"Mul", "*", 5},
    {"FloorDiv", "//", 5},
    {"PythonMod", " % ", 5},
    {"Pow", "**", 7},
};
constexpr unsigned kUnaryPrecedence = 6, kAtomPrecedence = 8;

const InfixOperator *findInfix(const SymExpr &expr) {
  if (expr.kind != SymExpr::Kind::Call || expr.operands.size() < 2)
    return nullptr;
  auto *found = llvm::find_if(kInfixOperators, [&](const InfixOperator &op) { return op.function == expr.name; });
  return found == std::end(kInfixOperators) ? nullptr : found;
}

unsigned precedenceOf(const SymExpr &expr) {
  if (const InfixOperator *op = findInfix(expr))
    return op->precedence;
  bool isNegative = expr.kind == SymExpr::Kind::Float ? expr.real < 0 : expr.integer < 0;
  return expr.kind == SymExpr::Kind::Rational ? 5 : isNegative ? kUnaryPrecedence : kAtomPrecedence;
}

void print(llvm::raw_ostream &os, const SymExpr &expr, unsigned minPrecedence);

// As Python writes it, so that no real number reads as an integer.
void printReal(llvm::raw_ostream &os, double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.17g", value);
  os << text << (text.find_first_not_of("-0123456789") == std::string::npos ? ".0" : "");
}

void printCall(llvm::raw_ostream &os, const SymExpr &expr) {
  if (const InfixOperator *op = findInfix(expr)) {
    const char *separator = "";
    for (const SymExpr &operand : expr.operands) {
      os << separator;
      // Chains of the same operator are flat, so an operand of equal precedence was nested on purpose.
      print(os, operand, op->precedence + 1);
      separator = op->text;
    }
    return;
  }
  os << expr.name << '(';
  llvm::interleaveComma(expr.operands, os, [&](const SymExpr &operand) { print(os, operand, 0); });
  os << ')';
}

void print(llvm::raw_ostream &os, const SymExpr &expr, unsigned minPrecedence) {
  bool needsParentheses = precedenceOf(expr) < minPrecedence;
  if (needsParentheses)
    os << '(';
  switch (expr.kind) {
  case SymExpr::Kind::Integer:
    os << expr.integer;
    break;
  case SymExpr::Kind::Rational:
    os << expr.integer << '/' << expr.denominator;
    break;
  case SymExpr::Kind::Float:
    printReal(os, expr.real);
    break;
  case SymExpr::Kind::Boolean:
    os << (expr.integer ? "true" : "false");
    break;
  case SymExpr::Kind::Symbol:
    os << expr.name;
    break;
  case SymExpr::Kind::Call:
    printCall(os, expr);
    break;
  }
  if (needsParentheses)
    os << ')';
}

} // namespace

size_t elementSizeInBytes(ScalarType type) {
  const ElementType *element = findElementType(type);
  return element ? element->sizeInBytes : 0;
}

const char *scalarTypeName(ScalarType type) {
  const ElementType *element = findElementType(type);
  return element ? element->name : "unknown";
}

std::string SymExpr::toString() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  print(os, *this, 0);
  return text;
}

} // namespace tenon::frontend
