//===- ExportedProgram.h - an exported program as plain data --------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// What a `.pt2` archive says, checked for consistency, before any meaning is given to it. Mirrors the schema of
// torch.export (major 8); value semantics, no MLIR. Everything here owns its data except Record::bytes, which points into
// the mapped archive (Archive.h keeps it alive).
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_EXPORTEDPROGRAM_H
#define TENON_FRONTEND_ARCHIVE_EXPORTEDPROGRAM_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace tenon::frontend {

/// The schema's ScalarType codes (not c10's).
enum class ScalarType : uint8_t {
  Unknown = 0, UInt8 = 1, Int8 = 2, Int16 = 3, Int32 = 4, Int64 = 5, Float16 = 6, Float32 = 7, Float64 = 8,
  ComplexHalf = 9, ComplexFloat = 10, ComplexDouble = 11, Bool = 12, BFloat16 = 13, UInt16 = 28, Float8E4M3FN = 29,
  Float8E5M2 = 30, Float8E4M3FNUZ = 31, Float8E5M2FNUZ = 32, Float8E8M0FNU = 33, UInt32 = 34, UInt64 = 35,
};

/// Bytes of one element; 0 for Unknown.
size_t elementSizeInBytes(ScalarType type);
/// The name PyTorch prints without the prefix "torch.": "float32".
const char *scalarTypeName(ScalarType type);

/// A symbolic integer, float or boolean expression (sympy), as a tree.
struct SymExpr {
  enum class Kind : uint8_t { Integer, Rational, Float, Boolean, Symbol, Call };
  Kind kind = Kind::Integer;
  int64_t integer = 0;     ///< Integer; Boolean (0/1); Rational: numerator
  int64_t denominator = 1; ///< Rational
  double real = 0;         ///< Float
  std::string name;        ///< Symbol: "s77"; Call: the sympy or torch function ("Add", "FloorDiv")
  std::vector<SymExpr> operands;

  bool isInteger(int64_t value) const { return kind == Kind::Integer && integer == value; }
  bool operator==(const SymExpr &) const = default;
  /// Infix text for messages: "2*s77 + 1".
  std::string toString() const;
};

/// A size, stride or offset: a number or an expression over symbols.
struct SymInt {
  std::variant<int64_t, SymExpr> value = int64_t{0};
  std::optional<int64_t> hint; ///< the value at export time

  bool isStatic() const { return std::holds_alternative<int64_t>(value); }
  int64_t staticValue() const { return std::get<int64_t>(value); }
  const SymExpr &expr() const { return std::get<SymExpr>(value); }
};

struct Device {
  std::string type;
  std::optional<int64_t> index;
};

struct TensorMeta {
  ScalarType dtype = ScalarType::Unknown;
  std::vector<SymInt> sizes;
  std::vector<SymInt> strides; ///< elements; as seen at export time
  SymInt storageOffset;        ///< elements
  Device device;
  bool requiresGrad = false;
};

struct Graph;

struct None {
  bool operator==(const None &) const = default;
};
/// A reference to a tensor of the same graph's value tables.
struct TensorRef {
  std::string name;
};
/// A scalar that is a number or a reference to a symbolic value of the graph.
template <typename T>
struct SymArg {
  std::variant<T, std::string> value; ///< number, or the name of a sym_*_values entry
  bool isName() const { return std::holds_alternative<std::string>(value); }
  const std::string &name() const { return std::get<std::string>(value); }
  T number() const { return std::get<T>(value); }
};
using SymIntArg = SymArg<int64_t>;
using SymFloatArg = SymArg<double>;
using SymBoolArg = SymArg<bool>;
struct ScalarTypeArg {
  ScalarType type;
};
struct LayoutArg {
  int64_t code;
};
struct MemoryFormatArg {
  int64_t code; ///< 1 contiguous, 2 channels_last, 3 channels_last_3d, 4 preserve
};
struct GraphArg {
  std::string name;
  std::shared_ptr<const Graph> graph;
};
struct OperatorArg {
  std::string target;
};
struct CustomObjArg {
  std::string name, classFqn;
};
struct ComplexArg {
  double real, imag;
};
/// An element of an optional tensor list: empty name for None.
using OptionalTensorRefs = std::vector<std::optional<TensorRef>>;

