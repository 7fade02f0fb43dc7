//===- EmitWrapper.cpp - a model's C++ wrapper ----------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The file as a whole: tables of the model, declarations, and the functions that FunctionEmitter writes, put into
// codegen_templates/wrapper.cpp.in.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/wrapper/EmitWrapper.h"

#include "compiler/codegen/wrapper/FunctionEmitter.h"
#include "compiler/codegen/wrapper/SelfDescription.h"
#include "compiler/codegen/wrapper/TemplateText.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace tenon {

llvm::StringRef tenonVersion() { return TENON_VERSION; }

//===--- globals -----------------------------------------------------------------------------------------------------===//

int64_t globalSizeInBytes(Operation *op) {
  auto global = cast<GlobalOp>(op);
  auto type = cast<RankedTensorType>(global.getType());
  if (llvm::is_contained(type.getShape(), 0))
    return 0;
  int64_t elements = type.getNumElements();
  if (auto strides = global.getStrides()) {
    elements = 1;
    for (auto [size, stride] : llvm::zip_equal(type.getShape(), *strides))
      elements += (size - 1) * stride;
  }
  return elements * elementSizeInBytes(type.getElementType());
}

static std::string globalTable(ModuleOp module, const WeightsDescription &weights, FileContext &file,
                               ModelCounts &counts) {
  static constexpr llvm::StringLiteral kinds[] = {"Weight", "State", "Hoisted"};
  std::vector<std::pair<std::string, std::string>> rows; // text and comment
  size_t width = 0;
  for (GlobalOp global : module.getOps<GlobalOp>()) {
    int64_t bytes = globalSizeInBytes(global);
    auto offset = weights.offsets.find(global.getSymName());
    std::string row = "    {GlobalKind::" + kinds[static_cast<size_t>(global.getKind())].str() + ", " +
                      integerLiteral(bytes) + ", " +
                      integerLiteral(offset == weights.offsets.end() ? -1 : offset->second) + "},";
    rows.emplace_back(row, std::to_string(rows.size()) + ": " + sanitizeIdentifier(global.getSymName()));
    width = std::max(width, row.size());
    file.globals.try_emplace(global.getSymName(), file.globals.size());
    if (global.getKind() == GlobalKind::State)
      counts.stateBytes += bytes;
  }
  std::string lines;
  for (auto &[row, comment] : rows)
    lines += row + std::string(width - row.size(), ' ') + " // " + comment + "\n";
  return rows.empty() ? "// none" : "static constexpr Global globals[] = {\n" + lines + "};";
}

//===--- signature ---------------------------------------------------------------------------------------------------===//

// A DLPack data type (code, bits, lanes) of a dtype as PyTorch spells it; empty for an unknown one.
static llvm::StringRef dlpackType(llvm::StringRef dtype) {
  return llvm::StringSwitch<llvm::StringRef>(dtype)
      .Case("float32", "{kDLFloat, 32, 1}")
      .Case("float64", "{kDLFloat, 64, 1}")
      .Case("float16", "{kDLFloat, 16, 1}")
      .Case("bfloat16", "{kDLBfloat, 16, 1}")
      .Case("int8", "{kDLInt, 8, 1}")
      .Case("int16", "{kDLInt, 16, 1}")
      .Case("int32", "{kDLInt, 32, 1}")
      .Case("int64", "{kDLInt, 64, 1}")
      .Case("uint8", "{kDLUInt, 8, 1}")
      .Case("uint16", "{kDLUInt, 16, 1}")
      .Case("uint32", "{kDLUInt, 32, 1}")
      .Case("uint64", "{kDLUInt, 64, 1}")
      .Case("bool", "{kDLBool, 8, 1}")
      .Case("complex64", "{kDLComplex, 64, 1}")
      .Case("complex128", "{kDLComplex, 128, 1}")
      .Default("");
}

