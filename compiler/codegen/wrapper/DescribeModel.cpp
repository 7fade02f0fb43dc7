//===- DescribeModel.cpp - the importer's attributes as data --------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/wrapper/EmitWrapper.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace tenon {

template <typename Attributes> static std::string stringOf(Attributes attributes, llvm::StringRef name) {
  auto value = llvm::dyn_cast_or_null<StringAttr>(attributes.get(name));
  return value ? value.getValue().str() : "";
}

static int64_t integerOf(DictionaryAttr attributes, llvm::StringRef name, int64_t otherwise) {
  auto value = llvm::dyn_cast_or_null<IntegerAttr>(attributes.get(name));
  return value ? value.getInt() : otherwise;
}

// A dimension whose text is a number is static.
static TensorDescription describeTensor(DictionaryAttr entry) {
  TensorDescription tensor;
  tensor.name = stringOf(entry, "name");
  tensor.dtype = stringOf(entry, "dtype");
  tensor.isMutated = entry.contains("mutated");
  if (auto dims = llvm::dyn_cast_or_null<ArrayAttr>(entry.get("dims")))
    for (Attribute dim : dims) {
      tensor.dims.push_back(cast<StringAttr>(dim).getValue().str());
      int64_t size;
      bool isStatic = !llvm::StringRef(tensor.dims.back()).getAsInteger(10, size);
      tensor.sizes.push_back(isStatic ? size : ShapedType::kDynamic);
    }
  return tensor;
}

FailureOr<ModelDescription> describeModel(ModuleOp module) {
  DictionaryAttr attributes = module->getDiscardableAttrDictionary();
  auto inputs = module->getAttrOfType<ArrayAttr>("tenon.inputs"), outputs = module->getAttrOfType<ArrayAttr>("tenon.outputs");
  if (!inputs || !outputs)
    return module.emitError("the module does not describe its inputs and outputs");
  ModelDescription description;
  description.name = stringOf(attributes, "tenon.model_name");
  description.torchVersion = stringOf(attributes, "tenon.torch_version");
  description.inSpec = stringOf(attributes, "tenon.in_spec");
  description.outSpec = stringOf(attributes, "tenon.out_spec");
  for (auto entry : inputs.getAsRange<DictionaryAttr>())
    description.inputs.push_back(describeTensor(entry));
  for (auto entry : outputs.getAsRange<DictionaryAttr>())
    description.outputs.push_back(describeTensor(entry));
  if (auto symbols = module->getAttrOfType<ArrayAttr>("tenon.symbols"))
    for (auto entry : symbols.getAsRange<DictionaryAttr>())
      description.symbols.push_back(
          {stringOf(entry, "name"), integerOf(entry, "min", INT64_MIN), integerOf(entry, "max", INT64_MAX)});
  return description;
}

} // namespace tenon