/// One argument or result. A list of references in a higher-order op may name symbolic values as well as tensors.
struct Argument {
  std::variant<None, TensorRef, std::vector<TensorRef>, OptionalTensorRefs, std::vector<std::vector<TensorRef>>, int64_t,
               double, bool, std::string, ComplexArg, std::vector<int64_t>, std::vector<double>, std::vector<bool>,
               std::vector<std::string>, std::vector<std::vector<int64_t>>, std::vector<std::vector<double>>, SymIntArg,
               std::vector<SymIntArg>, SymFloatArg, std::vector<SymFloatArg>, SymBoolArg, std::vector<SymBoolArg>,
               ScalarTypeArg, LayoutArg, MemoryFormatArg, Device, GraphArg, OperatorArg, CustomObjArg,
               std::map<std::string, std::shared_ptr<const Argument>>>
      value;

  template <typename T> const T *getIf() const { return std::get_if<T>(&value); }
  bool isNone() const { return std::holds_alternative<None>(value); }
};

struct NamedArgument {
  std::string name; ///< the schema's argument name; empty for positional operands of higher-order ops
  Argument arg;
};

struct Node {
  std::string target; ///< "torch.ops.aten.add.Tensor", "_operator.mul"
  std::string name;   ///< FX node name
  std::vector<NamedArgument> inputs;
  std::vector<Argument> outputs;
  std::string stackTrace;    ///< Python, multi-line; may be empty
  std::string nnModuleStack; ///< "key,path,type;…"; may be empty
};

struct Graph {
  std::vector<Argument> inputs, outputs;
  std::vector<Node> nodes;
  std::map<std::string, TensorMeta> tensorValues;
  std::map<std::string, SymInt> symIntValues;
  std::map<std::string, SymExpr> symFloatValues, symBoolValues;
  std::map<std::string, std::string> customObjValues; ///< class names
  bool isSingleTensorReturn = false;
};

struct InputSpec {
  enum class Kind : uint8_t { UserInput, Parameter, Buffer, TensorConstant, CustomObj, Token, ConstantInput };
  Kind kind = Kind::UserInput;
  std::string argName;    ///< placeholder; empty for ConstantInput
  std::string targetName; ///< parameter, buffer, constant: its fully qualified name; ConstantInput: its name
  bool persistent = true; ///< buffers
  Argument constant;      ///< ConstantInput
};

struct OutputSpec {
  enum class Kind : uint8_t { UserOutput, BufferMutation, ParameterMutation, UserInputMutation, Token, Other };
  Kind kind = Kind::UserOutput;
  Argument arg;
  std::string targetName; ///< mutations: buffer or parameter name, or the placeholder of the user input
};

struct Range {
  std::optional<int64_t> min, max; ///< inclusive; empty = unbounded
};

/// A named tensor of the archive: a strided view of one record's bytes.
struct Payload {
  std::string record; ///< path inside the archive, without the root folder: "data/weights/weight_0"
  std::span<const std::byte> bytes; ///< the whole record
  TensorMeta meta;                  ///< sizes, strides and offset are static and inside `bytes`
  bool isParameter = false;
};

/// A pytree of the calling convention: enough to rebuild the nesting of inputs and outputs.
struct TreeSpec {
  std::string type;    ///< "builtins.tuple", "builtins.dict", …; empty for a leaf
  std::string context; ///< JSON text as written
  std::vector<TreeSpec> children;
  bool isLeaf() const { return type.empty(); }
};

struct ExportedProgram {
  Graph graph;
  std::vector<InputSpec> inputSpecs;
  std::vector<OutputSpec> outputSpecs;
  std::map<std::string, Range> symbolRanges; ///< plain symbols only
  std::vector<std::string> guardsCode;
  std::map<std::string, Payload> payloads; ///< by fully qualified name
  std::optional<TreeSpec> inSpec, outSpec;
  std::vector<std::string> forwardArgNames;
  std::string modelName, torchVersion;
  int schemaMinor = 0;
  bool isFunctional = false; ///< verifier dialect "ATEN": no in-place ops, mutations in the signature
};

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_EXPORTEDPROGRAM_H
