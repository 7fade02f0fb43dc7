//===- Importer.cpp - the walk over an exported program -----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Importer.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;
using namespace tenon::frontend;

void tenon::loadImportDialects(MLIRContext &context) {
  context.loadDialect<arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect, math::MathDialect, scf::SCFDialect,
                      tensor::TensorDialect, TenonDialect>();
}

OwningOpRef<ModuleOp> tenon::importProgram(MLIRContext &context, const ExportedProgram &program, const ImportOptions &,
                                           std::vector<UnsupportedOp> &unsupported) {
  loadImportDialects(context);
  return Importer(context, program, unsupported).run();
}

Importer::Importer(MLIRContext &context, const ExportedProgram &program, std::vector<UnsupportedOp> &unsupported)
    : context(context), program(program), unsupported(unsupported), builder(&context), symbols(&context, program.symbolRanges),
      mainScope{program.graph, {}} {}

//===--- locations ---------------------------------------------------------------------------------------------------===//

std::string PythonFrame::text() const {
  if (file.empty())
    return "";
  StringRef name = StringRef(file).rsplit('/').second;
  return (name.empty() ? file : name.str()) + ":" + std::to_string(line) + " in " + function +
         (source.empty() ? "" : ": " + source);
}

// A trace has pairs of lines: 'File "path", line 12, in forward' and the source line.
PythonFrame tenon::aten::innermostUserFrame(StringRef stackTrace) {
  PythonFrame innermost, user;
  bool wantsSource = false;
  for (StringRef line : llvm::split(stackTrace, '\n')) {
    line = line.trim();
    if (!line.consume_front("File \"")) {
      if (std::exchange(wantsSource, false))
        innermost.source = line.str();
    } else {
      auto [path, rest] = line.split("\", line ");
      auto [number, function] = rest.split(", in ");
      innermost = {path.str(), function.str(), "", 0};
      number.getAsInteger(10, innermost.line);
      wantsSource = true;
    }
    if (!StringRef(innermost.file).contains("/torch/"))
      user = innermost;
  }
  return user.file.empty() ? innermost : user;
}

Location Importer::nameLocation(StringRef name) { return NameLoc::get(builder.getStringAttr(name)); }

Location Importer::nodeLocation(const Node &node) {
  PythonFrame frame = innermostUserFrame(node.stackTrace);
  if (frame.file.empty())
    return nameLocation(node.name);
  return NameLoc::get(builder.getStringAttr(node.name), FileLineColLoc::get(&context, frame.file, frame.line, 0));
}

//===--- the module --------------------------------------------------------------------------------------------------===//

void tenon::aten::collectNames(const Argument &arg, std::set<std::string> &names) {
  if (auto *ref = arg.getIf<TensorRef>())
    names.insert(ref->name);
  if (auto *refs = arg.getIf<std::vector<TensorRef>>())
    for (const TensorRef &ref : *refs)
      names.insert(ref.name);
  if (auto *refs = arg.getIf<OptionalTensorRefs>())
    for (const std::optional<TensorRef> &ref : *refs)
      if (ref)
        names.insert(ref->name);
}

OwningOpRef<ModuleOp> Importer::run() {
  for (const Node &node : program.graph.nodes)
    for (const NamedArgument &input : node.inputs)
      collectNames(input.arg, usedNames);
  for (const Argument &output : program.graph.outputs)
    collectNames(output, usedNames);

  module = ModuleOp::create(nameLocation(program.modelName));
  if (failed(createMain()))
    return nullptr;
  defineSymbols();
  guardInputSizes();
  guardRanges();
  guardCode();
  bindConstants();
  importGraph(mainScope);
  if (failed(createReturn()))
    return nullptr;
  if (!symbols.problem().empty())
    reportUnsupported("symbolic sizes", symbols.problem(), nullptr);
  entryMarker->erase();
  describeModule();
  return unsupported.empty() ? std::move(module) : nullptr;
}

static Argument placeholderOf(const ExportedProgram &program, size_t i) { return program.graph.inputs[i]; }

