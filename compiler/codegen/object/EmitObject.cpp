//===- EmitObject.cpp - LLVM dialect to object code -----------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// 1. translate: LLVM dialect -> LLVM IR, every function told its CPU and features
// 2. optimise:  LLVM's default pipeline without anything that makes vectors
// 3. codegen:   TargetMachine, position-independent
//
// Kernels arrive in vector form. LLVM's loop and SLP vectorisers stay off: 22.1.8's loop vectoriser miscompiles 8-bit
// sums for neoverse-v1 at vector lengths of 256 bits and more (llvm-project#204939). AArch64's loop-idiom vectoriser is
// off as well: it is built on llvm.experimental.cttz.elts, wrong for <4 x i1> with SVE (llvm-project#178644).
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/object/EmitObject.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/Target/LLVMIR/Dialect/ArmNeon/ArmNeonToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/ArmSVE/ArmSVEToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/SplitModule.h"

#include <memory>
#include <mutex>
#include <thread>

using namespace tenon;

void tenon::initializeCodeGenerators() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
  });
}

namespace {

using Machine = std::unique_ptr<llvm::TargetMachine>;

llvm::Error failure(const llvm::Twine &sentence) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), sentence);
}

llvm::Expected<Machine> createMachine(const Target &target, unsigned optLevel) {
  initializeCodeGenerators();
  llvm::Triple triple(target.triple);
  std::string error;
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backend)
    return failure("no code generator for '" + target.triple + "'; LLVM says: " + error);
  llvm::TargetOptions options;
  // Standard contracts llvm.fmuladd, which is how vector.fma arrives, and never a separate fmul and fadd.
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return Machine(backend->createTargetMachine(triple, target.baselineCpu, target.featureString(), options,
                                              llvm::Reloc::PIC_, llvm::CodeModel::Small,
                                              *llvm::CodeGenOpt::getLevel(std::min(optLevel, 3u))));
}

//===--- translate ---------------------------------------------------------------------------------------------------===//

/// Gives `function` its CPU: legal is the baseline with the target's features, `tuneCpu` only tunes.
void setTargetAttributes(llvm::Function &function, const Target &target) {
  function.addFnAttr("target-cpu", target.baselineCpu);
  function.addFnAttr("tune-cpu", target.tuneCpu);
  function.addFnAttr("target-features", target.featureString());
  function.setDoesNotThrow(); // and so has no unwind table
  // Several Intel CPUs are tuned to 256 bits; a kernel that is written in 512 means it.
  if (!target.scalableVectors)
    function.addFnAttr("prefer-vector-width", llvm::utostr(target.vectorBits));
  else
    function.addFnAttr(llvm::Attribute::getWithVScaleRangeArgs(function.getContext(), 1, 2048 / target.vectorBits));
}

void prepareFunctions(llvm::Module &module, const Target &target) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    setTargetAttributes(function, target);
    if (!function.hasLocalLinkage())
      function.setVisibility(llvm::GlobalValue::HiddenVisibility);
  }
}

void registerTranslations(mlir::MLIRContext &context) {
  mlir::registerBuiltinDialectTranslation(context);
  mlir::registerLLVMDialectTranslation(context);
  mlir::registerArmSVEDialectTranslation(context);
  mlir::registerArmNeonDialectTranslation(context);
}

llvm::Expected<std::unique_ptr<llvm::Module>> translate(mlir::ModuleOp module, const Target &target,
                                                        const llvm::TargetMachine &machine,
                                                        llvm::LLVMContext &llvmContext) {
  registerTranslations(*module.getContext());
  mlir::Builder builder(module.getContext());
  // Before the translation: it chooses alignments by the layout.
  module->setAttr(mlir::LLVM::LLVMDialect::getDataLayoutAttrName(),
                  builder.getStringAttr(machine.createDataLayout().getStringRepresentation()));
  module->setAttr(mlir::LLVM::LLVMDialect::getTargetTripleAttrName(), builder.getStringAttr(target.triple));
  std::unique_ptr<llvm::Module> translated = mlir::translateModuleToLLVMIR(module, llvmContext, "kernels");
  if (!translated)
    return failure("the kernels cannot be translated to LLVM IR; report this with the IR of --save-ir");
  prepareFunctions(*translated, target);
  if (llvm::verifyModule(*translated))
    return failure("the kernels' LLVM IR is invalid; report this with the IR of --save-ir");
  return translated;
}

//===--- optimise and codegen ----------------------------------------------------------------------------------------===//

llvm::PipelineTuningOptions tuningOptions() {
  llvm::PipelineTuningOptions options;
  options.LoopVectorization = false;
  options.SLPVectorization = false;
  options.LoopInterleaving = false;
  return options;
}

llvm::OptimizationLevel optimizationLevel(unsigned optLevel) {
  const llvm::OptimizationLevel levels[] = {llvm::OptimizationLevel::O0, llvm::OptimizationLevel::O1,
                                            llvm::OptimizationLevel::O2, llvm::OptimizationLevel::O3};
  return levels[std::min(optLevel, 3u)];
}

