//===- LibraryCalls.cpp - library calls, kernel launches and checks as C++ ------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/wrapper/FunctionEmitter.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tenon {

//===--- specs -------------------------------------------------------------------------------------------------------===//

// The enumerators of tenon/generated.h, in the order of the dialect's enums.
static constexpr llvm::StringLiteral activationNames[] = {"Relu",      "GeluErf",   "GeluTanh", "Sigmoid", "Tanh",
                                                          "Silu",      "HardSigmoid", "HardSwish", "LeakyRelu", "Elu",
                                                          "Clip",      "Softplus",  "Mish"};
static constexpr llvm::StringLiteral epilogueNames[] = {"Activation", "Add", "Mul", "Scale"};
static constexpr llvm::StringLiteral poolNames[] = {"Max", "AvgIncludePad", "AvgExcludePad"};
static constexpr llvm::StringLiteral regionNames[] = {"Align", "Max", "PositionalAlign", "PositionalMean"};
static constexpr llvm::StringLiteral scatterNames[] = {"Set", "Add", "Mul", "Max", "Min"};
static constexpr llvm::StringLiteral scanNames[] = {"Sum", "Prod", "Max", "Min", "LogSumExp"};
static constexpr llvm::StringLiteral recurrenceNames[] = {"Tanh", "Relu", "Lstm", "Gru"};
static constexpr llvm::StringLiteral decomposeNames[] = {
    "Cholesky", "CholeskySolve", "CholeskyInverse",    "Lu",                  "LuSolve", "TriangularSolve",
    "Ldl",      "LdlSolve",      "Qr",                 "HouseholderProduct",  "HouseholderMultiply", "Eigh",
    "EighValues", "Svd",         "SvdValues",          "Eig",                 "EigValues", "Exponential", "LuPermutation"};
static_assert(std::size(decomposeNames) == getMaxEnumValForDecomposeKind() + 1);
static constexpr llvm::StringLiteral randomNames[] = {"Uniform", "Normal", "Bits32", "Bits64", "Permutation", "SerialNormal"};
static_assert(std::size(randomNames) == getMaxEnumValForRandomKind() + 1);
static_assert(std::size(regionNames) == getMaxEnumValForRegionPoolKind() + 1);
static_assert(std::size(recurrenceNames) == getMaxEnumValForRecurrenceKind() + 1);
static_assert(std::size(scatterNames) == getMaxEnumValForScatterKind() + 1 &&
              std::size(scanNames) == getMaxEnumValForScanKind() + 1);
static_assert(std::size(activationNames) == getMaxEnumValForActivationKind() + 1 &&
              std::size(epilogueNames) == getMaxEnumValForEpilogueKind() + 1 &&
              std::size(poolNames) == getMaxEnumValForPoolKind() + 1);
static constexpr size_t maxEpilogueSteps = 8;

// "{EpilogueKind::Activation, ActivationKind::Clip, 0.0, 6.0}", without the fields that have their default at the end.
static std::string epilogueStep(EpilogueAttr step) {
  std::vector<std::string> fields = {"EpilogueKind::" + epilogueNames[static_cast<size_t>(step.getKind())].str()};
  bool hasParameters = step.getAlpha() != 0 || step.getBeta() != 0;
  if (hasParameters || step.getKind() == EpilogueKind::Activation)
    fields.push_back("ActivationKind::" + activationNames[static_cast<size_t>(step.getActivation())].str());
  if (hasParameters) {
    fields.push_back(doubleLiteral(step.getAlpha()));
    fields.push_back(doubleLiteral(step.getBeta()));
  }
  return braced(fields);
}

// The field of a spec; nothing for an empty epilogue.
static LogicalResult appendEpilogue(Operation *op, ArrayAttr epilogue, std::vector<std::string> &fields) {
  if (epilogue.empty())
    return success();
  if (epilogue.size() > maxEpilogueSteps)
    return op->emitError("has more epilogue steps than the runtime takes (8)");
  std::vector<std::string> steps;
  for (Attribute step : epilogue)
    steps.push_back(epilogueStep(cast<EpilogueAttr>(step)));
  fields.push_back(".epilogue = {.steps = " + braced(steps) + ", .count = " + std::to_string(steps.size()) + "}");
  return success();
}

