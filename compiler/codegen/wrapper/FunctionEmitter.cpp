//===- FunctionEmitter.cpp - the body of one emitted function -------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Arguments, memory and control flow; scalars are in Scalars.cpp, calls in LibraryCalls.cpp.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/wrapper/FunctionEmitter.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tenon {

std::string TextTable::reference(llvm::StringRef string) {
  auto [it, isNew] = indices.try_emplace(string, entries.size());
  if (isNew)
    entries.push_back(string.str());
  return "text[" + std::to_string(it->second) + "]";
}

FunctionEmitter::FunctionEmitter(FileContext &file, func::FuncOp function, size_t numInputs)
    : file(file), function(function), numInputs(numInputs), names(file.names),
      usedSizes(function.getNumArguments()) {
  bindArguments();
}

//===--- arguments ---------------------------------------------------------------------------------------------------===//

// The variable of a dynamic size of an argument; the prologue defines those that are used.
std::string FunctionEmitter::argumentSize(BlockArgument argument, int64_t dim) {
  std::string &variable = usedSizes[argument.getArgNumber()][dim];
  if (variable.empty())
    variable = names.unique(argumentNames[argument.getArgNumber()] + "_size" + std::to_string(dim));
  return variable;
}

// Gives every argument a name and its row-major view. Sizes are filled in by name, so that unused ones cost nothing.
void FunctionEmitter::bindArguments() {
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    auto attr = function.getArgAttrOfType<StringAttr>(index, nameAttrName);
    bool isInput = index < numInputs;
    argumentNames.push_back(names.unique(attr ? attr.getValue() : "", isInput ? "input" : "output"));
    auto type = cast<MemRefType>(argument.getType());
    MemoryView view;
    view.base = argumentNames.back();
    view.elementType = type.getElementType();
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      view.sizes.push_back(ShapedType::isDynamic(size) ? argumentSize(argument, dim) : integerLiteral(size));
    view.strides = rowMajorStrides(view.sizes);
    memories[argument] = view;
  }
}

// True where `word` occurs in `text` as a whole identifier.
static bool mentions(llvm::StringRef text, llvm::StringRef word) {
  auto isWordChar = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  for (size_t at = text.find(word); at != llvm::StringRef::npos; at = text.find(word, at + 1)) {
    size_t end = at + word.size();
    if ((at == 0 || !isWordChar(text[at - 1])) && (end == text.size() || !isWordChar(text[end])))
      return true;
  }
  return false;
}

// Definitions of the arguments and sizes that `uses` mentions.
std::string FunctionEmitter::prologue(llvm::StringRef uses) {
  std::string text, sizesOfOutputs, shapes;
  bool needsOutputSizes = false;
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    bool isInput = index < numInputs;
    std::string position = std::to_string(isInput ? index : index - numInputs);
    if (mentions(uses, argumentNames[index]))
      text += layOut("auto *const " + argumentNames[index] + " = static_cast<char *>(run." +
                         (isInput ? "input(" : "output(") + position + "));",
                     2);
    if (!isInput) {
      shapes += (shapes.empty() ? "output" : ", output") + position + "_sizes";
      int64_t rank = std::max<int64_t>(1, cast<MemRefType>(argument.getType()).getRank());
      sizesOfOutputs += layOut("int64_t output" + position + "_sizes[" + std::to_string(rank) + "];", 2);
    }
  }
  std::string sizes;
  for (auto [index, used] : llvm::enumerate(usedSizes))
    for (auto &[dim, variable] : used) {
      if (!mentions(uses, variable))
        continue;
      bool isInput = index < numInputs;
      needsOutputSizes |= !isInput;
      std::string source = isInput ? "run.inputSize(" + std::to_string(index) + ", " + std::to_string(dim) + ")"
                                   : "output" + std::to_string(index - numInputs) + "_sizes[" + std::to_string(dim) + "]";
      sizes += layOut("const int64_t " + variable + " = " + source + ";", 2);
    }
  if (needsOutputSizes)
    text += sizesOfOutputs + layOut("int64_t *const sizes_of_outputs[] = {" + shapes + "};", 2) +
            layOut("output_shapes(run, sizes_of_outputs);", 2);
  return text + sizes;
}

FailureOr<std::string> FunctionEmitter::emit(std::vector<std::string> *returned) {
  Block &entry = function.getBody().front();
  if (failed(emitBlock(entry)))
    return failure();
  if (returned)
    *returned = scalars(entry.getTerminator()->getOperands());
  std::string usesOfSizes = body + (returned ? llvm::join(*returned, " ") : "");
  return prologue(usesOfSizes) + body;
}

//===--- memory ------------------------------------------------------------------------------------------------------===//

