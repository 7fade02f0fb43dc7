//===- OutputShapes.cpp - sizes of the outputs as a function of the inputs ------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Ops are in destination-passing style and views carry their sizes, so a result's size is found by walking from it to
// tensor.empty and the arguments. What is found is copied into a function of its own before other stages change @main. So
// are the guards: the runtime asks for the sizes first, and wrong inputs must be refused before a size is computed of them.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/pipeline/OutputShapes.h"

#include "compiler/codegen/wrapper/EmitWrapper.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tenon {

namespace {
/// Rebuilds sizes of @main's values in another function.
class SizeBuilder {
public:
  SizeBuilder(func::FuncOp main, func::FuncOp shapes) : builder(shapes.getBody()) {
    for (auto [from, to] : llvm::zip_equal(main.getArguments(), shapes.getArguments()))
      mapping.map(from, to);
  }

  /// The size of dimension `dim` of `tensor`; null where it depends on computed values.
  Value size(Value tensor, int64_t dim);
  /// Repeats `guard` where it depends on the inputs' sizes only.
  void repeat(GuardOp guard);
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(builder, builder.getUnknownLoc(), value); }
  OpBuilder builder;

private:
  Value sizeOfResult(Operation *op, Value tensor, int64_t dim);
  Value dynamicOperand(ValueRange sizes, Value tensor, int64_t dim);
  Value scalar(Value value);
  Value readElement(tensor::ExtractOp op);

  IRMapping mapping;
};
} // namespace

Value SizeBuilder::size(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return constant(type.getDimSize(dim));
  if (Value argument = mapping.lookupOrNull(tensor))
    return memref::DimOp::create(builder, builder.getUnknownLoc(), argument, dim);
  Operation *op = tensor.getDefiningOp();
  return op ? sizeOfResult(op, tensor, dim) : Value();
}

// Of ops that list a size per dynamic dimension of their result.
Value SizeBuilder::dynamicOperand(ValueRange sizes, Value tensor, int64_t dim) {
  auto shape = cast<RankedTensorType>(tensor.getType()).getShape();
  return scalar(sizes[llvm::count_if(shape.take_front(dim), ShapedType::isDynamic)]);
}

// The operand dimension that dimension `dim` of a slice is.
static int64_t sourceDim(tensor::ExtractSliceOp op, int64_t dim) {
  llvm::SmallBitVector dropped = op.getDroppedDims();
  int64_t source = 0;
  while (dropped.test(source) || dim-- > 0)
    ++source;
  return source;
}

Value SizeBuilder::sizeOfResult(Operation *op, Value tensor, int64_t dim) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](tensor::EmptyOp op) { return dynamicOperand(op.getDynamicSizes(), tensor, dim); })
      .Case<ReshapeOp, BroadcastOp>([&](auto op) { return dynamicOperand(op.getSizes(), tensor, dim); })
      .Case([&](PermuteOp op) { return size(op.getSource(), op.getOrder()[dim]); })
      .Case([&](tensor::CastOp op) { return size(op.getSource(), dim); })
      .Case([&](tensor::InsertSliceOp op) { return size(op.getDest(), dim); })
      .Case([&](tensor::ExtractSliceOp op) {
        return scalar(dyn_cast<Value>(op.getMixedSizes()[sourceDim(op, dim)]));
      })
      .Case([&](DestinationStyleOpInterface op) {
        return size(op.getTiedOpOperand(cast<OpResult>(tensor))->get(), dim);
      })
      .Case([&](scf::IfOp op) {
        unsigned index = cast<OpResult>(tensor).getResultNumber();
        Value chosen = size(op.thenYield().getOperand(index), dim);
        return chosen ? chosen : size(op.elseYield().getOperand(index), dim);
      })
      .Case([&](arith::SelectOp op) { return size(op.getTrueValue(), dim); }) // a branch that chooses only
      .Case([&](scf::WhileOp op) {
        Value last = op.getConditionOp().getArgs()[cast<OpResult>(tensor).getResultNumber()];
        auto argument = dyn_cast<BlockArgument>(last);
        bool isCarried = argument && argument.getOwner() == op.getBeforeBody();
        return size(isCarried ? op.getInits()[argument.getArgNumber()] : last, dim); // loops keep sizes
      })
      .Case([&](scf::ForOp op) { return size(op.getInits()[cast<OpResult>(tensor).getResultNumber()], dim); })
      .Default([](Operation *) { return Value(); });
}

