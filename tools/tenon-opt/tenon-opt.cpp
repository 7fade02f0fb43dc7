//===- tenon-opt.cpp - runs passes on IR ----------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/KernelPasses.h"
#include "compiler/ir/TenonDialect.h"
#include "compiler/passes/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<tenon::TenonDialect>();
  mlir::registerAllPasses();
  tenon::registerTenonPasses();
  tenon::registerKernelPasses();
  mlir::PassPipelineRegistration<>("tenon-kernels-to-llvm", "from the vector level, after expand-math, to the LLVM dialect",
                                   [](mlir::OpPassManager &passes) { tenon::buildKernelLoweringPipeline(passes, false); });
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Tenon's pass driver\n", registry));
}
