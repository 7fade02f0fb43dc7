//===- Signature.cpp - what a module says about its model ---------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Importer.h"
#include "compiler/ir/TenonDialect.h"

#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;
using namespace tenon::frontend;

static DictionaryAttr describeTensor(Builder &b, const std::string &name, const TensorMeta *meta, bool isMutated) {
  SmallVector<Attribute> dims;
  if (meta)
    for (const SymInt &size : meta->sizes)
      dims.push_back(b.getStringAttr(size.isStatic() ? std::to_string(size.staticValue()) : size.expr().toString()));
  SmallVector<NamedAttribute> fields{
      b.getNamedAttr("name", b.getStringAttr(name)),
      b.getNamedAttr("dtype", b.getStringAttr(scalarTypeName(meta ? meta->dtype : ScalarType::Int64))),
      b.getNamedAttr("dims", b.getArrayAttr(dims)),
  };
  if (isMutated)
    fields.push_back(b.getNamedAttr("mutated", b.getUnitAttr()));
  return b.getDictionaryAttr(fields);
}

static ArrayAttr describeTensors(Builder &b, const Graph &graph, ArrayRef<std::string> names,
                                 function_ref<bool(unsigned)> isMutated) {
  SmallVector<Attribute> tensors;
  for (auto [i, name] : llvm::enumerate(names)) {
    auto meta = graph.tensorValues.find(name);
    tensors.push_back(
        describeTensor(b, name, meta == graph.tensorValues.end() ? nullptr : &meta->second, isMutated(i)));
  }
  return b.getArrayAttr(tensors);
}

static ArrayAttr describeSymbols(Builder &b, const std::map<std::string, frontend::Range> &ranges) {
  SmallVector<Attribute> symbols;
  for (const auto &[name, range] : ranges) {
    SmallVector<NamedAttribute> fields{b.getNamedAttr("name", b.getStringAttr(name))};
    if (range.min)
      fields.push_back(b.getNamedAttr("min", b.getI64IntegerAttr(*range.min)));
    if (range.max)
      fields.push_back(b.getNamedAttr("max", b.getI64IntegerAttr(*range.max)));
    symbols.push_back(b.getDictionaryAttr(fields));
  }
  return b.getArrayAttr(symbols);
}

//===--- pytrees -----------------------------------------------------------------------------------------------------===//

// A constant leaf; null for None and for what JSON has no value for.
static llvm::json::Value constantValue(const Argument &arg) {
  if (auto *value = arg.getIf<int64_t>())
    return *value;
  if (auto *value = arg.getIf<double>())
    return *value;
  if (auto *value = arg.getIf<bool>())
    return *value;
  if (auto *value = arg.getIf<std::string>())
    return llvm::json::fixUTF8(*value);
  return nullptr;
}

// The leaves in order: {"tensor": position} or {"value": constant}.
static std::vector<llvm::json::Value> leavesOf(ArrayRef<const Argument *> arguments) {
  std::vector<llvm::json::Value> leaves;
  int64_t position = 0;
  for (const Argument *arg : arguments) {
    auto *number = arg->getIf<SymIntArg>();
    if (arg->getIf<TensorRef>() || (number && number->isName()))
      leaves.push_back(llvm::json::Object{{"tensor", position++}});
    else
      leaves.push_back(llvm::json::Object{{"value", constantValue(*arg)}});
  }
  return leaves;
}

static llvm::json::Value describeTree(const TreeSpec &tree, ArrayRef<llvm::json::Value> leaves, size_t &next) {
  if (tree.isLeaf())
    return next < leaves.size() ? leaves[next++] : llvm::json::Value(nullptr);
  llvm::json::Array children;
  for (const TreeSpec &child : tree.children)
    children.push_back(describeTree(child, leaves, next));
  return llvm::json::Object{{"type", llvm::json::fixUTF8(tree.type)},
                            {"context", llvm::json::fixUTF8(tree.context)},
                            {"children", std::move(children)}};
}

static std::string treeText(const std::optional<TreeSpec> &tree, ArrayRef<const Argument *> arguments) {
  if (!tree)
    return "";
  size_t next = 0;
  std::string text;
  llvm::raw_string_ostream(text) << describeTree(*tree, leavesOf(arguments), next);
  return text;
}

void Importer::describeModule() {
  Builder b(&context);
  auto set = [&](StringRef name, Attribute value) { module->getOperation()->setAttr(name, value); };
  set("tenon.model_name", b.getStringAttr(program.modelName));
  set("tenon.torch_version", b.getStringAttr(program.torchVersion));
  set("tenon.inputs", describeTensors(b, program.graph, inputNames,
                                      [&](unsigned i) { return main.getArgAttr(i, mutatedAttrName) != nullptr; }));
  set("tenon.outputs", describeTensors(b, program.graph, outputNames, [](unsigned) { return false; }));
  set("tenon.symbols", describeSymbols(b, program.symbolRanges));

  SmallVector<const Argument *> userInputs, userOutputs;
  for (auto [i, spec] : llvm::enumerate(program.inputSpecs)) {
    if (spec.kind == InputSpec::Kind::UserInput)
      userInputs.push_back(&program.graph.inputs[i]);
    if (spec.kind == InputSpec::Kind::ConstantInput)
      userInputs.push_back(&spec.constant);
  }
  for (auto [i, spec] : llvm::enumerate(program.outputSpecs))
    if (spec.kind == OutputSpec::Kind::UserOutput)
      userOutputs.push_back(&program.graph.outputs[i]);
  set("tenon.in_spec", b.getStringAttr(treeText(program.inSpec, userInputs)));
  set("tenon.out_spec", b.getStringAttr(treeText(program.outSpec, userOutputs)));
}