// The field `name` of a spec: `values`, then `rest` up to `length` entries; nothing where all are `rest`.
static void appendArray(std::vector<std::string> &fields, llvm::StringRef name, ArrayRef<int64_t> values, size_t length,
                        int64_t rest) {
  if (llvm::all_of(values, [&](int64_t value) { return value == rest; }))
    return;
  std::vector<std::string> items;
  for (size_t i = 0; i < length; ++i)
    items.push_back(integerLiteral(i < values.size() ? values[i] : rest));
  fields.push_back(("." + name + " = ").str() + braced(items));
}

static void appendWindow(std::vector<std::string> &fields, ArrayRef<int64_t> stride, ArrayRef<int64_t> padding,
                         ArrayRef<int64_t> dilation) {
  appendArray(fields, "stride", stride, 3, 1);
  appendArray(fields, "padding", padding, 6, 0);
  appendArray(fields, "dilation", dilation, 3, 1);
}

// Adds a constant to the file and returns its name.
std::string FunctionEmitter::addSpec(llvm::StringRef type, llvm::StringRef name, std::vector<std::string> fields) {
  // Apart from local names, which began as the file's.
  std::string constant = names.unique((name + "_spec").str());
  file.names.reserve(constant);
  std::string start = ("constexpr " + type + " " + constant + " = {").str();
  std::string line = start + llvm::join(fields, ", ") + "};";
  file.specs += line.size() <= maxLineLength ? line + "\n" : start + "\n    " + llvm::join(fields, ",\n    ") + "};\n";
  return constant;
}

void FunctionEmitter::emitLibraryCall(Operation *op, llvm::StringRef routine, llvm::StringRef specType,
                                      std::vector<std::string> fields, const std::string &name,
                                      std::vector<std::string> arguments) {
  std::vector<std::string> all = {"run", std::to_string(file.numSites++), addSpec(specType, name, std::move(fields))};
  all.insert(all.end(), arguments.begin(), arguments.end());
  line(routine.str() + "(" + llvm::join(all, ", ") + ");");
}

//===--- operands ----------------------------------------------------------------------------------------------------===//

// A view that is passed by address gets a variable; "nullptr" where there is none.
std::string FunctionEmitter::optionalView(Value value, llvm::StringRef name) {
  if (!value)
    return "nullptr";
  std::string variable = names.unique(name);
  line("const TensorView " + variable + " = " + memory(value).view() + ";");
  return "&" + variable;
}

std::string FunctionEmitter::views(ValueRange values) {
  std::vector<std::string> items;
  for (Value value : values)
    items.push_back(memory(value).view());
  return braced(items);
}

//===--- calls -------------------------------------------------------------------------------------------------------===//

LogicalResult FunctionEmitter::emitCall(Operation *op) {
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<MemRefType>(operand.getType());
        type && (type.getRank() > 12 || dtypeName(type.getElementType()).empty()))
      return op->emitError("has an operand that the runtime's tensors cannot describe");
  if (op->getName().getStringRef() == "linalg.copy" && op->getNumOperands() == 2)
    return emitCopy(op, op->getOperand(0), op->getOperand(1));
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](LaunchOp op) { return emitLaunch(op); })
      .Case([&](MatmulOp op) { return emitMatmul(op); })
      .Case([&](ConvOp op) { return emitConv(op); })
      .Case([&](PoolOp op) { return emitPool(op); })
      .Case([&](PoolRegionsOp op) { return emitPoolRegions(op); })
      .Case([&](AttentionOp op) { return emitAttention(op); })
      .Case([&](ConcatOp op) { return emitConcat(op); })
      .Case([&](SortOp op) { return emitSort(op); })
      .Case([&](ScanOp op) { return emitScan(op); })
      .Case([&](ScatterOp op) { return emitScatter(op); })
      .Case([&](RandomOp op) { return emitRandom(op); })
      .Case([&](GroupedMatmulOp op) { return emitGroupedMatmul(op); })
      .Case([&](RecurrenceOp op) { return emitRecurrence(op); })
      .Case([&](DecomposeOp op) { return emitDecompose(op); })
      .Case([&](GuardOp op) { return emitGuard(op); })
      .Case([&](CheckIndexOp op) { return emitCheckIndex(op); })
      .Case([&](CheckDivisorOp op) { return emitCheckDivisor(op); })
      .Case([&](CheckInfoOp op) { return emitCheckInfo(op); })
      .Default([](Operation *op) { return op->emitError("has no form in the wrapper"); });
}

