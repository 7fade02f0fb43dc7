//===- Values.cpp - C++ spellings of SSA values ---------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/wrapper/Values.h"

#include "compiler/codegen/wrapper/SourceText.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace tenon {

//===--- types -------------------------------------------------------------------------------------------------------===//

int64_t elementSizeInBytes(Type type) {
  if (auto complex = dyn_cast<ComplexType>(type))
    return 2 * elementSizeInBytes(complex.getElementType());
  if (type.isIndex())
    return 8;
  return std::max<int64_t>(1, type.getIntOrFloatBitWidth() / 8);
}

std::string dtypeName(Type type) {
  if (auto complex = dyn_cast<ComplexType>(type))
    return complex.getElementType().isF32() ? "C64" : complex.getElementType().isF64() ? "C128" : "";
  if (type.isBF16())
    return "BF16";
  if (isa<Float16Type, Float32Type, Float64Type>(type))
    return "F" + std::to_string(type.getIntOrFloatBitWidth());
  if (type.isIndex())
    return "I64";
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return "";
  if (integer.getWidth() == 1)
    return "Bool";
  if (!llvm::is_contained({8u, 16u, 32u, 64u}, integer.getWidth()))
    return "";
  return (integer.isUnsigned() ? "U" : "I") + std::to_string(integer.getWidth());
}

std::string scalarTypeName(Type type) {
  if (type.isF32() || type.isF64())
    return type.isF32() ? "float" : "double";
  std::string dtype = dtypeName(type);
  if (dtype == "Bool")
    return "bool";
  if (!isa<IndexType, IntegerType>(type) || dtype.empty())
    return "";
  return (dtype[0] == 'U' ? "uint" : "int") + dtype.substr(1) + "_t";
}

//===--- locations ---------------------------------------------------------------------------------------------------===//

static void collectNodeNames(Location location, std::vector<std::string> &names) {
  if (auto name = dyn_cast<NameLoc>(location)) {
    std::string identifier = sanitizeIdentifier(name.getName().getValue(), "");
    if (!identifier.empty() && !llvm::is_contained(names, identifier))
      names.push_back(identifier);
  } else if (auto fused = dyn_cast<FusedLoc>(location)) {
    for (Location part : fused.getLocations())
      collectNodeNames(part, names);
  } else if (auto call = dyn_cast<CallSiteLoc>(location)) {
    collectNodeNames(call.getCallee(), names);
  }
}

std::vector<std::string> nodeNames(Location location) {
  std::vector<std::string> names;
  collectNodeNames(location, names);
  return names;
}

std::string nodeName(Location location, llvm::StringRef fallback) {
  std::vector<std::string> names = nodeNames(location);
  return names.empty() ? fallback.str() : names.front();
}

//===--- expressions -------------------------------------------------------------------------------------------------===//

static std::optional<int64_t> asInteger(const std::string &expression) {
  int64_t value;
  return llvm::StringRef(expression).getAsInteger(10, value) ? std::nullopt : std::optional(value);
}

static std::string parenthesised(const std::string &expression) {
  return expression.find(' ') == std::string::npos ? expression : "(" + expression + ")";
}

std::string product(const std::string &lhs, const std::string &rhs) {
  auto l = asInteger(lhs), r = asInteger(rhs);
  if (l && r)
    return std::to_string(*l * *r);
  if (l && *l == 1)
    return rhs;
  if (r && *r == 1)
    return lhs;
  return parenthesised(lhs) + " * " + parenthesised(rhs);
}

std::string sum(const std::string &lhs, const std::string &rhs) {
  auto l = asInteger(lhs), r = asInteger(rhs);
  if (l && r)
    return std::to_string(*l + *r);
  if (l && *l == 0)
    return rhs;
  if (r && *r == 0)
    return lhs;
  return lhs + " + " + rhs;
}

std::vector<std::string> rowMajorStrides(const std::vector<std::string> &sizes) {
  std::vector<std::string> strides(sizes.size(), "1");
  for (size_t i = sizes.size(); i-- > 1;)
    strides[i - 1] = product(sizes[i], strides[i]);
  return strides;
}

//===--- views -------------------------------------------------------------------------------------------------------===//

std::string MemoryView::pointer() const {
  return sum(base, product(offset, std::to_string(elementSizeInBytes(elementType))));
}

std::string MemoryView::view() const {
  return "view(DType::" + dtypeName(elementType) + ", " + pointer() + ", " + braced(sizes) + ", " + braced(strides) + ")";
}

} // namespace tenon