LogicalResult Importer::createMain() {
  const Graph &graph = program.graph;
  if (graph.inputs.size() != program.inputSpecs.size() || graph.outputs.size() != program.outputSpecs.size())
    return emitError(module->getLoc(), "the graph and its signature differ in their numbers of inputs or outputs");

  SmallVector<Type> types;
  SmallVector<Location> locations;
  std::vector<ScalarType> dtypes;
  for (auto [i, spec] : llvm::enumerate(program.inputSpecs)) {
    if (spec.kind != InputSpec::Kind::UserInput)
      continue;
    Argument arg = placeholderOf(program, i);
    if (auto *number = arg.getIf<SymIntArg>(); number && number->isName()) {
      inputNames.push_back(number->name());
      dtypes.push_back(ScalarType::Int64);
      types.push_back(RankedTensorType::get({}, builder.getI64Type()));
    } else if (auto *ref = arg.getIf<TensorRef>()) {
      auto meta = graph.tensorValues.find(ref->name);
      if (meta == graph.tensorValues.end())
        return emitError(module->getLoc()) << "input '" << ref->name << "' has no metadata";
      ScalarType dtype = meta->second.dtype;
      if (!elementType(&context, dtype) || isFloat8(dtype)) {
        reportUnsupported("input '" + ref->name + "'", std::string("dtype ") + scalarTypeName(dtype), nullptr);
        dtype = ScalarType::Float32; // stands in, so that the nodes that read it are looked at as well
      }
      SmallVector<int64_t> shape;
      for (const SymInt &size : meta->second.sizes)
        shape.push_back(size.isStatic() ? size.staticValue() : ShapedType::kDynamic);
      if (isComplex(dtype))
        shape.push_back(2);
      inputNames.push_back(ref->name);
      dtypes.push_back(dtype);
      types.push_back(RankedTensorType::get(shape, elementType(&context, dtype)));
    } else {
      continue;
    }
    argumentNumbers[inputNames.back()] = inputNames.size() - 1;
    locations.push_back(nameLocation(inputNames.back()));
  }

  builder.setInsertionPointToEnd(module->getBody());
  main = func::FuncOp::create(builder, module->getLoc(), mainFunctionName, builder.getFunctionType(types, {}));
  Block *block = builder.createBlock(&main.getBody(), {}, types, locations);
  entryMarker = arith::ConstantIndexOp::create(builder, main.getLoc(), 0);
  symbols.setEntry(entryMarker);
  for (auto [i, name] : llvm::enumerate(inputNames)) {
    main.setArgAttr(i, nameAttrName, builder.getStringAttr(name));
    main.setArgAttr(i, "tenon.dtype", builder.getStringAttr(scalarTypeName(dtypes[i])));
    inputs.push_back({block->getArgument(i), dtypes[i], {}});
  }
  return success();
}

//===--- constants ---------------------------------------------------------------------------------------------------===//

// A short unique symbol: letters, digits and underscores of the name's end.
static std::string symbolName(StringRef name, std::set<std::string> &used) {
  constexpr size_t maxLength = 48;
  std::string symbol;
  for (char c : name.take_back(maxLength))
    symbol += llvm::isAlnum(c) ? c : '_';
  if (symbol.empty() || !llvm::isAlpha(symbol.front()))
    symbol = "c" + symbol;
  std::string unique = symbol;
  for (unsigned i = 1; !used.insert(unique).second; ++i)
    unique = symbol + "_" + std::to_string(i);
  return unique;
}

// Row-major strides of `shape`.
static SmallVector<int64_t> rowMajor(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t dim = static_cast<int64_t>(shape.size()) - 2; dim >= 0; --dim)
    strides[dim] = strides[dim + 1] * std::max<int64_t>(shape[dim + 1], 1);
  return strides;
}

static SmallVector<int64_t> staticValues(ArrayRef<SymInt> values) {
  SmallVector<int64_t> result;
  for (const SymInt &value : values)
    result.push_back(value.isStatic() ? value.staticValue() : 0);
  return result;
}

static bool sameStrides(ArrayRef<int64_t> shape, ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  for (size_t dim = 0; dim < shape.size(); ++dim)
    if (shape[dim] > 1 && a[dim] != b[dim])
      return false;
  return true;
}

static bool isSameMemory(const Payload &a, const Payload &b) {
  return a.record == b.record && !a.bytes.empty() && a.meta.dtype == b.meta.dtype &&
         a.meta.storageOffset.staticValue() == b.meta.storageOffset.staticValue() &&
         staticValues(a.meta.sizes) == staticValues(b.meta.sizes) &&
         staticValues(a.meta.strides) == staticValues(b.meta.strides);
}

// The bytes of its record, from the first to behind the last, that a payload uses.
static std::pair<int64_t, int64_t> byteRange(const Payload &payload) {
  int64_t first = payload.meta.storageOffset.staticValue(), last = first;
  for (auto [size, stride] : llvm::zip(payload.meta.sizes, payload.meta.strides)) {
    if (size.staticValue() == 0)
      return {0, 0};
    last += (size.staticValue() - 1) * stride.staticValue();
  }
  int64_t bytes = elementSizeInBytes(payload.meta.dtype);
  return {first * bytes, (last + 1) * bytes};
}

