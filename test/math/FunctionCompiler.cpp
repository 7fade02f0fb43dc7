//===- FunctionCompiler.cpp - runs one op of the math expansions on arrays ----===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "FunctionCompiler.h"

#include "compiler/codegen/kernel/KernelPasses.h"
#include "compiler/codegen/object/EmitObject.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"

#include <stdexcept>

using namespace mlir;
using namespace tenon;

// One step handles `type`, which is `lanes` elements long.
static std::string sourceOf(const std::string &op, const std::string &element, const std::string &type, int lanes) {
  bool isBinary = op.find("%y") != std::string::npos;
  auto at = [&](const std::string &base, const std::string &name) {
    return "    " + name + " = llvm.getelementptr " + base + "[%k] : (!llvm.ptr, i64) -> !llvm.ptr, " + element + "\n";
  };
  auto load = [&](const std::string &base, const std::string &name) {
    return at(base, name + "_at") + "    " + name + " = llvm.load " + name +
           "_at {alignment = 2 : i64} : !llvm.ptr -> " + type + "\n";
  };
  return "func.func @apply(%xs: !llvm.ptr, %ys: !llvm.ptr, %results: !llvm.ptr, %count: i64) {\n"
         "  %zero = arith.constant 0 : i64\n  %step = arith.constant " +
         std::to_string(std::max(lanes, 1)) +
         " : i64\n"
         "  scf.for %k = %zero to %count step %step : i64 {\n" +
         load("%xs", "%x") + (isBinary ? load("%ys", "%y") : "") + "    %r = " + op + " : " + type + "\n" +
         at("%results", "%r_at") + "    llvm.store %r, %r_at {alignment = 2 : i64} : " + type +
         ", !llvm.ptr\n  }\n  return\n}\n";
}

static void lower(ModuleOp module, const Target &target) {
  PassManager passes(module.getContext());
  passes.addNestedPass<func::FuncOp>(tenon::createExpandMath());
  if (!target.hasNativeBf16Dot) { // LLVM would call a function per lane
    arith::ArithExpandOpsPassOptions options;
    options.includeBf16 = true;
    passes.addNestedPass<func::FuncOp>(arith::createArithExpandOpsPass(options));
  }
  passes.addPass(createCSEPass());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  if (failed(passes.run(module)))
    throw std::runtime_error("the function cannot be lowered");
}

static CodeBytes compile(const std::string &source, const Target &target, EmitKind kind) {
  MLIRContext context;
  context.loadDialect<arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect, math::MathDialect, scf::SCFDialect,
                      vector::VectorDialect, TenonDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context);
  if (!module)
    throw std::runtime_error("the function cannot be parsed");
  lower(*module, target);
  return llvm::cantFail(emitObject(*module, target, kind));
}

std::string tenon::assemblyOf(const std::string &op, const std::string &type, const std::string &arch,
                              const std::string &cpu) {
  std::string element = type.back() == '>' ? type.substr(type.rfind('x') + 1, type.size() - type.rfind('x') - 2) : type;
  CodeBytes text =
      compile(sourceOf(op, element, type, 1), llvm::cantFail(resolveTarget(arch, cpu)), EmitKind::Assembly);
  return std::string(text.begin(), text.end());
}

CompiledFunction::CompiledFunction(const std::string &op, const std::string &element, int lanes) {
  std::string type = lanes == 0 ? element : "vector<" + std::to_string(lanes) + "x" + element + ">";
  CodeBytes object =
      compile(sourceOf(op, element, type, lanes), llvm::cantFail(resolveTarget("host", "native")), EmitKind::Object);
  jit = llvm::cantFail(llvm::orc::LLJITBuilder().create());
  llvm::cantFail(
      jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(object.data(), object.size()), "apply")));
  entry = llvm::cantFail(jit->lookup("apply")).toPtr<void (*)(const void *, const void *, void *, int64_t)>();
}

CompiledFunction::~CompiledFunction() = default;
