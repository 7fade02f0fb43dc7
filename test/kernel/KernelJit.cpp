//===- KernelJit.cpp - kernels compiled in this process, for tests --------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "test/kernel/KernelJit.h"

#include "compiler/codegen/kernel/KernelPasses.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/TargetSelect.h"

#include <stdexcept>

using namespace mlir;
using namespace tenon;
using namespace tenon::test;

struct JitKernel::Impl {
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void (*function)(void *const *, const int64_t *, int64_t, int64_t) = nullptr;
  int64_t extent = 0;
  std::vector<int64_t> extentSizes;
};

template <typename T> static T valueOrThrow(llvm::Expected<T> expected) {
  if (!expected)
    throw std::runtime_error(llvm::toString(expected.takeError()));
  return std::move(*expected);
}

static void runPasses(ModuleOp module, function_ref<void(OpPassManager &)> build, const std::string &diagnostics) {
  PassManager passes(module.getContext());
  build(passes);
  if (failed(passes.run(module)))
    throw std::runtime_error(diagnostics);
}

JitKernel::JitKernel(const std::string &text, unsigned vectorBits, bool keepRounding) : impl(std::make_unique<Impl>()) {
  static bool initialized = !llvm::InitializeNativeTarget() && !llvm::InitializeNativeTargetAsmPrinter();
  if (!initialized)
    throw std::runtime_error("this machine has no LLVM target");
  DialectRegistry registry;
  registry.insert<TenonDialect, bufferization::BufferizationDialect, linalg::LinalgDialect, tensor::TensorDialect,
                  arith::ArithDialect, math::MathDialect, func::FuncDialect, memref::MemRefDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  MLIRContext mlir(registry, MLIRContext::Threading::DISABLED);
  std::string diagnostics;
  mlir.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) { diagnostics += diagnostic.str() + "\n"; });
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &mlir);
  if (!module)
    throw std::runtime_error(diagnostics);

  runPasses(*module, [&](OpPassManager &passes) {
    passes.addPass(createVectorizeKernels(VectorizeKernelsOptions{vectorBits, false, 0, keepRounding}));
    passes.addNestedPass<func::FuncOp>(createExpandMath());
  }, diagnostics);
  auto kernel = *module->getOps<func::FuncOp>().begin();
  std::string name = kernel.getName().str();
  impl->extent = kernel->getAttrOfType<IntegerAttr>(extentAttrName).getInt();
  for (int64_t entry : kernel->getAttrOfType<DenseI64ArrayAttr>(extentSizesAttrName).asArrayRef())
    impl->extentSizes.push_back(entry);
  runPasses(*module, [&](OpPassManager &passes) { buildKernelLoweringPipeline(passes, false); }, diagnostics);

  auto context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(*module, *context);
  if (!code)
    throw std::runtime_error(diagnostics);
  impl->jit = valueOrThrow(llvm::orc::LLJITBuilder().create());
  code->setDataLayout(impl->jit->getDataLayout());
  if (auto error = impl->jit->addIRModule(llvm::orc::ThreadSafeModule(std::move(code), std::move(context))))
    throw std::runtime_error(llvm::toString(std::move(error)));
  auto address = valueOrThrow(impl->jit->lookup(name));
  impl->function = address.toPtr<void (*)(void *const *, const int64_t *, int64_t, int64_t)>();
}

JitKernel::~JitKernel() = default;
JitKernel::JitKernel(JitKernel &&) noexcept = default;

int64_t JitKernel::extent(const std::vector<int64_t> &sizes) const {
  int64_t extent = impl->extent;
  for (int64_t entry : impl->extentSizes)
    extent *= sizes[entry];
  return extent;
}

void JitKernel::run(std::vector<void *> buffers, std::vector<int64_t> sizes, int64_t chunks) const {
  int64_t total = extent(sizes);
  for (int64_t chunk = 0; chunk < chunks; ++chunk)
    impl->function(buffers.data(), sizes.data(), total * chunk / chunks, total * (chunk + 1) / chunks);
}

std::string tenon::test::substitute(std::string text, std::vector<std::pair<std::string, std::string>> values) {
  for (auto &[name, value] : values)
    for (size_t at = text.find("$" + name); at != std::string::npos; at = text.find("$" + name, at + value.size()))
      text.replace(at, name.size() + 1, value);
  return text;
}
