//===- ValueReaders.cpp - sizes, devices and tensor metadata from JSON --------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/SchemaReaders.h"
#include "compiler/frontend/archive/SymExprParser.h"

namespace tenon::frontend {

static SymExpr readExpression(JsonReader json) {
  JsonReader text = json.field("expr_str");
  std::string fault;
  std::optional<SymExpr> expr = parseSymExpr(text.string(), fault);
  if (!expr)
    text.fail("malformed expression: " + fault);
  return expr.value_or(SymExpr());
}

SymInt readSymInt(JsonReader json) {
  auto [tag, payload] = json.tagged();
  if (tag == "as_int")
    return {.value = payload.integer(), .hint = std::nullopt};
  if (tag != "as_expr") {
    json.fail("unknown kind of size '" + tag + "'");
    return {};
  }
  SymInt result;
  SymExpr expr = readExpression(payload);
  if (expr.kind == SymExpr::Kind::Integer)
    result.value = expr.integer;
  else
    result.value = std::move(expr);
  if (auto hint = payload.find("hint"))
    result.hint = hint->field("as_int").integer();
  return result;
}

SymExpr readSymFloat(JsonReader json) {
  auto [tag, payload] = json.tagged();
  if (tag == "as_float")
    return {SymExpr::Kind::Float, 0, 1, payload.real(), {}, {}};
  if (tag == "as_expr")
    return readExpression(payload);
  json.fail("unknown kind of number '" + tag + "'");
  return {};
}

SymExpr readSymBool(JsonReader json) {
  auto [tag, payload] = json.tagged();
  if (tag == "as_bool")
    return {SymExpr::Kind::Boolean, payload.boolean(), 1, 0, {}, {}};
  if (tag == "as_expr")
    return readExpression(payload);
  json.fail("unknown kind of condition '" + tag + "'");
  return {};
}

ScalarType readScalarType(JsonReader json) {
  int64_t code = json.integer();
  ScalarType type = static_cast<ScalarType>(code);
  if (code < 0 || code > 255 || elementSizeInBytes(type) == 0)
    json.fail("unknown dtype " + llvm::Twine(code));
  return type;
}

Device readDevice(JsonReader json) {
  Device device{.type = json.field("type").string(), .index = std::nullopt};
  if (auto index = json.find("index"))
    device.index = index->integer();
  return device;
}

static std::vector<SymInt> readExtents(JsonReader json) {
  return json.list([](JsonReader element) {
    SymInt extent = readSymInt(element);
    if (extent.isStatic() && extent.staticValue() < 0)
      element.fail("the size or stride is negative");
    return extent;
  });
}

TensorMeta readTensorMeta(JsonReader json) {
  TensorMeta meta;
  meta.dtype = readScalarType(json.field("dtype"));
  meta.sizes = readExtents(json.field("sizes"));
  meta.strides = readExtents(json.field("strides"));
  meta.storageOffset = readSymInt(json.field("storage_offset"));
  meta.device = readDevice(json.field("device"));
  meta.requiresGrad = json.field("requires_grad").boolean();
  constexpr int64_t kStrided = 7;
  if (json.field("layout").integer() != kStrided)
    json.fail("the tensor is sparse or in an opaque layout; only strided tensors are read");
  if (meta.sizes.size() > kMaxRank)
    json.fail("the tensor has rank " + llvm::Twine(meta.sizes.size()) + "; at most " + llvm::Twine(kMaxRank) +
              " is read");
  if (meta.sizes.size() != meta.strides.size())
    json.fail("the tensor has " + llvm::Twine(meta.sizes.size()) + " sizes and " + llvm::Twine(meta.strides.size()) +
              " strides");
  if (meta.storageOffset.isStatic() && meta.storageOffset.staticValue() < 0)
    json.fail("the storage offset is negative");
  return meta;
}

} // namespace tenon::frontend
