//===- EmitWrapperTool.cpp - tenon-emit-wrapper: a buffer-level module to C++ ---------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// For tests: reads a module of the `buffers` stage and prints its wrapper. Weights get made-up places.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/wrapper/EmitWrapper.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

int main(int argc, char **argv) {
  if (argc != 2) {
    llvm::errs() << "usage: tenon-emit-wrapper FILE.mlir\n";
    return 2;
  }
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<tenon::TenonDialect, arith::ArithDialect, func::FuncDialect, memref::MemRefDialect,
                      scf::SCFDialect, LLVM::LLVMDialect>();
  auto module = parseSourceFile<ModuleOp>(argv[1], &context);
  if (!module)
    return 1;
  auto description = tenon::describeModel(*module);
  if (failed(description))
    return 1;
  description->target = "x86_64";
  description->cpu = "generic";
  tenon::WeightsDescription weights;
  for (tenon::GlobalOp global : module->getOps<tenon::GlobalOp>())
    if (global.getRecord()) {
      weights.offsets[global.getSymName()] = weights.bytes;
      weights.bytes += (tenon::globalSizeInBytes(global) + 63) / 64 * 64;
    }
  weights.hash = 0x0123456789abcdef;
  auto wrapper = tenon::emitWrapper(*module, *description, weights);
  if (failed(wrapper))
    return 1;
  llvm::outs() << wrapper->text;
  return 0;
}
