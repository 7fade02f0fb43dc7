//===- Stages.cpp - the stages that are no pass pipelines -----------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/pipeline/Stages.h"

#include "compiler/codegen/object/EmitObject.h"
#include "compiler/frontend/import/Import.h"
#include "compiler/ir/TenonDialect.h"
#include "compiler/pipeline/OutputShapes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Threading.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace tenon {

// Found out before minutes of work, not after them.
static llvm::Error checkOutputPath(const std::string &output) {
  llvm::StringRef folder = llvm::sys::path::parent_path(output);
  if (folder.empty())
    folder = ".";
  auto bad = [&](const llvm::Twine &why) {
    return compileError(FailureKind::BadInput, "'" + llvm::Twine(output) + "' cannot be written: " + why);
  };
  if (!llvm::sys::fs::is_directory(folder))
    return bad("'" + folder + "' is not a folder; make it or choose another");
  if (std::error_code code = llvm::sys::fs::access(folder, llvm::sys::fs::AccessMode::Write))
    return bad("'" + folder + "' takes no files (" + llvm::StringRef(code.message()) + "); choose another folder");
  if (llvm::sys::fs::is_directory(output))
    return bad("it is a folder; name a file in it");
  return llvm::Error::success();
}

// The dialects and passes' interfaces that a compilation may use; the same for all.
static const DialectRegistry &dialects() {
  static const DialectRegistry all = [] {
    DialectRegistry registry;
    registerAllDialects(registry);
    registerAllExtensions(registry); // conversions to LLVM are promised by extensions
    registry.insert<TenonDialect>();
    return registry;
  }();
  return all;
}

llvm::Error prepare(Compilation &compilation) {
  if (llvm::Error error = checkOutputPath(compilation.output))
    return error;
  auto target = resolveTarget(compilation.options.target, compilation.options.cpu);
  if (!target)
    return asCompileError(target.takeError(), FailureKind::BadInput);
  compilation.target = std::move(*target);
  compilation.context.appendDialectRegistry(dialects());
  return llvm::Error::success();
}

llvm::Error prepareForMany(CompileOptions &options) {
  auto target = resolveTarget(options.target, options.cpu);
  if (!target)
    return asCompileError(target.takeError(), FailureKind::BadInput);
  auto toolchain = Toolchain::find(options.tenonDir, target->triple, target->arch);
  if (!toolchain)
    return asCompileError(toolchain.takeError(), FailureKind::BadInput);
  if (llvm::Error error = toolchain->compiler.readAhead("tenon/generated.h"))
    return asCompileError(std::move(error), FailureKind::Internal);
  options.toolchain = std::make_shared<Toolchain>(std::move(*toolchain));
  dialects();
  return llvm::Error::success();
}

//===--- import ------------------------------------------------------------------------------------------------------===//

// "3 operations are not supported; …", then a line for each.
static llvm::Error unsupportedError(const std::string &path, llvm::ArrayRef<UnsupportedOp> ops) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << path << ": " << ops.size() << (ops.size() == 1 ? " operation is" : " operations are")
         << " not supported; rewrite the lines below, or ask for what is missing";
  for (const UnsupportedOp &op : ops) {
    stream << "\n  " << op.target << ": " << op.reason;
    if (op.count > 1)
      stream << " (" << op.count << " times)";
    if (!op.pythonLine.empty())
      stream << "\n    at " << op.pythonLine;
  }
  return compileError(FailureKind::Unsupported, text);
}

llvm::Error importModel(Compilation &compilation) {
  auto archive = frontend::Archive::open(compilation.path);
  if (!archive)
    return asCompileError(archive.takeError(), FailureKind::BadInput);
  compilation.archive = std::move(*archive);
  std::vector<UnsupportedOp> unsupported;
  compilation.module = importProgram(compilation.context, compilation.archive->program(), {}, unsupported);
  if (!unsupported.empty())
    return unsupportedError(compilation.path, unsupported);
  if (!compilation.module)
    return compileError(FailureKind::BadInput, compilation.path + ": " + compilation.takeDiagnostics());
  auto shapes = deriveOutputShapes(*compilation.module);
  if (failed(shapes))
    return compileError(FailureKind::Unsupported, compilation.path + ": " + compilation.takeDiagnostics());
  compilation.outputShapes = std::move(*shapes);
  return llvm::Error::success();
}

