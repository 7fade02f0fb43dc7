//===- SelfDescription.cpp - what a model says about itself ---------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/wrapper/SelfDescription.h"

#include "llvm/Support/JSON.h"

using namespace llvm;

namespace tenon {

// Attributes of a JSON object take valid UTF-8 only.
static void text(json::OStream &json, StringRef key, StringRef value) { json.attribute(key, json::fixUTF8(value)); }

static void writeTensors(json::OStream &json, StringRef key, const std::vector<TensorDescription> &tensors) {
  json.attributeArray(key, [&] {
    for (const TensorDescription &tensor : tensors)
      json.object([&] {
        text(json, "name", tensor.name);
        text(json, "dtype", tensor.dtype);
        json.attributeArray("shape", [&] {
          for (const std::string &dim : tensor.dims)
            if (int64_t size; !StringRef(dim).getAsInteger(10, size))
              json.value(size);
            else
              json.value(json::fixUTF8(dim));
        });
        if (tensor.isMutated)
          json.attribute("mutated", true);
      });
  });
}

static void writeSymbols(json::OStream &json, const std::vector<SymbolDescription> &symbols) {
  json.attributeArray("symbols", [&] {
    for (const SymbolDescription &symbol : symbols)
      json.object([&] {
        text(json, "name", symbol.name);
        json.attribute("min", symbol.min);
        if (symbol.max == INT64_MAX)
          json.attribute("max", nullptr);
        else
          json.attribute("max", symbol.max);
      });
  });
}

std::string selfDescription(const ModelDescription &description, const ModelCounts &counts) {
  std::string result;
  raw_string_ostream stream(result);
  json::OStream json(stream);
  json.object([&] {
    text(json, "kind", "model");
    text(json, "name", description.name);
    text(json, "tenon_version", tenonVersion());
    text(json, "torch_version", description.torchVersion);
    text(json, "target", description.target);
    text(json, "cpu", description.cpu);
    text(json, "features", description.features);
    text(json, "precision", description.precision);
    text(json, "numerics", description.numerics);
    writeTensors(json, "inputs", description.inputs);
    writeTensors(json, "outputs", description.outputs);
    writeSymbols(json, description.symbols);
    json.attribute("kernels", counts.numKernels);
    json.attribute("library_calls", counts.numLibraryCalls);
    json.attribute("weights_bytes", counts.weightsBytes);
    json.attribute("state_bytes", counts.stateBytes);
  });
  return result;
}

} // namespace tenon