static bool overlap(const Payload &a, const Payload &b) {
  auto [aFirst, aEnd] = byteRange(a);
  auto [bFirst, bEnd] = byteRange(b);
  return a.record == b.record && !a.bytes.empty() && aFirst < bEnd && bFirst < aEnd;
}

AliasRef Importer::loadConstant(const InputSpec &spec) {
  auto payload = program.payloads.find(spec.targetName);
  if (payload == program.payloads.end()) {
    reportUnsupported("constant '" + spec.targetName + "'", "the archive has no data for it", nullptr);
    return nullptr;
  }
  const TensorMeta &meta = payload->second.meta;
  Type element = elementType(&context, meta.dtype);
  if (!element) {
    reportUnsupported("constant '" + spec.targetName + "'", std::string("dtype ") + scalarTypeName(meta.dtype),
                      nullptr);
    return nullptr;
  }
  SmallVector<int64_t> sizes = staticValues(meta.sizes), shape = sizes, strides = staticValues(meta.strides);
  if (isComplex(meta.dtype)) { // pairs of numbers
    for (int64_t &stride : strides)
      stride *= 2;
    shape.push_back(2);
    strides.push_back(1);
  }
  auto type = RankedTensorType::get(shape, element);
  Location loc = nameLocation(spec.targetName);
  auto [name, isNew] = globalNames.try_emplace(spec.targetName);
  // Two names of the same elements are one global and one alias: what is written under one is read under the other.
  for (const auto &[other, alias] : constantAliases)
    if (isNew && isSameMemory(payload->second, program.payloads.at(other))) {
      name->second = globalNames.at(other);
      return alias;
    }
  if (isNew) {
    name->second = symbolName(spec.targetName, usedSymbols);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(main);
    // A record without bytes stands for zeros: a state without `record` says exactly that.
    bool isZeros = payload->second.bytes.empty();
    bool isRowMajor = sameStrides(shape, strides, rowMajor(shape));
    int64_t offset = isZeros ? 0 : meta.storageOffset.staticValue() * elementSizeInBytes(meta.dtype);
    GlobalOp::create(builder, loc, builder.getStringAttr(name->second), TypeAttr::get(type),
                     GlobalKindAttr::get(&context, isZeros ? GlobalKind::State : GlobalKind::Weight),
                     isZeros ? StringAttr() : builder.getStringAttr(payload->second.record),
                     builder.getI64IntegerAttr(offset),
                     isRowMajor ? DenseI64ArrayAttr() : builder.getDenseI64ArrayAttr(strides),
                     builder.getStringAttr(spec.targetName),
                     spec.kind == InputSpec::Kind::Parameter ? builder.getUnitAttr() : UnitAttr(),
                     /*record_type=*/TypeAttr(), /*magnitude=*/FloatAttr());
  }
  Value value = LoadGlobalOp::create(builder, loc, type, FlatSymbolRefAttr::get(&context, name->second));
  return constantAliases[spec.targetName] =
             std::make_shared<Alias>(Tensor{value, meta.dtype, emitterAt(loc).sizes(sizes)});
}

void Importer::bindConstants() {
  for (auto [i, spec] : llvm::enumerate(program.inputSpecs)) {
    auto *ref = program.graph.inputs[i].getIf<TensorRef>();
    if (!ref || !usedNames.count(ref->name))
      continue;
    if (spec.kind == InputSpec::Kind::UserInput) {
      mainScope.tensors[ref->name] = std::make_shared<Alias>(inputs[argumentNumbers.at(ref->name)]);
    } else if (spec.kind == InputSpec::Kind::Parameter || spec.kind == InputSpec::Kind::Buffer ||
               spec.kind == InputSpec::Kind::TensorConstant) {
      if (AliasRef alias = loadConstant(spec))
        mainScope.tensors[ref->name] = alias;
    } else if (spec.kind != InputSpec::Kind::Token) { // nodes are imported in their order, which is all that tokens are for
      reportUnsupported("input '" + ref->name + "'", "custom objects have no meaning here", nullptr);
    }
  }
}

//===--- results -----------------------------------------------------------------------------------------------------===//

void Importer::storeGlobal(StringRef name, const Tensor &value) {
  auto symbol = globalNames.find(name.str());
  if (symbol == globalNames.end())
    return reportUnsupported(("mutation of '" + name + "'").str(), "it is not read by the program", nullptr);
  for (const auto &[other, otherSymbol] : globalNames)
    if (otherSymbol != symbol->second && overlap(program.payloads.at(name.str()), program.payloads.at(other)))
      return reportUnsupported(("mutation of '" + name + "'").str(),
                               "it shares memory with '" + other + "'; keep one of them and make the other in forward()",
                               nullptr);
  auto global = cast<GlobalOp>(SymbolTable::lookupSymbolIn(*module, symbol->second));
  global.setKind(GlobalKind::State);
  StoreGlobalOp::create(builder, nameLocation(name), value.value, symbol->second);
}

