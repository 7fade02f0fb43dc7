//===- SignatureReader.cpp - input and output specs and pytrees from JSON -----------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/SchemaReaders.h"

#include "compiler/frontend/archive/BadInput.h"

#include "llvm/ADT/STLExtras.h"

namespace tenon::frontend {

namespace {

/// How a spec of the schema is read: the member that names what it stands for, if any.
template <typename Kind> struct SpecKind {
  llvm::StringLiteral tag;
  Kind kind;
  llvm::StringLiteral targetField;
};

using Input = InputSpec::Kind;
constexpr SpecKind<Input> kInputKinds[] = {
    {"parameter", Input::Parameter, "parameter_name"},
    {"buffer", Input::Buffer, "buffer_name"},
    {"tensor_constant", Input::TensorConstant, "tensor_constant_name"},
    {"custom_obj", Input::CustomObj, "custom_obj_name"},
    {"token", Input::Token, ""},
    {"user_input", Input::UserInput, ""},
    {"constant_input", Input::ConstantInput, "name"},
};

using Output = OutputSpec::Kind;
constexpr SpecKind<Output> kOutputKinds[] = {
    {"user_output", Output::UserOutput, ""},
    {"buffer_mutation", Output::BufferMutation, "buffer_name"},
    {"parameter_mutation", Output::ParameterMutation, "parameter_name"},
    {"user_input_mutation", Output::UserInputMutation, "user_input_name"},
    {"token", Output::Token, ""},
    {"loss_output", Output::Other, ""},
    {"gradient_to_parameter", Output::Other, "parameter_name"},
    {"gradient_to_user_input", Output::Other, "user_input_name"},
};

/// Null, after noting the fault, for an unknown tag.
template <typename Kinds> auto *findKind(const Kinds &kinds, JsonReader json, const std::string &tag) {
  auto *found = llvm::find_if(kinds, [&](const auto &kind) { return kind.tag == tag; });
  if (found != std::end(kinds))
    return found;
  json.fail("unknown kind of spec '" + tag + "'; the file needs a newer version of this compiler");
  return static_cast<decltype(found)>(nullptr);
}

/// The placeholder's name; empty for a value without name.
std::string nameOf(const Argument &arg) {
  if (auto *tensor = arg.getIf<TensorRef>())
    return tensor->name;
  if (auto *symInt = arg.getIf<SymIntArg>(); symInt && symInt->isName())
    return symInt->name();
  if (auto *symFloat = arg.getIf<SymFloatArg>(); symFloat && symFloat->isName())
    return symFloat->name();
  if (auto *object = arg.getIf<CustomObjArg>())
    return object->name;
  return {};
}

} // namespace

InputSpec readInputSpec(JsonReader json) {
  InputSpec spec;
  auto [tag, payload] = json.tagged();
  auto *kind = findKind(kInputKinds, json, tag);
  if (!kind)
    return spec;
  spec.kind = kind->kind;
  if (!kind->targetField.empty())
    spec.targetName = payload.field(kind->targetField).string();
  if (spec.kind == Input::ConstantInput) {
    spec.constant = readArgument(payload.field("value"));
  } else if (spec.kind == Input::UserInput) {
    spec.constant = readArgument(payload.field("arg"));
    spec.argName = nameOf(spec.constant);
  } else {
    spec.argName = payload.field("arg").field("name").string();
  }
  if (spec.kind == Input::Buffer)
    spec.persistent = payload.field("persistent").boolean();
  return spec;
}

OutputSpec readOutputSpec(JsonReader json) {
  OutputSpec spec;
  auto [tag, payload] = json.tagged();
  auto *kind = findKind(kOutputKinds, json, tag);
  if (!kind)
    return spec;
  spec.kind = kind->kind;
  if (!kind->targetField.empty())
    spec.targetName = payload.field(kind->targetField).string();
  if (spec.kind == Output::UserOutput)
    spec.arg = readArgument(payload.field("arg"));
  else
    spec.arg.value = readTensorRef(payload.field("arg"));
  return spec;
}

static TreeSpec readTree(JsonReader json) {
  TreeSpec spec;
  if (auto type = json.find("type"))
    spec.type = type->string();
  if (auto context = json.find("context"))
    spec.context = context->json().is_string() ? context->string() : context->json().dump();
  spec.children = json.field("children_spec").list(readTree);
  if (spec.isLeaf() && !spec.children.empty())
    json.fail("a leaf has children");
  return spec;
}

TreeSpec readTreeSpec(JsonReader json) {
  std::string text = json.string();
  if (json.failed())
    return {};
  llvm::Expected<Json> tree = parseJson(text, "");
  if (!tree) {
    json.fail("malformed pytree: " + llvm::toString(tree.takeError()));
    return {};
  }
  JsonDocument document(*tree, "");
  TreeSpec spec;
  if (!tree->is_array() || tree->size() != 2 || (*tree)[0] != 1)
    document.fail(*tree, "expected a version, 1, and a tree");
  else
    spec = readTree(JsonReader((*tree)[1], document));
  if (document.failed())
    json.fail("malformed pytree: " + llvm::toString(document.takeError()));
  return spec;
}

} // namespace tenon::frontend