std::vector<std::string> FunctionEmitter::mixed(ArrayRef<int64_t> statics, ValueRange dynamics) {
  std::vector<std::string> result;
  size_t next = 0;
  for (int64_t value : statics)
    result.push_back(ShapedType::isDynamic(value) ? scalar(dynamics[next++]) : integerLiteral(value));
  return result;
}

// Strides of a buffer: those of its type; a dynamic one is the extent of the dimensions that lie inside it, in the order
// `tenon.layout` gives (outermost first) or row-major.
std::vector<std::string> FunctionEmitter::bufferStrides(BufferOp op, const std::vector<std::string> &sizes) {
  auto type = cast<MemRefType>(op.getType());
  auto layout = op->getAttrOfType<DenseI64ArrayAttr>("tenon.layout");
  std::vector<int64_t> order(sizes.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = layout && layout.size() == static_cast<int64_t>(order.size()) ? layout[i] : static_cast<int64_t>(i);
  auto [strides, offset] = type.getStridesAndOffset();
  std::vector<std::string> result(sizes.size());
  std::string inner = "1";
  for (int64_t dim : llvm::reverse(order)) {
    result[dim] = ShapedType::isDynamic(strides[dim]) ? inner : integerLiteral(strides[dim]);
    inner = product(sizes[dim], result[dim]);
  }
  return result;
}

std::string FunctionEmitter::bufferOffset(BufferOp op) {
  return op.getOffset() ? scalar(op.getOffset()) : integerLiteral(op.getStaticOffset().value_or(0));
}

LogicalResult FunctionEmitter::emitArena(ArenaOp op) {
  std::string bytes = op.getBytes() ? scalar(op.getBytes()) : integerLiteral(op.getStaticBytes().value_or(0));
  line("char *const arena = run.arena(" + bytes + ");");
  hasArena = true;
  return success();
}

// The call that gives a buffer of `view`'s sizes memory of its own.
static std::string lateBuffer(int64_t number, const MemoryView &view) {
  unsigned bits = view.elementType.getIntOrFloatBitWidth();
  std::string bytes = integerLiteral(bits == 1 ? 1 : bits / 8);
  for (const std::string &size : view.sizes)
    bytes = product(bytes, size);
  return "run.lateBuffer(" + std::to_string(number) + ", " + bytes + ")";
}

LogicalResult FunctionEmitter::emitBuffer(BufferOp op) {
  auto late = op->getAttrOfType<IntegerAttr>(lateBufferAttrName);
  if (!late && (!hasArena || (!op.getOffset() && !op.getStaticOffset())))
    return op.emitError("the buffer has no place in the arena");
  auto type = cast<MemRefType>(op.getType());
  MemoryView view;
  view.base = freshName(op, "buffer");
  view.elementType = type.getElementType();
  view.sizes = mixed(type.getShape(), op.getSizes());
  view.strides = bufferStrides(op, view.sizes);
  line("char *const " + view.base + " = " + (late ? lateBuffer(late.getInt(), view) : sum("arena", bufferOffset(op))) + ";");
  memories[op.getResult()] = view;
  return success();
}

LogicalResult FunctionEmitter::emitLateOutput(LateOutputOp op) {
  auto type = cast<MemRefType>(op.getType());
  MemoryView view;
  view.base = freshName(op, "output");
  view.elementType = type.getElementType();
  view.sizes = mixed(type.getShape(), op.getSizes());
  view.strides = rowMajorStrides(view.sizes);
  line("char *const " + view.base + " = static_cast<char *>(run.lateOutput(" + std::to_string(op.getOutput()) + ", " +
       braced(view.sizes) + "));");
  memories[op.getResult()] = view;
  return success();
}

LogicalResult FunctionEmitter::emitLoadGlobal(LoadGlobalOp op) {
  auto global = file.symbols.lookup<GlobalOp>(op.getGlobal());
  auto type = dyn_cast<MemRefType>(op.getType());
  if (!global || !type)
    return op.emitError("the global is not declared, or is not loaded as a memref");
  auto [strides, offset] = type.getStridesAndOffset();
  if (type.hasStaticShape() && type.getLayout().isIdentity()) // MLIR has no strides for a size of zero
    strides = computeStrides(type.getShape());
  if (!type.hasStaticShape() || llvm::is_contained(strides, ShapedType::kDynamic))
    return op.emitError("globals have static sizes and strides");
  MemoryView view;
  view.base = names.unique(op.getGlobal());
  view.elementType = type.getElementType();
  view.isConstant = global.getKind() != GlobalKind::State;
  view.sizes = mixed(type.getShape(), {});
  view.strides = mixed(strides, {});
  line("auto *const " + view.base + " = static_cast<char *>(run.global(" +
       std::to_string(file.globals.lookup(op.getGlobal())) + "));");
  memories[op.getResult()] = view;
  return success();
}

// A view costs nothing: it is the same memory under another offset, sizes and strides. `offset` counts from the memory's
// first byte (memref.reinterpret_cast), or is added by the caller.
LogicalResult FunctionEmitter::emitView(Operation *op, Value source, Value result, std::string offset,
                                        std::vector<std::string> sizes, std::vector<std::string> strides) {
  if (sizes.size() > 12)
    return op->emitError("the view has more dimensions than the runtime's tensors (12)");
  MemoryView view = memory(source);
  view.offset = std::move(offset);
  view.sizes = std::move(sizes);
  view.strides = std::move(strides);
  memories[result] = view;
  return success();
}

// A subview's offset and strides count in its source's elements.
static void composeSubview(const MemoryView &source, std::vector<std::string> &offsets, std::vector<std::string> &strides,
                           std::string &offset) {
  offset = source.offset;
  for (size_t i = 0; i < strides.size(); ++i) {
    offset = sum(offset, product(offsets[i], source.strides[i]));
    strides[i] = product(strides[i], source.strides[i]);
  }
}

// Keeps the sizes and strides of the dimensions that survive a rank-reducing subview.
static std::vector<std::string> keepDimensions(const std::vector<std::string> &all, const llvm::SmallBitVector &dropped) {
  std::vector<std::string> kept;
  for (auto [i, value] : llvm::enumerate(all))
    if (!dropped.test(i))
      kept.push_back(value);
  return kept;
}

//===--- statements --------------------------------------------------------------------------------------------------===//

LogicalResult FunctionEmitter::emitBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(emitOp(&op)))
      return failure();
  return success();
}