//===--- precision ---------------------------------------------------------------------------------------------------===//

static RecordBytes recordsOf(const frontend::ExportedProgram &program) {
  RecordBytes records;
  for (auto &[name, payload] : program.payloads)
    records[payload.record] =
        llvm::ArrayRef(reinterpret_cast<const uint8_t *>(payload.bytes.data()), payload.bytes.size());
  return records;
}

// Of the f32 in `bytes`, which may lie anywhere.
static float largestFiniteMagnitude(llvm::ArrayRef<uint8_t> bytes) {
  constexpr uint32_t infinity = 0x7f800000;
  uint32_t largest = 0; // magnitudes are ordered as their bits are
  for (size_t at = 0; at + sizeof(uint32_t) <= bytes.size(); at += sizeof(uint32_t)) {
    uint32_t magnitude = llvm::support::endian::read32le(bytes.data() + at) & 0x7fffffff;
    largest = std::max(largest, magnitude < infinity ? magnitude : 0);
  }
  return llvm::bit_cast<float>(largest);
}

void noteMagnitudes(Compilation &compilation) {
  RecordBytes records = recordsOf(compilation.archive->program());
  for (GlobalOp global : compilation.module->getOps<GlobalOp>()) {
    bool isF32 = cast<RankedTensorType>(global.getType()).getElementType().isF32();
    auto record = records.find(global.getRecord().value_or(""));
    if (!isF32 || record == records.end())
      continue;
    uint64_t first = std::min<uint64_t>(global.getOffset(), record->second.size());
    llvm::ArrayRef<uint8_t> bytes =
        record->second.drop_front(first).take_front(static_cast<size_t>(globalSizeInBytes(global)));
    global.setMagnitude(APFloat(static_cast<double>(largestFiniteMagnitude(bytes))));
  }
}

//===--- kernels -----------------------------------------------------------------------------------------------------===//

void extractKernels(Compilation &compilation) {
  compilation.kernels = ModuleOp::create(UnknownLoc::get(&compilation.context));
  OpBuilder builder(compilation.kernels->getBodyRegion());
  for (func::FuncOp function : compilation.module->getOps<func::FuncOp>())
    if (function->hasAttr(kernelAttrName)) {
      builder.clone(*function);
      ++compilation.numKernels;
    }
}

// LLVM's threads split the kernels; few of them are not worth a split.
static unsigned numObjectParts(int64_t numKernels, int compilerThreads) {
  constexpr int64_t kernelsPerPart = 4;
  int64_t threads = compilerThreads ? compilerThreads : llvm::hardware_concurrency().compute_thread_count();
  return static_cast<unsigned>(std::clamp<int64_t>(numKernels / kernelsPerPart, 1, threads));
}

//===--- wrapper -----------------------------------------------------------------------------------------------------===//

// What the artefact says about how it was compiled.
static void describeCompilation(const Compilation &compilation, ModelDescription &description) {
  const CompileOptions &options = compilation.options;
  const Target &target = compilation.target;
  // Not the name inside the archive: torch.export.save calls every program "model".
  description.name = llvm::json::fixUTF8(llvm::sys::path::stem(compilation.path));
  description.target = target.arch;
  description.cpu = target.cpuDescription;
  description.features = llvm::join(target.features, ",");
  description.numerics = options.numerics;
  description.precision = options.precision;
  description.options = "precision " + description.precision + ", numerics " + options.numerics;
  if (options.threadsHint)
    description.options += ", threads-hint " + std::to_string(options.threadsHint);
}