// The table a kernel reads sizes from: the launch's sizes, then per buffer its type's dynamic sizes and dynamic strides.
static std::vector<std::string> sizeTable(ArrayRef<MemoryView> buffers, ValueRange operands,
                                          std::vector<std::string> sizes) {
  for (auto [buffer, operand] : llvm::zip_equal(buffers, operands)) {
    auto type = cast<MemRefType>(operand.getType());
    auto [strides, offset] = type.getStridesAndOffset();
    for (auto [i, size] : llvm::enumerate(type.getShape()))
      if (ShapedType::isDynamic(size))
        sizes.push_back(buffer.sizes[i]);
    for (auto [i, stride] : llvm::enumerate(strides))
      if (ShapedType::isDynamic(stride))
        sizes.push_back(buffer.strides[i]);
  }
  return sizes;
}

LogicalResult FunctionEmitter::emitLaunch(LaunchOp op) {
  Operation *kernel = file.symbols.lookup(op.getKernel());
  auto extentAttr = kernel ? kernel->getAttrOfType<IntegerAttr>("tenon.extent") : IntegerAttr();
  auto costAttr = kernel ? kernel->getAttrOfType<IntegerAttr>("tenon.unit_cost") : IntegerAttr();
  if (!extentAttr || !costAttr)
    return op.emitError("the kernel does not say its extent and its unit cost");
  if (!isPlainIdentifier(op.getKernel()))
    return op.emitError("the kernel's name is no plain identifier");

  SmallVector<Value> operands(op.getInputs());
  llvm::append_range(operands, op.getInits());
  std::vector<MemoryView> buffers;
  std::vector<std::string> pointers;
  for (Value operand : operands) {
    buffers.push_back(memory(operand));
    pointers.push_back(buffers.back().pointer());
  }
  std::vector<std::string> sizes = sizeTable(buffers, operands, scalars(op.getSizes()));
  std::string extent = integerLiteral(extentAttr.getInt());
  if (auto factors = kernel->getAttrOfType<DenseI64ArrayAttr>("tenon.extent_sizes"))
    for (int64_t index : factors.asArrayRef()) {
      if (index < 0 || index >= static_cast<int64_t>(sizes.size()))
        return op.emitError("the kernel's extent names an entry outside its size table");
      extent = product(extent, sizes[index]);
    }

  KernelUse &use = file.kernels[op.getKernelAttr().getAttr()];
  for (const std::string &node : nodeNames(op.getLoc()))
    if (!llvm::is_contained(use.nodes, node))
      use.nodes.push_back(node);
  line("launch(run, " + op.getKernel().str() + ", " + extent + ", " + integerLiteral(costAttr.getInt()) + ", " +
       braced(pointers) + ", " + braced(sizes) + ");");
  return success();
}

LogicalResult FunctionEmitter::emitMatmul(MatmulOp op) {
  std::vector<std::string> fields;
  if (memory(op.getRhs()).isConstant)
    fields.push_back(".rhsIsConstant = true");
  if (failed(appendEpilogue(op, op.getEpilogue(), fields)))
    return failure();
  std::string name = nodeName(op.getLoc(), "matmul");
  std::string bias = optionalView(op.getBias(), name + "_bias");
  emitLibraryCall(op, "matmul", "MatmulSpec", fields, name,
                  {memory(op.getLhs()).view(), memory(op.getRhs()).view(), bias, views(op.getExtras()),
                   memory(op.getInits().front()).view()});
  return success();
}

LogicalResult FunctionEmitter::emitConv(ConvOp op) {
  std::vector<std::string> fields;
  appendWindow(fields, op.getStride(), op.getPadding(), op.getDilation());
  if (op.getGroups() != 1)
    fields.push_back(".groups = " + integerLiteral(op.getGroups()));
  if (op.getTransposed())
    fields.push_back(".transposed = true");
  if (memory(op.getWeight()).isConstant)
    fields.push_back(".weightIsConstant = true");
  if (failed(appendEpilogue(op, op.getEpilogue(), fields)))
    return failure();
  std::string name = nodeName(op.getLoc(), "conv");
  std::string bias = optionalView(op.getBias(), name + "_bias");
  emitLibraryCall(op, "conv", "ConvSpec", fields, name,
                  {memory(op.getInput()).view(), memory(op.getWeight()).view(), bias, views(op.getExtras()),
                   memory(op.getInits().front()).view()});
  return success();
}