LogicalResult FunctionEmitter::emitOp(Operation *op) {
  if (!areKnown(op->getOperands()))
    return op->emitError("uses a value that has no form in the wrapper");
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](ArenaOp op) { return emitArena(op); })
      .Case([&](BufferOp op) { return emitBuffer(op); })
      .Case([&](LoadGlobalOp op) { return emitLoadGlobal(op); })
      .Case([&](memref::ReinterpretCastOp op) {
        return emitView(op, op.getSource(), op.getResult(), mixed(op.getStaticOffsets(), op.getOffsets()).front(),
                        mixed(op.getStaticSizes(), op.getSizes()), mixed(op.getStaticStrides(), op.getStrides()));
      })
      .Case([&](memref::SubViewOp op) {
        auto offsets = mixed(op.getStaticOffsets(), op.getOffsets()), sizes = mixed(op.getStaticSizes(), op.getSizes());
        auto strides = mixed(op.getStaticStrides(), op.getStrides());
        std::string offset;
        composeSubview(memory(op.getSource()), offsets, strides, offset);
        return emitView(op, op.getSource(), op.getResult(), offset, keepDimensions(sizes, op.getDroppedDims()),
                        keepDimensions(strides, op.getDroppedDims()));
      })
      .Case([&](memref::CastOp op) {
        memories[op.getDest()] = memory(op.getSource());
        return success();
      })
      .Case([&](memref::DimOp op) { return emitDim(op, op.getSource(), op.getIndex()); })
      .Case([&](memref::LoadOp op) { return emitLoad(op, op.getMemRef(), op.getIndices()); })
      .Case([&](scf::IfOp op) { return emitIf(op); })
      .Case([&](scf::ForOp op) { return emitFor(op); })
      .Case([&](scf::WhileOp op) { return emitWhile(op); })
      .Case([&](LateSizeOp op) {
        scalarExpressions[op.getResult()] = scalar(op.getSize());
        return success();
      })
      .Case([&](LateOutputOp op) { return emitLateOutput(op); })
      .Case([&](OutputSizeOp op) {
        line("run.setOutputSize(" + std::to_string(op.getOutput()) + ", " + std::to_string(op.getDim()) + ", " +
             scalar(op.getSize()) + ");");
        return success();
      })
      .Case([&](memref::CopyOp op) { return emitCopy(op, op.getSource(), op.getTarget()); })
      .Default([&](Operation *op) {
        return llvm::is_contained({"arith", "math"}, op->getName().getDialectNamespace()) ? emitArith(op) : emitCall(op);
      });
}

//===--- control flow ------------------------------------------------------------------------------------------------===//

LogicalResult FunctionEmitter::emitNested(Block &block) {
  indent += 2;
  LogicalResult result = emitBlock(block);
  indent -= 2;
  return result;
}