llvm::Error emitWrapperText(Compilation &compilation) {
  auto weights = planWeights(*compilation.module, recordsOf(compilation.archive->program()));
  if (!weights)
    return asCompileError(weights.takeError(), FailureKind::Internal);
  compilation.weights = std::move(*weights);
  if (compilation.outputShapes)
    compilation.module->push_back(compilation.outputShapes.release());
  auto description = describeModel(*compilation.module);
  if (failed(description))
    return compileError(FailureKind::Internal, compilation.takeDiagnostics());
  describeCompilation(compilation, *description);
  WeightsDescription places = compilation.weights.description;
  if (compilation.options.weightsInOwnFile)
    places.file = weightsFileName(compilation.output);
  auto wrapper = emitWrapper(*compilation.module, *description, places);
  if (failed(wrapper))
    return compileError(FailureKind::Internal, "stage 'wrapper': " + compilation.takeDiagnostics());
  compilation.parts.wrapperText = std::move(wrapper->text);
  return llvm::Error::success();
}

//===--- link --------------------------------------------------------------------------------------------------------===//

llvm::Error linkSharedObject(Compilation &compilation) {
  std::shared_ptr<const Toolchain> toolchain = compilation.options.toolchain;
  if (!toolchain) {
    auto found =
        Toolchain::find(compilation.options.tenonDir, compilation.target.triple, compilation.target.arch);
    if (!found)
      return asCompileError(found.takeError(), FailureKind::BadInput);
    toolchain = std::make_shared<Toolchain>(std::move(*found));
  }
  compilation.progress.kernelsDone(0, compilation.numKernels);
  ModelParts &parts = compilation.parts;
  if (compilation.numKernels > 0) {
    auto objects = emitObjects(*compilation.kernels, compilation.target,
                               numObjectParts(compilation.numKernels, compilation.options.compilerThreads));
    if (!objects)
      return compileError(FailureKind::Internal,
                          llvm::toString(objects.takeError()) + " " + compilation.takeDiagnostics());
    parts.kernelObjects = std::move(*objects);
  }
  compilation.progress.kernelsDone(compilation.numKernels, compilation.numKernels);
  parts.weights = &compilation.weights;
  parts.weightsInOwnFile = compilation.options.weightsInOwnFile;
  return asCompileError(linkModel(*toolchain, parts, compilation.output), FailureKind::Internal);
}

//===--- intermediate files ------------------------------------------------------------------------------------------===//

llvm::Error saveStage(Compilation &compilation, llvm::StringRef stage) {
  if (stage == "link")
    return llvm::Error::success();
  if (stage == "wrapper")
    return compilation.save("wrapper.cpp", compilation.parts.wrapperText);
  return compilation.saveModule(stage);
}

// The kernels as text of LLVM.
static llvm::Expected<std::string> kernelText(Compilation &compilation, EmitKind kind) {
  auto bytes = emitObject(*compilation.kernels, compilation.target, kind);
  if (!bytes)
    return compileError(FailureKind::Internal, llvm::toString(bytes.takeError()) + " " + compilation.takeDiagnostics());
  return std::string(bytes->begin(), bytes->end());
}

static llvm::Expected<std::string> intermediateText(Compilation &compilation) {
  switch (compilation.options.emit) {
  case EmitStage::Llvm:
    return kernelText(compilation, EmitKind::LLVMIR);
  case EmitStage::Assembly:
    return kernelText(compilation, EmitKind::Assembly);
  case EmitStage::Cpp:
    return compilation.parts.wrapperText;
  default:
    break;
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  compilation.module->print(stream);
  return text;
}

llvm::Error writeIntermediate(Compilation &compilation) {
  auto text = intermediateText(compilation);
  if (!text)
    return text.takeError();
  return asCompileError(writeFileAtomically(compilation.output, *text), FailureKind::BadInput);
}

} // namespace tenon