// The caller's tensor gets its value after the run.
void Importer::storeInput(const std::string &name, const Tensor &value) {
  auto number = argumentNumbers.find(name);
  if (number == argumentNumbers.end())
    return reportUnsupported("mutation of '" + name + "'", "it is no input of the program", nullptr);
  Type type = main.getArgumentTypes()[number->second];
  Value stored = value.value;
  if (stored.getType() != type)
    stored = tensor::CastOp::create(builder, nameLocation(name), type, stored);
  main.setArgAttr(number->second, mutatedAttrName, builder.getUnitAttr());
  StoreInputOp::create(builder, nameLocation(name), stored, number->second);
}

// In the TRAINING dialect a mutation is only visible as an in-place op on a placeholder's memory.
void Importer::storeMutations() {
  std::set<const Alias *> stored;
  for (auto [i, spec] : llvm::enumerate(program.inputSpecs)) {
    auto *ref = program.graph.inputs[i].getIf<TensorRef>();
    auto alias = ref ? mainScope.tensors.find(ref->name) : mainScope.tensors.end();
    if (alias == mainScope.tensors.end() || !alias->second->isMutated() ||
        !stored.insert(alias->second.get()).second)
      continue;
    Emitter e = emitterAt(nameLocation(ref->name));
    if (spec.kind == InputSpec::Kind::UserInput)
      storeInput(ref->name, alias->second->read(e));
    else
      storeGlobal(spec.targetName, alias->second->read(e));
  }
}

LogicalResult Importer::createReturn() {
  storeMutations();
  SmallVector<Value> results;
  SmallVector<Type> types;
  std::vector<ScalarType> dtypes;
  for (auto [i, spec] : llvm::enumerate(program.outputSpecs)) {
    const Argument &output = program.graph.outputs[i];
    if (spec.kind == OutputSpec::Kind::Token)
      continue;
    Tensor value;
    std::string name;
    if (auto *ref = output.getIf<TensorRef>()) {
      name = ref->name;
      auto alias = mainScope.tensors.find(name);
      if (alias == mainScope.tensors.end()) {
        if (unsupported.empty())
          return emitError(main.getLoc()) << "output '" << name << "' has no value";
        continue;
      }
      Emitter e = emitterAt(nameLocation(name));
      value = alias->second->read(e);
    } else if (auto *number = output.getIf<SymIntArg>(); number && number->isName()) {
      name = number->name();
      auto entry = program.graph.symIntValues.find(name);
      if (entry == program.graph.symIntValues.end())
        return emitError(main.getLoc()) << "output '" << name << "' has no value";
      Emitter e = emitterAt(nameLocation(name));
      Value index = e.index(symbols.size(e, entry->second));
      Value element = castScalar(builder, e.loc, index, ScalarType::Int64, ScalarType::Int64);
      auto type = RankedTensorType::get({}, builder.getI64Type());
      value = {tensor::FromElementsOp::create(builder, e.loc, type, element), ScalarType::Int64, {}};
    } else {
      continue; // None and literals are in the out_spec
    }
    switch (spec.kind) {
    case OutputSpec::Kind::BufferMutation:
    case OutputSpec::Kind::ParameterMutation:
      storeGlobal(spec.targetName, value);
      continue;
    case OutputSpec::Kind::UserInputMutation:
      storeInput(spec.targetName, value);
      continue;
    case OutputSpec::Kind::Token:
    case OutputSpec::Kind::Other:
      continue;
    case OutputSpec::Kind::UserOutput:
      break;
    }
    if (isFloat8(value.dtype))
      reportUnsupported("output '" + name + "'", std::string("dtype ") + scalarTypeName(value.dtype), nullptr);
    outputNames.push_back(name);
    results.push_back(value.value);
    types.push_back(value.value.getType());
    dtypes.push_back(value.dtype);
  }
  func::ReturnOp::create(builder, main.getLoc(), results);
  main.setType(builder.getFunctionType(main.getArgumentTypes(), types));
  for (auto [i, name] : llvm::enumerate(outputNames)) {
    main.setResultAttr(i, nameAttrName, builder.getStringAttr(name));
    main.setResultAttr(i, "tenon.dtype", builder.getStringAttr(scalarTypeName(dtypes[i])));
  }
  return success();
}
