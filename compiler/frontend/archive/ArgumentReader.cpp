//===- ArgumentReader.cpp - arguments of nodes from JSON ----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/SchemaReaders.h"

#include "llvm/ADT/StringRef.h"

namespace tenon::frontend {

TensorRef readTensorRef(JsonReader json) { return {json.field("name").string()}; }

namespace {

std::string readString(JsonReader json) { return json.string(); }
int64_t readInt(JsonReader json) { return json.integer(); }
double readFloat(JsonReader json) { return json.real(); }
bool readBool(JsonReader json) { return json.boolean(); }

None readNone(JsonReader json) {
  if (!json.boolean())
    json.fail("expected true");
  return {};
}

std::vector<TensorRef> readTensorRefs(JsonReader json) { return json.list(readTensorRef); }

std::optional<TensorRef> readOptionalTensor(JsonReader json) {
  auto [tag, payload] = json.tagged();
  if (tag == "as_tensor")
    return readTensorRef(payload);
  if (tag == "as_none")
    readNone(payload);
  else
    json.fail("unknown kind of optional tensor '" + tag + "'");
  return std::nullopt;
}

Argument readOptionalTensorArgument(JsonReader json) {
  std::optional<TensorRef> tensor = readOptionalTensor(json);
  return tensor ? Argument{*tensor} : Argument{None{}};
}

/// A number under `numberTag`, or a name.
template <typename T, T readNumber(JsonReader)> SymArg<T> readSymArg(JsonReader json, llvm::StringRef numberTag) {
  auto [tag, payload] = json.tagged();
  if (tag == "as_name")
    return {payload.string()};
  if (tag == numberTag)
    return {readNumber(payload)};
  json.fail("unknown kind of symbolic argument '" + tag + "'");
  return {};
}
SymIntArg readSymIntArg(JsonReader json) { return readSymArg<int64_t, readInt>(json, "as_int"); }
SymFloatArg readSymFloatArg(JsonReader json) { return readSymArg<double, readFloat>(json, "as_float"); }
SymBoolArg readSymBoolArg(JsonReader json) { return readSymArg<bool, readBool>(json, "as_bool"); }

ComplexArg readComplex(JsonReader json) { return {json.field("real").real(), json.field("imag").real()}; }
CustomObjArg readCustomObj(JsonReader json) { return {json.field("name").string(), json.field("class_fqn").string()}; }
GraphArg readGraphArg(JsonReader json) {
  return {json.field("name").string(), std::make_shared<const Graph>(readGraph(json.field("graph")))};
}
std::map<std::string, std::shared_ptr<const Argument>> readDictionary(JsonReader json) {
  return json.map([](JsonReader member) { return std::make_shared<const Argument>(readArgument(member)); });
}

/// Wraps a reader of a value as a reader of an argument, and of a list of such values.
template <auto read> Argument one(JsonReader json) { return {read(json)}; }
template <auto read> Argument many(JsonReader json) { return {json.list(read)}; }
template <auto read> Argument lists(JsonReader json) {
  return {json.list([](JsonReader inner) { return inner.list(read); })};
}

struct ArgumentKind {
  llvm::StringLiteral tag;
  Argument (*read)(JsonReader json);
};

constexpr ArgumentKind kArgumentKinds[] = {
    {"as_none", one<readNone>},
    {"as_tensor", one<readTensorRef>},
    {"as_tensors", many<readTensorRef>},
    {"as_optional_tensor", readOptionalTensorArgument},
    {"as_optional_tensors", many<readOptionalTensor>},
    {"as_nested_tensors", many<readTensorRefs>},
    {"as_int", one<readInt>},
    {"as_ints", many<readInt>},
    {"as_int_lists", lists<readInt>},
    {"as_float", one<readFloat>},
    {"as_floats", many<readFloat>},
    {"as_float_lists", lists<readFloat>},
    {"as_bool", one<readBool>},
    {"as_bools", many<readBool>},
    {"as_string", one<readString>},
    {"as_strings", many<readString>},
    {"as_complex", one<readComplex>},
    {"as_sym_int", one<readSymIntArg>},
    {"as_sym_ints", many<readSymIntArg>},
    {"as_sym_float", one<readSymFloatArg>},
    {"as_sym_floats", many<readSymFloatArg>},
    {"as_sym_bool", one<readSymBoolArg>},
    {"as_sym_bools", many<readSymBoolArg>},
    {"as_scalar_type", [](JsonReader json) { return Argument{ScalarTypeArg{readScalarType(json)}}; }},
    {"as_layout", [](JsonReader json) { return Argument{LayoutArg{json.integer()}}; }},
    {"as_memory_format", [](JsonReader json) { return Argument{MemoryFormatArg{json.integer()}}; }},
    {"as_device", one<readDevice>},
    {"as_graph", one<readGraphArg>},
    {"as_operator", [](JsonReader json) { return Argument{OperatorArg{json.string()}}; }},
    {"as_custom_obj", one<readCustomObj>},
    {"as_string_to_argument", one<readDictionary>},
};

} // namespace

Argument readArgument(JsonReader json) {
  auto [tag, payload] = json.tagged();
  for (const ArgumentKind &kind : kArgumentKinds)
    if (kind.tag == tag)
      return kind.read(payload);
  json.fail("unknown kind of argument '" + tag + "'; the file needs a newer version of this compiler");
  return {};
}

} // namespace tenon::frontend