// The table `name` of tensors, with the tables of sizes and dimensions it refers to.
static std::string tensorTable(llvm::StringRef name, const std::vector<TensorDescription> &tensors, FileContext &file) {
  if (tensors.empty())
    return "";
  std::string arrays, rows;
  for (auto [index, tensor] : llvm::enumerate(tensors)) {
    std::string prefix = name.str() + std::to_string(index), sizesName = "nullptr", dimsName = "nullptr";
    std::vector<std::string> sizes, dims;
    for (auto [i, size] : llvm::enumerate(tensor.sizes)) {
      sizes.push_back(ShapedType::isDynamic(size) ? "TENON_DYNAMIC" : integerLiteral(size));
      dims.push_back(file.text.reference(i < tensor.dims.size() ? tensor.dims[i] : ""));
    }
    if (!sizes.empty()) {
      sizesName = prefix + "_shape";
      dimsName = prefix + "_dims";
      arrays += layOut("static constexpr int64_t " + sizesName + "[] = " + braced(sizes) + ";", 0);
      arrays += layOut("static constexpr const char *const " + dimsName + "[] = " + braced(dims) + ";", 0);
    }
    rows += layOut(braced({file.text.reference(tensor.name), dlpackType(tensor.dtype).str(),
                           std::to_string(sizes.size()), sizesName, dimsName}) +
                       ",",
                   4);
  }
  return arrays + "static constexpr tenon_tensor_info " + name.str() + "s[] = {\n" + rows + "};\n";
}

static std::string symbolTable(const std::vector<SymbolDescription> &symbols, FileContext &file) {
  std::string rows;
  for (const SymbolDescription &symbol : symbols)
    rows += layOut(braced({file.text.reference(symbol.name), integerLiteral(symbol.min),
                           symbol.max == INT64_MAX ? "INT64_MAX" : integerLiteral(symbol.max)}) +
                       ",",
                   4);
  return rows.empty() ? "" : "static constexpr tenon_symbol_info symbols[] = {\n" + rows + "};\n";
}

// The positions of the inputs that the model writes to.
static std::vector<std::string> mutatedInputs(const ModelDescription &description) {
  std::vector<std::string> positions;
  for (auto [i, input] : llvm::enumerate(description.inputs))
    if (input.isMutated)
      positions.push_back(std::to_string(i));
  return positions;
}

static std::string mutatedInputTable(const ModelDescription &description) {
  std::vector<std::string> positions = mutatedInputs(description);
  return positions.empty() ? "" : layOut("static constexpr int32_t mutated_inputs[] = " + braced(positions) + ";", 0);
}

//===--- the model's table -------------------------------------------------------------------------------------------===//

static bool hasDynamicSize(const std::vector<TensorDescription> &tensors) {
  return llvm::any_of(tensors, [](const TensorDescription &tensor) {
    return llvm::is_contained(tensor.sizes, ShapedType::kDynamic);
  });
}

static std::string fieldLines(llvm::ArrayRef<std::pair<llvm::StringRef, std::string>> fields, unsigned indent) {
  std::string result;
  for (auto &[name, value] : fields)
    result += layOut("." + name.str() + " = " + value + ",", indent);
  return result;
}

static std::string modelFields(const ModelDescription &description, const WeightsDescription &weights,
                               const ModelCounts &counts, bool hasInit, FileContext &file) {
  auto text = [&](llvm::StringRef string) { return file.text.reference(string); };
  auto table = [](llvm::StringRef name, size_t count) { return count ? name.str() : std::string("nullptr"); };
  std::string info = fieldLines({{"struct_size", "sizeof(tenon_model_info)"},
                                 {"name", text(description.name)},
                                 {"tenon_version", text(tenonVersion())},
                                 {"torch_version", text(description.torchVersion)},
                                 {"target", text(description.target)},
                                 {"cpu", text(description.cpu)},
                                 {"features", text(description.features)},
                                 {"precision", text(description.precision)},
                                 {"numerics", text(description.numerics)},
                                 {"num_inputs", std::to_string(description.inputs.size())},
                                 {"num_outputs", std::to_string(description.outputs.size())},
                                 {"num_symbols", std::to_string(description.symbols.size())},
                                 {"inputs", table("inputs", description.inputs.size())},
                                 {"outputs", table("outputs", description.outputs.size())},
                                 {"symbols", table("symbols", description.symbols.size())},
                                 {"in_spec", text(description.inSpec)},
                                 {"out_spec", text(description.outSpec)},
                                 {"weights_bytes", integerLiteral(counts.weightsBytes)},
                                 {"state_bytes", integerLiteral(counts.stateBytes)},
                                 {"num_kernels", std::to_string(counts.numKernels)},
                                 {"num_library_calls", std::to_string(counts.numLibraryCalls)},
                                 {"num_mutated_inputs", std::to_string(mutatedInputs(description).size())},
                                 {"mutated_inputs", table("mutated_inputs", mutatedInputs(description).size())}},
                                13);
  std::string rest =
      fieldLines({{"globals", table("globals", file.globals.size())},
                  {"numGlobals", std::to_string(file.globals.size())},
                  {"numSites", std::to_string(file.numSites)},
                  {"hasDynamicShapes",
                   hasDynamicSize(description.inputs) || hasDynamicSize(description.outputs) ? "true" : "false"},
                  {"weightsBytes", integerLiteral(weights.bytes)},
                  {"weightsHash", "0x" + llvm::utohexstr(weights.hash, /*LowerCase=*/true, /*Width=*/16)},
                  {"weightsFile", weights.file.empty() ? "nullptr" : text(weights.file)},
                  {"init", hasInit ? "::init" : "nullptr"},
                  {"run", "::run"},
                  {"outputShapes", "::output_shapes"}},
                 4);
  return "    .info = {" + llvm::StringRef(info).trim(" ,\n").str() + "},\n" + rest;
}

