//===- Scalars.cpp - arithmetic of sizes as C++ expressions --------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/wrapper/FunctionEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"

#include <optional>

using namespace mlir;

namespace tenon {

namespace {
/// How an op on scalars is written: {0}, {1} and {2} stand for its operands, {T} for the C++ type of its result, {U} for the
/// unsigned type of its operands.
struct ScalarForm {
  llvm::StringLiteral op, form;
};
} // namespace

// Wrappers are compiled with -fwrapv: arithmetic wraps as arith's does. Functions are in the template.
static constexpr ScalarForm scalarForms[] = {
    {"arith.addi", "{0} + {1}"},
    {"arith.subi", "{0} - {1}"},
    {"arith.muli", "{0} * {1}"},
    {"arith.divsi", "divide({0}, {1})"},
    {"arith.remsi", "remainder({0}, {1})"},
    {"arith.floordivsi", "floor_divide({0}, {1})"},
    {"arith.ceildivsi", "ceil_divide({0}, {1})"},
    {"arith.divui", "divide({0}, {1})"},
    {"arith.ceildivui", "ceil_divide({0}, {1})"},
    {"arith.remui", "remainder({0}, {1})"},
    {"arith.minsi", "{0} < {1} ? {0} : {1}"},
    {"arith.maxsi", "{0} < {1} ? {1} : {0}"},
    {"arith.minui", "{0} < {1} ? {0} : {1}"},
    {"arith.maxui", "{0} < {1} ? {1} : {0}"},
    {"arith.andi", "{0} & {1}"},
    {"arith.ori", "{0} | {1}"},
    {"arith.xori", "{0} ^ {1}"},
    {"arith.shli", "{0} << {1}"},
    {"arith.shrsi", "{0} >> {1}"},
    {"arith.select", "{0} ? {1} : {2}"},
    {"arith.addf", "{0} + {1}"},
    {"arith.subf", "{0} - {1}"},
    {"arith.mulf", "{0} * {1}"},
    {"arith.divf", "{0} / {1}"},
    {"arith.negf", "-{0}"},
    {"arith.minimumf", "{0} < {1} || {0} != {0} ? {0} : {1}"},
    {"arith.maximumf", "{0} > {1} || {0} != {0} ? {0} : {1}"},
    {"math.floor", "__builtin_floor({0})"},
    {"math.ceil", "__builtin_ceil({0})"},
    {"math.trunc", "__builtin_trunc({0})"},
    {"math.roundeven", "__builtin_nearbyint({0})"},
    {"math.sqrt", "__builtin_sqrt({0})"},
    {"math.powf", "__builtin_pow({0}, {1})"},
    {"arith.index_cast", "static_cast<{T}>({0})"},
    {"arith.index_castui", "static_cast<{T}>({0})"},
    {"arith.extsi", "static_cast<{T}>({0})"},
    {"arith.extui", "static_cast<{T}>(static_cast<{U}>({0}))"},
    {"arith.trunci", "static_cast<{T}>({0})"},
    {"arith.sitofp", "static_cast<{T}>({0})"},
    {"arith.uitofp", "static_cast<{T}>(static_cast<{U}>({0}))"},
    {"arith.fptosi", "static_cast<{T}>({0})"},
    {"arith.extf", "static_cast<{T}>({0})"},
    {"arith.truncf", "static_cast<{T}>({0})"},
};

static constexpr llvm::StringLiteral integerComparisons[] = {"==", "!=", "<", "<=", ">", ">=", "<", "<=", ">", ">="};

// The comparison of an arith.cmpf predicate; empty for those with no operator (unordered ones, constants).
static llvm::StringRef floatComparison(arith::CmpFPredicate predicate) {
  switch (predicate) {
  case arith::CmpFPredicate::OEQ: return "==";
  case arith::CmpFPredicate::OGT: return ">";
  case arith::CmpFPredicate::OGE: return ">=";
  case arith::CmpFPredicate::OLT: return "<";
  case arith::CmpFPredicate::OLE: return "<=";
  case arith::CmpFPredicate::UNE: return "!=";
  default: return "";
  }
}

// The literal of a constant; empty for one that is no scalar.
static std::string constantLiteral(Attribute value) {
  if (auto integer = dyn_cast<IntegerAttr>(value)) {
    if (integer.getType().isInteger(1))
      return integer.getValue().isZero() ? "false" : "true";
    return integer.getValue().getSignificantBits() <= 64 ? integerLiteral(integer.getValue().getSExtValue()) : "";
  }
  if (auto real = dyn_cast<FloatAttr>(value))
    return doubleLiteral(real.getValueAsDouble());
  return "";
}

// An operand as it may stand beside any operator.
static std::string operandText(const std::string &expression) {
  return expression.find_first_of(" -") == std::string::npos ? expression : "(" + expression + ")";
}

static std::string unsignedTypeName(Type type) {
  std::string name = scalarTypeName(type);
  return name == "bool" || name.empty() || name[0] == 'u' ? name : "u" + name;
}

// The C++ expression of an op on scalars; empty for one without.
static std::string formOf(Operation *op) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return ("{0} " + integerComparisons[static_cast<size_t>(compare.getPredicate())] + " {1}").str();
  if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
    llvm::StringRef text = floatComparison(compare.getPredicate());
    return text.empty() ? "" : ("{0} " + text + " {1}").str();
  }
  for (const ScalarForm &entry : scalarForms)
    if (op->getName().getStringRef() == entry.op)
      return entry.form.str();
  return "";
}