void optimize(llvm::Module &module, llvm::TargetMachine &machine, unsigned optLevel) {
  llvm::PassInstrumentationCallbacks callbacks;
  callbacks.registerShouldRunOptionalPassCallback(
      [](llvm::StringRef pass, llvm::Any) { return pass != "LoopIdiomVectorizePass"; });
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine, tuningOptions(), std::nullopt, &callbacks);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(optimizationLevel(optLevel)).run(module, modules);
}

/// Keeps the order that kernels are written in. On Arm the machine scheduler starts loads and formulas of several copies at once
/// until registers run out, and then spills in main loops: of the 260 families of tools/sve-report 29 broke a rule with it.
/// CPUs with SVE reorder by themselves, and kernels are written with their copies side by side.
class KeepsOrder : public llvm::OptPassGate {
public:
  bool shouldRunPass(llvm::StringRef pass, llvm::StringRef) const override { return pass != "machine-scheduler"; }
  bool isEnabled() const override { return true; }
};

llvm::Expected<CodeBytes> generateCode(llvm::Module &module, llvm::TargetMachine &machine, EmitKind kind) {
  CodeBytes bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (kind == EmitKind::LLVMIR) {
    module.print(stream, nullptr);
    return bytes;
  }
  static KeepsOrder keepsOrder; // has no state
  if (machine.getTargetTriple().isAArch64())
    module.getContext().setOptPassGate(keepsOrder);
  llvm::legacy::PassManager passes;
  llvm::CodeGenFileType type =
      kind == EmitKind::Object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type))
    return failure("LLVM cannot emit this kind of file for '" + machine.getTargetTriple().str() + "'");
  passes.run(module);
  return bytes;
}

llvm::Expected<CodeBytes> compile(llvm::Module &module, const Target &target, EmitKind kind, unsigned optLevel) {
  llvm::Expected<Machine> machine = createMachine(target, optLevel);
  if (!machine)
    return machine.takeError();
  optimize(module, **machine, optLevel);
  return generateCode(module, **machine, kind);
}

//===--- parts -------------------------------------------------------------------------------------------------------===//

/// Returns `module` cut into at most `numParts` as bitcode: an LLVMContext belongs to one thread.
std::vector<CodeBytes> splitToBitcode(llvm::Module &module, unsigned numParts) {
  std::vector<CodeBytes> parts;
  auto addPart = [&](std::unique_ptr<llvm::Module> part) {
    if (llvm::all_of(*part, [](llvm::Function &function) { return function.isDeclaration(); }) && !parts.empty())
      return;
    llvm::raw_svector_ostream stream(parts.emplace_back());
    llvm::WriteBitcodeToFile(*part, stream);
  };
  llvm::SplitModule(module, numParts, addPart, /*PreserveLocals=*/true, /*RoundRobin=*/true);
  return parts;
}

llvm::Expected<CodeBytes> compileBitcode(const CodeBytes &bitcode, const Target &target, unsigned optLevel) {
  llvm::LLVMContext context;
  llvm::MemoryBufferRef buffer(llvm::StringRef(bitcode.data(), bitcode.size()), "kernels");
  llvm::Expected<std::unique_ptr<llvm::Module>> module = llvm::parseBitcodeFile(buffer, context);
  if (!module)
    return module.takeError();
  return compile(**module, target, EmitKind::Object, optLevel);
}

/// Compiles every part on a thread of its own; the first error wins.
llvm::Expected<std::vector<CodeBytes>> compileParts(const std::vector<CodeBytes> &parts, const Target &target,
                                                    unsigned optLevel) {
  std::vector<std::string> errors(parts.size());
  std::vector<CodeBytes> objects(parts.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < parts.size(); ++i)
    threads.emplace_back([&, i] {
      if (llvm::Expected<CodeBytes> object = compileBitcode(parts[i], target, optLevel))
        objects[i] = std::move(*object);
      else
        errors[i] = llvm::toString(object.takeError());
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::string &error : errors)
    if (!error.empty())
      return failure(error);
  return objects;
}

} // namespace

llvm::Expected<CodeBytes> tenon::emitObject(mlir::ModuleOp module, const Target &target, EmitKind kind,
                                            unsigned optLevel) {
  llvm::Expected<Machine> machine = createMachine(target, optLevel);
  if (!machine)
    return machine.takeError();
  llvm::LLVMContext context;
  llvm::Expected<std::unique_ptr<llvm::Module>> translated = translate(module, target, **machine, context);
  if (!translated)
    return translated.takeError();
  return compile(**translated, target, kind, optLevel);
}

llvm::Expected<std::vector<CodeBytes>> tenon::emitObjects(mlir::ModuleOp module, const Target &target,
                                                          unsigned numParts, unsigned optLevel) {
  llvm::Expected<Machine> machine = createMachine(target, optLevel);
  if (!machine)
    return machine.takeError();
  llvm::LLVMContext context;
  llvm::Expected<std::unique_ptr<llvm::Module>> translated = translate(module, target, **machine, context);
  if (!translated)
    return translated.takeError();
  if (numParts > 1)
    return compileParts(splitToBitcode(**translated, numParts), target, optLevel);
  optimize(**translated, **machine, optLevel);
  llvm::Expected<CodeBytes> object = generateCode(**translated, **machine, EmitKind::Object);
  if (!object)
    return object.takeError();
  return std::vector<CodeBytes>{std::move(*object)};
}