//===--- declarations ------------------------------------------------------------------------------------------------===//

// "// " lines with the words of `text`.
static std::string comment(llvm::StringRef text, unsigned indent = 0) {
  std::string result, current = std::string(indent, ' ') + "//";
  while (!text.empty()) {
    auto [word, rest] = text.split(' ');
    text = rest;
    if (current.size() + 1 + word.size() > maxLineLength) {
      result += current + "\n";
      current = std::string(indent, ' ') + "//";
    }
    current += " " + word.str();
  }
  return result + current + "\n";
}

static std::string kernelDeclarations(const FileContext &file) {
  constexpr size_t maxNodesNamed = 24;
  std::string result;
  for (auto &[name, use] : file.kernels) {
    std::string nodes = llvm::join(llvm::ArrayRef(use.nodes).take_front(maxNodesNamed), ", ");
    if (use.nodes.size() > maxNodesNamed)
      nodes += " and " + std::to_string(use.nodes.size() - maxNodesNamed) + " more";
    if (!nodes.empty())
      result += comment(nodes);
    result += "extern \"C\" KernelFn " + name.str() + ";\n";
  }
  return result.empty() ? "// none" : result;
}

static std::string textTable(const FileContext &file) {
  std::string result;
  constexpr unsigned indent = 16; // room for the number
  for (auto [index, string] : llvm::enumerate(file.text.strings())) {
    std::string number = "    /* " + std::to_string(index) + " */ ";
    result += number + llvm::StringRef(stringLiteralLines(string, indent)).ltrim().str() + ",\n";
  }
  return result;
}

// Only letters, digits and plain punctuation: the header is a comment of the emitted file.
static std::string plainText(llvm::StringRef text) {
  std::string result;
  for (char c : text.take_front(400))
    result += llvm::isAlnum(c) || llvm::StringRef(" .,:;=+-_()/").contains(c) ? c : '_';
  for (size_t at; (at = result.find("*/")) != std::string::npos;)
    result.replace(at, 2, "__");
  return result;
}

static std::string headerComment(const ModelDescription &description, const ModelCounts &counts) {
  return comment("Model:   " + sanitizeIdentifier(description.name, "unnamed")) +
         comment("Target:  " + plainText(description.target + ", " + description.cpu)) +
         comment("Options: " + plainText(description.options)) +
         comment("Kernels: " + std::to_string(counts.numKernels) +
                 ", library calls: " + std::to_string(counts.numLibraryCalls) +
                 ", weights: " + std::to_string(counts.weightsBytes) + " bytes");
}

//===--- functions ---------------------------------------------------------------------------------------------------===//

// Repeats the guards, then stores one size per output dimension: constants, and in order the results of @output_shapes.
static FailureOr<std::string> outputShapes(ModuleOp module, const ModelDescription &description, FileContext &file) {
  std::vector<std::string> dynamicSizes;
  std::string body;
  auto function = module.lookupSymbol<func::FuncOp>(outputShapesFunctionName);
  if (!function && hasDynamicSize(description.outputs))
    return module.emitError("outputs have dynamic sizes but there is no @") << outputShapesFunctionName;
  if (function) {
    FunctionEmitter emitter(file, function, function.getNumArguments());
    FailureOr<std::string> text = emitter.emit(&dynamicSizes);
    if (failed(text))
      return failure();
    body = *text;
  }
  size_t next = 0;
  for (auto [i, output] : llvm::enumerate(description.outputs))
    for (auto [dim, size] : llvm::enumerate(output.sizes)) {
      bool isDynamic = ShapedType::isDynamic(size);
      if (isDynamic && next == dynamicSizes.size())
        return module.emitError("@") << outputShapesFunctionName << " has fewer results than the outputs have dynamic sizes";
      body += "  shapes[" + std::to_string(i) + "][" + std::to_string(dim) +
              "] = " + (isDynamic ? dynamicSizes[next++] : integerLiteral(size)) + ";\n";
    }
  return body;
}

