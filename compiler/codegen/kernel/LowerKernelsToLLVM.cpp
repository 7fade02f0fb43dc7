//===- LowerKernelsToLLVM.cpp - from the vector level to the LLVM dialect -------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// One conversion for everything a kernel holds once its loops are branches. Ours are two tables' entries (bind_buffer,
// bind_size) and masks: vector.create_mask becomes llvm.get.active.lane.mask, which is one `whilelo` on SVE.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/KernelPasses.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Transforms/Passes.h"

namespace tenon {
#define GEN_PASS_DEF_LOWERKERNELSTOLLVM
#include "compiler/codegen/kernel/KernelPasses.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

//===--- patterns ----------------------------------------------------------------------------------------------------===//

// Returns entry `index` of the table at `table`, of type `type`.
static Value loadEntry(OpBuilder &builder, Location loc, Value table, int64_t index, Type type) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Value address = LLVM::GEPOp::create(builder, loc, pointer, type, table, LLVM::GEPArg(static_cast<int32_t>(index)));
  auto load = LLVM::LoadOp::create(builder, loc, type, address);
  load.setInvariant(true); // the tables outlive the call and nobody writes them
  return load;
}

namespace {

struct LowerBindSize : ConvertOpToLLVMPattern<BindSizeOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(BindSizeOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, loadEntry(rewriter, op.getLoc(), adaptor.getSizes(), op.getIndex(), rewriter.getI64Type()));
    return success();
  }
};

struct LowerBindBuffer : ConvertOpToLLVMPattern<BindBufferOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(BindBufferOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    auto type = cast<MemRefType>(op.getType());
    Location loc = op.getLoc();
    int64_t offset;
    SmallVector<int64_t> strides;
    if (failed(type.getStridesAndOffset(strides, offset)) || offset != 0)
      return rewriter.notifyMatchFailure(op, "launches pass the address of the first element");

    Value pointer = loadEntry(rewriter, loc, adaptor.getBuffers(), op.getIndex(),
                              LLVM::LLVMPointerType::get(rewriter.getContext()));
    auto descriptor = MemRefDescriptor::poison(rewriter, loc, getTypeConverter()->convertType(type));
    descriptor.setAllocatedPtr(rewriter, loc, pointer);
    descriptor.setAlignedPtr(rewriter, loc, pointer);
    descriptor.setConstantOffset(rewriter, loc, 0);
    ValueRange dynamics = adaptor.getDynamics();
    auto entryOr = [&](int64_t value) {
      if (!ShapedType::isDynamic(value))
        return createIndexAttrConstant(rewriter, loc, getIndexType(), value);
      Value front = dynamics.front();
      dynamics = dynamics.drop_front();
      return front;
    };
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      descriptor.setSize(rewriter, loc, dim, entryOr(size));
    for (auto [dim, stride] : llvm::enumerate(strides))
      descriptor.setStride(rewriter, loc, dim, entryOr(stride));
    rewriter.replaceOp(op, {descriptor});
    return success();
  }
};

struct LowerCreateMask : ConvertOpToLLVMPattern<vector::CreateMaskOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(vector::CreateMaskOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (op.getType().getRank() != 1)
      return failure();
    Value zero = createIndexAttrConstant(rewriter, op.getLoc(), getIndexType(), 0);
    rewriter.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
        op, op.getType(), rewriter.getStringAttr("llvm.get.active.lane.mask"),
        ValueRange{zero, adaptor.getOperands().front()});
    return success();
  }
};

// Canonicalisation makes masks of known tails constant.
struct LowerConstantMask : ConvertOpToLLVMPattern<vector::ConstantMaskOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(vector::ConstantMaskOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    VectorType type = op.getType();
    if (type.getRank() != 1)
      return failure();
    int64_t numLanes = op.getMaskDimSizes().front();
    DenseElementsAttr mask;
    if (numLanes == 0 || numLanes == type.getDimSize(0)) {
      mask = DenseElementsAttr::get(type, numLanes != 0);
    } else {
      SmallVector<bool> lanes(type.getDimSize(0), false);
      std::fill_n(lanes.begin(), numLanes, true);
      mask = DenseElementsAttr::get(type, lanes);
    }
    rewriter.replaceOpWithNewOp<LLVM::ConstantOp>(op, type, mask);
    return success();
  }
};

} // namespace

//===--- what vector code may still call -------------------------------------------------------------------------------===//

// Returns true for math ops which LLVM has instructions for on every target.
static bool isNativeMath(Operation *op) {
  return isa<math::SqrtOp, math::FmaOp, math::FloorOp, math::CeilOp, math::TruncOp, math::RoundOp, math::RoundEvenOp,
             math::AbsFOp, math::AbsIOp, math::CopySignOp, math::CtPopOp, math::CountLeadingZerosOp,
             math::CountTrailingZerosOp, math::RsqrtOp, math::IsNaNOp, math::IsInfOp, math::IsFiniteOp>(op);
}

static LogicalResult refuseVectorLibraryCalls(ModuleOp module) {
  WalkResult result = module.walk([](Operation *op) {
    bool isVector = op->getNumResults() == 1 && isa<VectorType>(op->getResult(0).getType());
    if (!isVector || !isa_and_present<math::MathDialect>(op->getDialect()) || isNativeMath(op))
      return WalkResult::advance();
    op->emitError("'") << op->getName() << "' on vectors would call libm lane by lane; expand it before lowering";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

//===--- the pass ----------------------------------------------------------------------------------------------------===//

namespace {
struct LowerKernelsToLLVMPass : tenon::impl::LowerKernelsToLLVMBase<LowerKernelsToLLVMPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    MLIRContext *context = &getContext();
    if (failed(refuseVectorLibraryCalls(module)))
      return signalPassFailure();

    LLVMTypeConverter converter(context);
    RewritePatternSet patterns(context);
    patterns.add<LowerBindSize, LowerBindBuffer, LowerCreateMask, LowerConstantMask>(converter, /*benefit=*/10);
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    // Instructions first: libm would take fma, too, and vectors of it lane by lane.
    populateMathToLLVMConversionPatterns(converter, patterns, /*approximateLog1P=*/false, /*benefit=*/2);
    populateMathToLibmConversionPatterns(patterns, /*benefit=*/1);
    vector::populateVectorStepLoweringPatterns(patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns);

    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp>();
    if (failed(applyFullConversion(module, target, std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void tenon::buildKernelLoweringPipeline(OpPassManager &passManager, bool) {
  passManager.addPass(createCanonicalizerPass());
  passManager.addPass(createCSEPass());
  passManager.addPass(createSCFToControlFlowPass());
  passManager.addPass(createLowerKernelsToLLVM());
  passManager.addPass(createCanonicalizerPass());
  passManager.addPass(createCSEPass());
}