// An element of an input: a dynamic integer input is a tensor of rank 0.
Value SizeBuilder::readElement(tensor::ExtractOp op) {
  Value memory = mapping.lookupOrNull(op.getTensor());
  if (!memory || !op.getIndices().empty())
    return Value();
  return memref::LoadOp::create(builder, op.getLoc(), memory, ValueRange());
}

// True where the result of `op` grows with its late operands, so that their bounds give its bound. Sizes are not negative; a
// difference may be written as a sum with a product by -1.
static bool growsWithLateOperands(Operation *op) {
  auto isNegative = [](Value operand) { return getConstantIntValue(operand).value_or(0) < 0; };
  if (isa<arith::MulIOp>(op) && llvm::any_of(op->getOperands(), isNegative))
    return false;
  if (isa<arith::AddIOp, arith::MulIOp, arith::MaxSIOp, arith::MinSIOp, arith::IndexCastOp>(op))
    return true;
  bool isFirst = op->getNumOperands() == 2 && !isLateSize(op->getOperand(1));
  return isFirst && isa<arith::SubIOp, arith::DivSIOp, arith::FloorDivSIOp, arith::CeilDivSIOp>(op);
}

Value SizeBuilder::scalar(Value value) {
  if (!value)
    return Value();
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  Value result;
  if (auto dim = llvm::dyn_cast_or_null<tensor::DimOp>(op)) {
    if (std::optional<int64_t> index = dim.getConstantIndex())
      result = size(dim.getSource(), *index);
  } else if (auto extract = llvm::dyn_cast_or_null<tensor::ExtractOp>(op)) {
    result = readElement(extract);
  } else if (auto late = llvm::dyn_cast_or_null<LateSizeOp>(op)) {
    result = scalar(late.getBound());
  } else if (op && isa<arith::ArithDialect, math::MathDialect>(op->getDialect())) {
    if (isLateSize(value) && !growsWithLateOperands(op))
      return Value();
    for (Value operand : op->getOperands())
      if (!scalar(operand))
        return Value();
    result = builder.clone(*op, mapping)->getResult(0);
  }
  if (result)
    mapping.map(value, result);
  return result;
}

void SizeBuilder::repeat(GuardOp guard) {
  if (llvm::all_of(guard->getOperands(), [&](Value operand) { return !isLateSize(operand) && scalar(operand); }))
    builder.clone(*guard, mapping);
}

static MemRefType asMemRef(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

// @output_shapes without a body's ops: memref arguments with @main's names.
static func::FuncOp createFunction(func::FuncOp main, size_t numSizes) {
  Builder builder(main.getContext());
  auto types = llvm::map_to_vector(main.getArgumentTypes(), [](Type type) -> Type { return asMemRef(type); });
  SmallVector<Type> results(numSizes, builder.getIndexType());
  auto shapes = func::FuncOp::create(main.getLoc(), outputShapesFunctionName, builder.getFunctionType(types, results));
  shapes.addEntryBlock();
  SmallVector<DictionaryAttr> attributes;
  main.getAllArgAttrs(attributes);
  if (!attributes.empty())
    shapes.setAllArgAttrs(attributes);
  return shapes;
}

static SmallVector<int64_t> dynamicDims(Value tensor) {
  auto shape = cast<RankedTensorType>(tensor.getType()).getShape();
  return llvm::filter_to_vector(llvm::seq<int64_t>(0, shape.size()), [&](int64_t dim) { return ShapedType::isDynamic(shape[dim]); });
}

FailureOr<OwningOpRef<func::FuncOp>> deriveOutputShapes(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>(mainFunctionName);
  if (!main)
    return module.emitError("the module has no function @main");
  size_t numDynamic = 0;
  for (Value output : main.front().getTerminator()->getOperands())
    numDynamic += dynamicDims(output).size();
  auto guards = main.front().getOps<GuardOp>();
  if (numDynamic == 0 && guards.empty())
    return OwningOpRef<func::FuncOp>();
  OwningOpRef<func::FuncOp> shapes(createFunction(main, numDynamic));
  SizeBuilder sizes(main, *shapes);
  for (GuardOp guard : guards)
    sizes.repeat(guard);
  SmallVector<Value> results;
  for (auto [number, output] : llvm::enumerate(main.front().getTerminator()->getOperands()))
    for (int64_t dim : dynamicDims(output)) {
      Value size = sizes.size(output, dim);
      if (!size)
        main.setResultAttr(number, lateOutputAttrName, UnitAttr::get(main.getContext()));
      results.push_back(size ? size : sizes.constant(ShapedType::kDynamic)); // TENON_DYNAMIC
    }
  func::ReturnOp::create(sizes.builder, main.getLoc(), results);
  return shapes;
}

} // namespace tenon