// Declares a variable per value that control flow carries: a scalar, or the address of a memref that has static sizes,
// strides and offset zero.
LogicalResult FunctionEmitter::declareCarried(Operation *op, ValueRange values, ValueRange inits,
                                              llvm::StringRef fallback) {
  for (auto [i, value] : llvm::enumerate(values)) {
    std::string name = freshName(op, fallback);
    if (auto type = dyn_cast<MemRefType>(value.getType())) {
      auto [strides, offset] = type.getStridesAndOffset();
      if (!type.hasStaticShape() || llvm::is_contained(strides, ShapedType::kDynamic))
        return op->emitError("memory that control flow chooses must have static sizes and strides");
      MemoryView view{name, "0", mixed(type.getShape(), {}), mixed(strides, {}), type.getElementType()};
      line("char *" + name + " = " + (inits.empty() ? "nullptr" : memory(inits[i]).pointer()) + ";");
      memories[value] = view;
      continue;
    }
    std::string type = tenon::scalarTypeName(value.getType());
    if (type.empty())
      return op->emitError("control flow carries a value of a type that C++ text has no spelling for");
    line(type + " " + name + " = " + (inits.empty() ? "{}" : scalar(inits[i])) + ";");
    scalarExpressions[value] = name;
  }
  return success();
}

// Assigns all sources, then all targets: a source may be another target.
void FunctionEmitter::assign(ValueRange targets, ValueRange sources) {
  auto spell = [&](Value value, bool isTarget) {
    if (!isa<MemRefType>(value.getType()))
      return scalar(value);
    return isTarget ? memory(value).base : memory(value).pointer();
  };
  std::vector<std::pair<std::string, std::string>> pairs;
  for (auto [target, source] : llvm::zip_equal(targets, sources))
    if (std::string from = spell(source, false), to = spell(target, true); from != to)
      pairs.emplace_back(to, from);
  if (pairs.size() > 1)
    for (auto &[target, source] : pairs) {
      std::string next = names.unique(target + "_next");
      line("auto " + next + " = " + source + ";");
      source = next;
    }
  for (auto &[target, source] : pairs)
    line(target + " = " + source + ";");
}

LogicalResult FunctionEmitter::emitIf(scf::IfOp op) {
  if (failed(declareCarried(op, op.getResults(), {}, "choice")))
    return failure();
  auto emitBranch = [&](Block &block) {
    LogicalResult result = emitNested(block);
    indent += 2;
    assign(op.getResults(), block.getTerminator()->getOperands());
    indent -= 2;
    return result;
  };
  line("if (" + scalar(op.getCondition()) + ") {");
  if (failed(emitBranch(*op.thenBlock())))
    return failure();
  if (Block *otherwise = op.elseBlock()) {
    line("} else {");
    if (failed(emitBranch(*otherwise)))
      return failure();
  }
  line("}");
  return success();
}

LogicalResult FunctionEmitter::emitFor(scf::ForOp op) {
  if (failed(declareCarried(op, op.getResults(), op.getInits(), "carried")))
    return failure();
  for (auto [argument, result] : llvm::zip_equal(op.getRegionIterArgs(), op.getResults())) {
    if (isa<MemRefType>(argument.getType()))
      memories[argument] = memory(result);
    else
      scalarExpressions[argument] = scalar(result);
  }
  std::string variable = names.unique("step");
  scalarExpressions[op.getInductionVar()] = variable;
  line("for (int64_t " + variable + " = " + scalar(op.getLowerBound()) + "; " + variable + " < " +
       scalar(op.getUpperBound()) + "; " + variable + " += " + scalar(op.getStep()) + ") {");
  if (failed(emitNested(*op.getBody())))
    return failure();
  indent += 2;
  assign(op.getResults(), op.getBody()->getTerminator()->getOperands());
  indent -= 2;
  line("}");
  return success();
}

LogicalResult FunctionEmitter::emitWhile(scf::WhileOp op) {
  Block &before = op.getBefore().front(), &after = op.getAfter().front();
  auto condition = cast<scf::ConditionOp>(before.getTerminator());
  if (failed(declareCarried(op, before.getArguments(), op.getInits(), "carried")) ||
      failed(declareCarried(op, op.getResults(), {}, "result")))
    return failure();
  for (auto [argument, result] : llvm::zip_equal(after.getArguments(), op.getResults())) {
    if (isa<MemRefType>(argument.getType()))
      memories[argument] = memory(result);
    else
      scalarExpressions[argument] = scalar(result);
  }
  line("while (true) {");
  if (failed(emitNested(before)))
    return failure();
  indent += 2;
  assign(op.getResults(), condition.getArgs());
  line("if (!(" + scalar(condition.getCondition()) + "))");
  line("  break;");
  indent -= 2;
  if (failed(emitNested(after)))
    return failure();
  indent += 2;
  assign(before.getArguments(), after.getTerminator()->getOperands());
  indent -= 2;
  line("}");
  return success();
}

} // namespace tenon