// The body of function `name`; empty where the module has none.
static FailureOr<std::string> functionBody(ModuleOp module, llvm::StringRef name, size_t numInputs, FileContext &file) {
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (!function)
    return std::string();
  FunctionEmitter emitter(file, function, numInputs);
  return emitter.emit();
}

// @main's arguments must be what the description says.
static LogicalResult checkSignature(ModuleOp module, const ModelDescription &description) {
  auto main = module.lookupSymbol<func::FuncOp>(mainFunctionName);
  if (!main || main.isExternal())
    return module.emitError("the module has no function @main");
  if (main.getNumArguments() != description.inputs.size() + description.outputs.size())
    return main.emitError("has ") << main.getNumArguments() << " arguments for " << description.inputs.size()
                                  << " inputs and " << description.outputs.size() << " outputs";
  for (Type type : main.getArgumentTypes())
    if (auto memref = dyn_cast<MemRefType>(type); !memref || !memref.getLayout().isIdentity())
      return main.emitError("has an argument that is no row-major memref");
  for (auto *tensors : {&description.inputs, &description.outputs})
    for (const TensorDescription &tensor : *tensors)
      if (dlpackType(tensor.dtype).empty())
        return main.emitError("has an input or output of a dtype that callers cannot pass");
  return success();
}

FailureOr<WrapperSource> emitWrapper(ModuleOp module, const ModelDescription &description,
                                     const WeightsDescription &weights) {
  if (failed(checkSignature(module, description)))
    return failure();
  FileContext file{SymbolTable(module), {}, {}, {}, {}, "", 0};
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    file.names.reserve(function.getSymName());
  for (llvm::StringRef name : {"text", "globals", "inputs", "outputs", "symbols", "mutated_inputs", "self_description", "output_shapes",
                               "load", "guard", "divide", "remainder", "floor_divide", "ceil_divide",
                               "sizes_of_outputs"})
    file.names.reserve(name);

  ModelCounts counts;
  counts.weightsBytes = weights.bytes;
  llvm::StringMap<std::string> parts;
  parts["globals"] = globalTable(module, weights, file, counts);
  FailureOr<std::string> init = functionBody(module, initFunctionName, 0, file);
  FailureOr<std::string> run = functionBody(module, mainFunctionName, description.inputs.size(), file);
  FailureOr<std::string> shapes = outputShapes(module, description, file);
  if (failed(init) || failed(run) || failed(shapes))
    return failure();
  counts.numKernels = file.kernels.size();
  counts.numLibraryCalls = file.numSites;

  bool hasInit = module.lookupSymbol<func::FuncOp>(initFunctionName) != nullptr;
  parts["version"] = tenonVersion().str();
  parts["header"] = headerComment(description, counts);
  auto bodyOr = [](const std::string &body, llvm::StringRef comment) { return body.empty() ? comment.str() : body; };
  parts["init"] = bodyOr(*init, "  // Nothing depends on weights only.");
  parts["run"] = bodyOr(*run, "  // The model does nothing.");
  parts["output_shapes"] = bodyOr(*shapes, "  // No output has dimensions.");
  parts["kernels"] = kernelDeclarations(file);
  parts["specs"] = file.specs.empty() ? "// none" : file.specs;
  parts["signature"] = tensorTable("input", description.inputs, file) +
                       tensorTable("output", description.outputs, file) + symbolTable(description.symbols, file) +
                       mutatedInputTable(description);
  parts["model"] = modelFields(description, weights, counts, hasInit, file);
  parts["self_description"] = stringLiteralLines(selfDescription(description, counts), 4);
  parts["text"] = textTable(file);
  return WrapperSource{fillTemplate(wrapperTemplate, parts), counts.numKernels, counts.numLibraryCalls};
}

} // namespace tenon