LogicalResult FunctionEmitter::emitPool(PoolOp op) {
  std::vector<std::string> fields = {".kind = PoolKind::" + poolNames[static_cast<size_t>(op.getKind())].str()};
  appendArray(fields, "window", op.getWindow(), 3, 1);
  appendWindow(fields, op.getStride(), op.getPadding(), op.getDilation());
  emitLibraryCall(op, "pool", "PoolSpec", fields, nodeName(op.getLoc(), "pool"),
                  {memory(op.getInput()).view(), memory(op.getInits().front()).view()});
  return success();
}

LogicalResult FunctionEmitter::emitPoolRegions(PoolRegionsOp op) {
  std::vector<std::string> fields = {".kind = RegionPoolKind::" + regionNames[static_cast<size_t>(op.getKind())].str(),
                                     ".scale = " + doubleLiteral(op.getScale().convertToDouble())};
  if (op.getSampling() != 0)
    fields.push_back(".sampling = " + integerLiteral(op.getSampling()));
  if (op.getCentred())
    fields.push_back(".centred = true");
  line("poolRegions(run, " + addSpec("RegionSpec", nodeName(op.getLoc(), "regions"), fields) + ", " +
       memory(op.getInput()).view() + ", " + memory(op.getBoxes()).view() + ", " + memory(op.getInits().front()).view() + ");");
  return success();
}

LogicalResult FunctionEmitter::emitAttention(AttentionOp op) {
  std::vector<std::string> fields = {".scale = " + doubleLiteral(op.getScale().convertToDouble())};
  if (op.getCausal())
    fields.push_back(".causal = true");
  if (op.getEmptyRowsAreNan())
    fields.push_back(".emptyRowsAreNan = true");
  std::string name = nodeName(op.getLoc(), "attention");
  std::string mask = optionalView(op.getMask(), name + "_mask");
  emitLibraryCall(op, "attention", "AttentionSpec", fields, name,
                  {memory(op.getQuery()).view(), memory(op.getKey()).view(), memory(op.getValue()).view(), mask,
                   memory(op.getInits().front()).view()});
  return success();
}

LogicalResult FunctionEmitter::emitSort(SortOp op) {
  std::vector<std::string> fields = {".dim = " + integerLiteral(op.getDim())};
  if (op.getDescending())
    fields.push_back(".descending = true");
  if (op.getSelects())
    fields.push_back(".selects = true");
  line("sort(run, " + addSpec("SortSpec", nodeName(op.getLoc(), "sort"), fields) + ", " + memory(op.getInput()).view() +
       ", " + memory(op.getInits()[0]).view() + ", " + memory(op.getInits()[1]).view() + ");");
  return success();
}

LogicalResult FunctionEmitter::emitScan(ScanOp op) {
  std::string name = nodeName(op.getLoc(), "scan");
  std::string spec = addSpec("ScanSpec", name,
                             {".kind = ScanKind::" + scanNames[static_cast<size_t>(op.getKind())].str(),
                              ".dim = " + integerLiteral(op.getDim())});
  std::string positions = optionalView(op.getInits().size() > 1 ? op.getInits()[1] : Value(), name + "_positions");
  line("scan(run, " + spec + ", " + memory(op.getInput()).view() + ", " + memory(op.getInits()[0]).view() + ", " +
       positions + ");");
  return success();
}

LogicalResult FunctionEmitter::emitScatter(ScatterOp op) {
  std::vector<std::string> fields = {".kind = ScatterKind::" + scatterNames[static_cast<size_t>(op.getKind())].str()};
  appendArray(fields, "coordinates", op.getCoordinates(), op.getCoordinates().size(), 0);
  line("scatter(run, " + addSpec("ScatterSpec", nodeName(op.getLoc(), "scatter"), fields) + ", " + views(op.getIndices()) +
       ", " + memory(op.getUpdates()).view() + ", " + memory(op.getInits().front()).view() + ");");
  return success();
}

LogicalResult FunctionEmitter::emitRandom(RandomOp op) {
  line("random(run, RandomKind::" + randomNames[static_cast<size_t>(op.getKind())].str() + ", " +
       memory(op.getInits().front()).view() + ");");
  return success();
}