static void replaceAll(std::string &text, llvm::StringRef placeholder, const std::string &value) {
  for (size_t at = 0; (at = text.find(placeholder.data(), at, placeholder.size())) != std::string::npos; at += value.size())
    text.replace(at, placeholder.size(), value);
}

std::string FunctionEmitter::scalar(Value value) { return scalarExpressions.lookup(value); }

std::vector<std::string> FunctionEmitter::scalars(ValueRange values) {
  std::vector<std::string> result;
  for (Value value : values)
    result.push_back(scalar(value));
  return result;
}

// False where an operand comes from an op that has no C++ value.
bool FunctionEmitter::areKnown(ValueRange values) const {
  return llvm::all_of(values, [&](Value value) { return scalarExpressions.contains(value) || memories.contains(value); });
}

LogicalResult FunctionEmitter::define(Operation *op, const std::string &expression) {
  std::string type = scalarTypeName(op->getResult(0).getType());
  if (type.empty())
    return op->emitError("has a result type that C++ text has no spelling for");
  std::string name = freshName(op, isa<memref::LoadOp>(op) ? "element" : op->getName().stripDialect());
  line("const " + type + " " + name + " = " + expression + ";");
  scalarExpressions[op->getResult(0)] = name;
  return success();
}

LogicalResult FunctionEmitter::emitArith(Operation *op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    std::string literal = constantLiteral(constant.getValue());
    if (literal.empty())
      return op->emitError("the constant is not a scalar");
    scalarExpressions[constant] = literal;
    return success();
  }
  std::string form = op->getNumResults() == 1 ? formOf(op) : "";
  if (form.empty())
    return op->emitError("this arithmetic has no form in the wrapper");
  replaceAll(form, "{T}", scalarTypeName(op->getResult(0).getType()));
  replaceAll(form, "{U}", unsignedTypeName(op->getOperand(0).getType()));
  for (auto [i, operand] : llvm::enumerate(op->getOperands()))
    replaceAll(form, "{" + std::to_string(i) + "}", operandText(scalar(operand)));
  return define(op, form);
}

LogicalResult FunctionEmitter::emitDim(Operation *op, Value source, Value index) {
  std::optional<int64_t> dim = getConstantIntValue(index);
  MemoryView view = memory(source);
  if (!dim || *dim < 0 || *dim >= static_cast<int64_t>(view.sizes.size()))
    return op->emitError("asks for a dimension that is not a constant inside the rank");
  scalarExpressions[op->getResult(0)] = view.sizes[*dim];
  return success();
}

// Reads one element on the calling thread; zero while preparing, when there is no data.
LogicalResult FunctionEmitter::emitLoad(Operation *op, Value source, ValueRange indices) {
  MemoryView view = memory(source);
  std::string type = scalarTypeName(view.elementType);
  if (type.empty())
    return op->emitError("reads an element of a type that C++ text has no spelling for");
  std::string offset = view.offset;
  for (auto [index, stride] : llvm::zip_equal(scalars(indices), view.strides))
    offset = sum(offset, product(index, stride));
  view.offset = offset;
  return define(op, "load<" + type + ">(run, " + view.pointer() + ")");
}

} // namespace tenon
