//===- Pipeline.cpp - from model.pt2 to model.so --------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The table of contents: stages in order, and in each one line per pass with the reason why it runs there. What holds after
// each stage is in compiler/README.md.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/pipeline/Pipeline.h"

#include "compiler/codegen/kernel/KernelPasses.h"
#include "compiler/passes/Passes.h"
#include "compiler/pipeline/Compilation.h"
#include "compiler/pipeline/Stages.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace tenon {

//===--- passes ------------------------------------------------------------------------------------------------------===//

// Strict numerics round to half-width types wherever the model does; fast numerics keep more digits inside of what is fused.
static bool keepsRounding(const CompileOptions &options) { return options.numerics != "fast"; }

static void addNormalizePasses(OpPassManager &passes, bool keepRounding) {
  passes.addNestedPass<func::FuncOp>(createCanonicalizerPass()); // the importer writes what ATen says, redundancies included
  passes.addPass(createCSEPass());                               // exporters repeat casts, masks and size arithmetic
  // Formulas are whole only before anything is fused.
  passes.addNestedPass<func::FuncOp>(createRecognizeActivations({keepRounding}));
  passes.addNestedPass<func::FuncOp>(createRecognizeAttention()); // before its scale and masks become epilogues
  passes.addNestedPass<func::FuncOp>(createGroupAttentionHeads()); // decoding copies the cache in every step otherwise
  // Before hoisting: what it makes depends on constants only.
  passes.addNestedPass<func::FuncOp>(createFoldBatchNorm({keepRounding}));
  passes.addNestedPass<func::FuncOp>(createFoldViewsIntoGenerics()); // views inside pointwise work are index maps
}

static bool lowersPrecision(const CompileOptions &options) {
  return options.precision == "bf16" || options.precision == "f16";
}

static void addPrecisionPasses(OpPassManager &passes, const CompileOptions &options, const Target &target) {
  LowerPrecisionOptions precision;
  precision.precision = options.precision;
  precision.fallback = target.whyNotFaster(options.precision);
  precision.computesLow = precision.fallback.empty();
  precision.attentionFallback = target.whyAttentionIsWide(options.precision);
  // After epilogues are fused: what is inside of a product is never rounded. Before kernels form: roundings join them.
  passes.addPass(createLowerPrecision(precision));
  passes.addPass(createHoistConstants()); // conversions of constants that could not be made in the artefact
}

static void addFusePasses(OpPassManager &passes, const CompileOptions &options, const Target &target) {
  bool keepRounding = keepsRounding(options);
  passes.addPass(createHoistConstants());                    // first: constant work must not be fused into the rest
  // Before kernels form: an epilogue is free, a kernel is not.
  passes.addNestedPass<func::FuncOp>(createFuseEpilogues({keepRounding}));
  passes.addNestedPass<func::FuncOp>(createCanonicalizerPass()); // what fusion left without users
  if (options.precision != "model")
    addPrecisionPasses(passes, options, target);
  passes.addPass(createFormKernels());                       // everything that is still linalg
}

static void addBufferPasses(OpPassManager &passes) {
  passes.addNestedPass<func::FuncOp>(createAssignLayouts()); // needs values; strides need its choice
  passes.addPass(createBufferize());                         // from here on values are memory
  passes.addNestedPass<func::FuncOp>(createCanonicalizerPass()); // views of views; sizes that became constants
  passes.addPass(createLowerAffinePass());                   // index arithmetic that folders wrote as maps
  passes.addNestedPass<func::FuncOp>(createPlanMemory());    // last: every buffer and its uses are known
}

static void addKernelPasses(OpPassManager &passes, const Target &target, bool keepRounding) {
  VectorizeKernelsOptions vectors;
  vectors.vectorBits = target.vectorBits;
  vectors.scalable = target.scalableVectors;
  vectors.numRegisters = target.registersOfConstants();
  vectors.keepRounding = keepRounding;
  passes.addPass(createVectorizeKernels(vectors)); // loops become explicit vector code
  // Formulas in vector form, before LLVM would make calls of them.
  passes.addNestedPass<func::FuncOp>(createExpandMath({target.convertsInt64ByF64()}));
  passes.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  passes.addPass(createCSEPass()); // addresses and formulas share parts
}

static void addLoweringPasses(OpPassManager &passes, const Target &target) {
  if (unsigned numRegisters = target.registersOfConstants()) // after CSE: it counts what loops really use
    passes.addPass(createLoadConstants({target.vectorBits, target.scalableVectors, numRegisters}));
  buildKernelLoweringPipeline(passes, target.scalableVectors);
}

//===--- stages ------------------------------------------------------------------------------------------------------===//

static llvm::Error normalize(Compilation &compilation) {
  return compilation.runPasses("normalize", *compilation.module, [&](OpPassManager &passes) {
    addNormalizePasses(passes, keepsRounding(compilation.options));
  });
}

static llvm::Error fuse(Compilation &compilation) {
  if (lowersPrecision(compilation.options))
    noteMagnitudes(compilation);
  return compilation.runPasses("fuse", *compilation.module, [&](OpPassManager &passes) {
    addFusePasses(passes, compilation.options, compilation.target);
  });
}

static llvm::Error buffers(Compilation &compilation) {
  return compilation.runPasses("buffers", *compilation.module, addBufferPasses);
}

static llvm::Error kernels(Compilation &compilation) {
  const Target &target = compilation.target;
  if (llvm::Error error = compilation.runPasses("kernels", *compilation.module, [&](OpPassManager &passes) {
        addKernelPasses(passes, target, keepsRounding(compilation.options));
      }))
    return error;
  extractKernels(compilation);
  return compilation.runPasses("kernels", *compilation.kernels,
                               [&](OpPassManager &passes) { addLoweringPasses(passes, target); });
}

namespace {
struct Stage {
  llvm::StringLiteral name;
  llvm::Error (*run)(Compilation &);
};
} // namespace

static constexpr Stage stages[] = {
    {"import", importModel},      {"normalize", normalize},   {"fuse", fuse}, {"buffers", buffers}, {"kernels", kernels},
    {"wrapper", emitWrapperText}, {"link", linkSharedObject},
};

// The stages that an output other than the shared object needs.
static size_t numStages(EmitStage emit) {
  switch (emit) {
  case EmitStage::Mlir:
  case EmitStage::Llvm:
  case EmitStage::Assembly:
    return 5;
  case EmitStage::Cpp:
    return 6;
  case EmitStage::SharedObject:
    return 7;
  }
  llvm_unreachable("all kinds are listed");
}

llvm::Error compileModel(llvm::StringRef path, llvm::StringRef output, const CompileOptions &options,
                         ProgressSink &progress) {
  Compilation compilation(path, output, options, progress);
  if (llvm::Error error = prepare(compilation))
    return error;
  for (const Stage &stage : llvm::ArrayRef(stages).take_front(numStages(options.emit))) {
    progress.stageBegins(stage.name, compilation.stageNumber++, numStages(options.emit));
    if (llvm::Error error = stage.run(compilation))
      return error;
    if (llvm::Error error = saveStage(compilation, stage.name))
      return error;
  }
  return options.emit == EmitStage::SharedObject ? llvm::Error::success() : writeIntermediate(compilation);
}

} // namespace tenon