LogicalResult FunctionEmitter::emitGroupedMatmul(GroupedMatmulOp op) {
  std::vector<std::string> fields;
  if (memory(op.getRhs()).isConstant)
    fields.push_back(".rhsIsConstant = true");
  emitLibraryCall(op, "groupedMatmul", "GroupedMatmulSpec", fields, nodeName(op.getLoc(), "grouped"),
                  {memory(op.getLhs()).view(), memory(op.getRhs()).view(), memory(op.getEnds()).view(),
                   memory(op.getInits().front()).view()});
  return success();
}

LogicalResult FunctionEmitter::emitRecurrence(RecurrenceOp op) {
  std::vector<std::string> fields = {".kind = RecurrenceKind::" + recurrenceNames[static_cast<size_t>(op.getKind())].str()};
  if (op.getReverse())
    fields.push_back(".reverse = true");
  if (memory(op.getWeight()).isConstant)
    fields.push_back(".weightIsConstant = true");
  if (op.getProjection())
    fields.push_back(".projectionSite = " + std::to_string(file.numSites++));
  if (op.getProjection() && memory(op.getProjection()).isConstant)
    fields.push_back(".projectionIsConstant = true");
  std::string name = nodeName(op.getLoc(), "recurrence");
  std::string bias = optionalView(op.getBias(), name + "_bias"), cell = optionalView(op.getCell(), name + "_cell");
  std::string projection = optionalView(op.getProjection(), name + "_projection");
  emitLibraryCall(op, "recurrence", "RecurrenceSpec", fields, name,
                  {memory(op.getProjected()).view(), memory(op.getWeight()).view(), bias, memory(op.getHidden()).view(), cell,
                   projection, views(op.getInits())});
  return success();
}

LogicalResult FunctionEmitter::emitDecompose(DecomposeOp op) {
  std::vector<std::string> fields = {".kind = DecomposeKind::" + decomposeNames[static_cast<size_t>(op.getKind())].str()};
  for (auto [name, value] : {std::pair{"isComplex", op.getIsComplex()}, std::pair{"upper", op.getUpper()},
                             std::pair{"right", op.getRight()}, std::pair{"adjoint", op.getAdjoint()},
                             std::pair{"unitDiagonal", op.getUnitDiagonal()}, std::pair{"hermitian", op.getHermitian()}})
    if (value)
      fields.push_back("." + std::string(name) + " = true");
  line("decompose(run, " + addSpec("DecomposeSpec", nodeName(op.getLoc(), "decompose"), fields) + ", " +
       views(op.getInputs()) + ", " + views(op.getInits()) + ");");
  return success();
}

LogicalResult FunctionEmitter::emitCopy(Operation *op, Value source, Value target) {
  line("copy(run, " + memory(source).view() + ", " + memory(target).view() + ");");
  return success();
}

// A concatenation is one copy per source into its part of the result.
LogicalResult FunctionEmitter::emitConcat(ConcatOp op) {
  MemoryView target = memory(op.getInits().front());
  std::string position = "0", start = target.offset;
  for (Value value : op.getSources()) {
    MemoryView source = memory(value), part = target;
    part.offset = sum(start, product(position, target.strides[op.getDim()]));
    part.sizes = source.sizes;
    line("copy(run, " + source.view() + ", " + part.view() + ");");
    position = sum(position, source.sizes[op.getDim()]);
  }
  return success();
}

LogicalResult FunctionEmitter::emitGuard(GuardOp op) {
  line("guard(run, " + scalar(op.getCondition()) + ", " + file.text.reference(op.getMessage()) + ", " +
       braced(scalars(op.getValues())) + ");");
  return success();
}

LogicalResult FunctionEmitter::emitCheckIndex(CheckIndexOp op) {
  line("checkIndex(run, " + memory(op.getIndices()).view() + ", " + scalar(op.getSize()) + ", " +
       file.text.reference(op.getWhat()) + (op.getWraps() ? ", true" : "") + ");");
  return success();
}

LogicalResult FunctionEmitter::emitCheckDivisor(CheckDivisorOp op) {
  line("checkDivisor(run, " + memory(op.getDivisors()).view() + ", " + file.text.reference(op.getWhat()) + ");");
  return success();
}

LogicalResult FunctionEmitter::emitCheckInfo(CheckInfoOp op) {
  line("checkInfo(run, " + memory(op.getInfo()).view() + ", " + file.text.reference(op.getMessage()) + ");");
  return success();
}

} // namespace tenon
