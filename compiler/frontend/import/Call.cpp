//===- Call.cpp - one node of the graph, as its table row sees it -------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"
#include "compiler/frontend/import/SizeBounds.h"
#include "compiler/ir/TenonDialect.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tenon::aten;
using namespace tenon::frontend;

//===--- the op table ------------------------------------------------------------------------------------------------===//

const OpTable &OpTable::get() {
  static const OpTable table = [] {
    OpTable result;
    for (auto addRows :
         {addPointwiseRows, addCastRows, addViewRows, addCreationRows, addMatmulRows, addConvolutionRows, addNormRows,
          addPoolingRows, addAttentionRows, addIndexingRows, addDataMovementRows, addReductionRows, addResamplingRows,
          addSortingRows, addScanRows, addScatteringRows, addPlacingRows, addFloatBitRows, addGroupedMatmulRows, addWindowRows,
          addLossRows, addDistanceRows, addRecurrentRows, addEmbeddingBagRows,
          addAntialiasedResamplingRows, addProductRows, addOrderStatisticRows, addJoiningRows, addDiagonalRows,
          addSignalWindowRows, addQuantizationRows, addSpecialFunctionRows, addEinsumRows,
          addDeformableConvolutionRows, addComplexRows, addFourierRows, addShortTimeFourierRows, addNonzeroRows, addRandomRows,
          addLinearAlgebraRows, addLinearSystemRows, addMatrixNormRows, addBoxRows, addHistogramRows, addUniqueRows,
          addComplexPointwiseRows, addComplexProductRows, addComplexByPartsRows})
      addRows(result);
    return result;
  }();
  return table;
}

// The name under which rows know an op that PyTorch has under several names with equal arguments; empty for none.
static StringRef otherName(StringRef op) {
  static const llvm::StringMap<StringRef> names = {{"absolute", "abs"},
                                                   {"arccos", "acos"},
                                                   {"arccosh", "acosh"},
                                                   {"arcsin", "asin"},
                                                   {"arcsinh", "asinh"},
                                                   {"arctan", "atan"},
                                                   {"arctan2", "atan2"},
                                                   {"arctanh", "atanh"},
                                                   {"divide", "div"},
                                                   {"fix", "trunc"},
                                                   {"greater", "gt"},
                                                   {"greater_equal", "ge"},
                                                   {"less", "lt"},
                                                   {"less_equal", "le"},
                                                   {"negative", "neg"},
                                                   {"not_equal", "ne"},
                                                   {"special_erf", "erf"},
                                                   {"special_erfc", "erfc"},
                                                   {"special_exp2", "exp2"},
                                                   {"special_expit", "sigmoid"},
                                                   {"special_expm1", "expm1"},
                                                   {"special_log1p", "log1p"},
                                                   {"special_logit", "logit"},
                                                   {"special_round", "round"},
                                                   {"special_sinc", "sinc"},
                                                   {"subtract", "sub"}};
  return names.lookup(op);
}

const Row *OpTable::find(StringRef op, StringRef overload) const {
  auto row = rows.find((op + "." + overload).str());
  if (row == rows.end())
    row = rows.find(op);
  if (row != rows.end())
    return &row->second;
  StringRef plain = op;
  std::string prefix = plain.consume_front("complex.") ? "complex." : "", other = otherName(plain).str();
  return other.empty() ? nullptr : find(prefix + other, overload);
}

//===--- schema defaults ---------------------------------------------------------------------------------------------===//

namespace {
struct SchemaRow {
  StringLiteral overload, defaults;
};
constexpr SchemaRow schemaRows[] = {
#include "compiler/frontend/import/AtenSchemas.inc"
};
} // namespace

StringRef tenon::aten::schemaDefaults(StringRef op, StringRef overload) {
  static const auto table = [] {
    llvm::StringMap<StringRef> result;
    for (const SchemaRow &row : schemaRows)
      result[row.overload] = row.defaults;
    return result;
  }();
  return table.lookup((op + "." + overload).str());
}

// The value of a default as ATen writes it: None, True, 1, 1e-05, [0, 0], "none" or a bare word (an enum's name: None
// here, no row asks for it).
static Argument parseDefault(StringRef text) {
  if (text == "True" || text == "False")
    return {text == "True"};
  if (text.consume_front("[")) {
    std::vector<int64_t> values;
    for (StringRef part : llvm::split(text.drop_back(), ','))
      if (int64_t value; !part.trim().getAsInteger(10, value))
        values.push_back(value);
    return {values};
  }
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\''))
    return {text.drop_front().drop_back().str()};
  if (int64_t value; !text.getAsInteger(10, value))
    return {value};
  if (double value; !text.getAsDouble(value))
    return {value};
  return {None{}};
}

const Argument &Call::argument(StringRef name) {
  static const Argument none{None{}};
  if (partOf && partOf(name) == Part::Absent)
    return none;
  for (const NamedArgument &input : node.inputs)
    if (input.name == name)
      return input.arg;
  auto [entry, isNew] = defaults.try_emplace(name, Argument{None{}});
  if (isNew)
    for (StringRef pair : llvm::split(schemaDefaults(op, overload), ';'))
      if (auto [key, value] = pair.split('='); key == name)
        entry->second = parseDefault(value);
  return entry->second;
}

//===--- construction ------------------------------------------------------------------------------------------------===//

Call::Call(Emitter emitter, const Node &node, Scope &scope, Symbols &symbols)
    : e(emitter), node(node), scope(scope), symbols(symbols) {
  StringRef target = node.target;
  if (!target.consume_front("torch.ops.aten."))
    target.consume_front("torch.ops.");
  std::tie(op, overload) = target.rsplit('.');
  // "__and__" and "__or__" are no in-place ops.
  isInPlace = op.ends_with("_") && !op.ends_with("__");
  if (isInPlace)
    op = op.drop_back();
  auto note = [&](const TensorRef &ref) {
    auto meta = scope.graph.tensorValues.find(ref.name);
    if (meta != scope.graph.tensorValues.end())
      results.push_back(&meta->second);
  };
  for (const Argument &output : node.outputs) {
    if (auto *ref = output.getIf<TensorRef>())
      note(*ref);
    if (auto *refs = output.getIf<std::vector<TensorRef>>())
      llvm::for_each(*refs, note);
  }
}

Tensor Call::unsupported(const std::string &reason) {
  if (firstProblem.empty())
    firstProblem = reason;
  return results.empty() || !elementType(e.b.getContext(), resultDtype()) ? e.empty({}, ScalarType::Float32)
                                                                          : e.empty(resultSizes(), resultDtype());
}

//===--- arguments ---------------------------------------------------------------------------------------------------===//

Tensor Call::read(StringRef tensorName, StringRef name) {
  auto alias = scope.tensors.find(tensorName);
  if (alias == scope.tensors.end())
    return unsupported(("argument '" + tensorName + "' is no tensor of the graph").str());
  return chosenPart(name, autocast(alias->second->read(e)));
}

//===--- parts of complex operands -----------------------------------------------------------------------------------===//

// Arguments that say where, not what: they are no numbers with an imaginary part.
static bool isPosition(StringRef name) {
  return llvm::is_contained({"index", "indices", "mask", "condition", "repeats"}, name);
}

// Numbers that become elements; others are factors or options, which every part takes alike.
static bool isElement(StringRef name) {
  return llvm::is_contained({"value", "fill_value", "s", "start", "end", "self", "other"}, name);
}

Tensor Call::chosenPart(StringRef name, const Tensor &tensor) {
  if (!partOf || (isPosition(name) && partOf(name) != Part::Truth))
    return tensor;
  bool hasParts = isComplex(tensor.dtype);
  switch (partOf(name)) {
  case Part::Real:
    return partsOf(e, tensor).real;
  case Part::Imaginary:
    return hasParts ? partsOf(e, tensor).imaginary : e.fill(tensor.sizes, tensor.dtype, Scalar::of(int64_t{0}));
  case Part::Truth:
    return e.cast(tensor, ScalarType::Bool);
  case Part::Magnitude:
    return hasParts ? magnitude(e, tensor) : tensor;
  case Part::Absent:
    break;
  }
  return Tensor();
}

Results Call::onParts(const Row &row, PartOf which) {
  ++numRuns;
  partOf = std::move(which);
  Results results = row(*this);
  partOf = nullptr;
  return results;
}

bool Call::involvesComplex() const {
  auto isComplexTensor = [&](const TensorRef &ref) {
    auto meta = scope.graph.tensorValues.find(ref.name);
    return meta != scope.graph.tensorValues.end() && isComplex(meta->second.dtype);
  };
  if (llvm::any_of(results, [](const TensorMeta *meta) { return isComplex(meta->dtype); }))
    return true;
  return llvm::any_of(node.inputs, [&](const NamedArgument &input) {
    if (auto *ref = input.arg.getIf<TensorRef>())
      return isComplexTensor(*ref);
    auto *refs = input.arg.getIf<std::vector<TensorRef>>();
    return refs && llvm::any_of(*refs, isComplexTensor);
  });
}

bool Call::isRowMajor(StringRef name) {
  auto *ref = argument(name).getIf<TensorRef>();
  auto meta = ref ? scope.graph.tensorValues.find(ref->name) : scope.graph.tensorValues.end();
  if (meta == scope.graph.tensorValues.end() || !meta->second.storageOffset.isStatic() ||
      meta->second.storageOffset.staticValue() != 0)
    return false;
  int64_t expected = 1;
  for (auto [size, stride] : llvm::reverse(llvm::zip(meta->second.sizes, meta->second.strides))) {
    if (!size.isStatic() || !stride.isStatic())
      return false;
    if (size.staticValue() != 1 && stride.staticValue() != expected)
      return false;
    expected *= size.staticValue();
  }
  return true;
}

// The numbers at export time; nullopt where one is not known.
static std::optional<SmallVector<int64_t>> exportedValues(ArrayRef<SymInt> values) {
  SmallVector<int64_t> result;
  for (const SymInt &value : values) {
    if (!value.isStatic() && !value.hint)
      return std::nullopt;
    result.push_back(value.isStatic() ? value.staticValue() : *value.hint);
  }
  return result;
}

static void collectSymbols(const SymExpr &expr, std::map<std::string, tenon::frontend::Range> &values) {
  if (expr.kind == SymExpr::Kind::Symbol)
    values[expr.name] = {1000, 1000};
  for (const SymExpr &operand : expr.operands)
    collectSymbols(operand, values);
}

static std::optional<SmallVector<int64_t>> typicalValues(ArrayRef<SymInt> values) {
  SmallVector<int64_t> result;
  for (const SymInt &value : values) {
    if (value.isStatic()) {
      result.push_back(value.staticValue());
      continue;
    }
    std::map<std::string, tenon::frontend::Range> symbols;
    collectSymbols(value.expr(), symbols);
    tenon::frontend::Range range = boundsOf(value.expr(), symbols);
    if (!range.min || range.min != range.max)
      return std::nullopt;
    result.push_back(*range.min);
  }
  return result;
}

std::optional<SmallVector<int64_t>> Call::typicalSizes() const { return typicalValues(results.front()->sizes); }

std::optional<SmallVector<int64_t>> Call::typicalStrides() const { return typicalValues(results.front()->strides); }

// Runs of source dimensions that lie without gaps are taken from the inside; each must be a run of whole result dimensions.
bool Call::canView(StringRef name) {
  auto *ref = argument(name).getIf<TensorRef>();
  auto meta = ref ? scope.graph.tensorValues.find(ref->name) : scope.graph.tensorValues.end();
  if (meta == scope.graph.tensorValues.end())
    return true;
  auto from = exportedValues(meta->second.sizes), strides = exportedValues(meta->second.strides);
  auto to = exportedValues(results.front()->sizes);
  if (!from || !strides || !to || from->empty() || llvm::is_contained(*from, 0))
    return true;
  int64_t next = static_cast<int64_t>(to->size()) - 1, run = 1, taken = 1, inner = strides->back();
  for (int64_t dim = static_cast<int64_t>(from->size()) - 1; dim >= 0; --dim) {
    run *= (*from)[dim];
    if (dim > 0 && ((*from)[dim - 1] == 1 || (*strides)[dim - 1] == run * inner))
      continue;
    for (; next >= 0 && (taken < run || (*to)[next] == 1); --next)
      taken *= (*to)[next];
    if (taken != run)
      return false;
    run = taken = 1;
    inner = dim > 0 ? (*strides)[dim - 1] : 1;
  }
  return true;
}

// A number in the place of a tensor is a 0-d tensor of its Python kind's dtype.
Tensor Call::tensor(StringRef name) {
  if (auto *ref = argument(name).getIf<TensorRef>())
    return read(ref->name, name);
  if (!has(name))
    return unsupported(("argument '" + name + "' is missing").str());
  Scalar number = scalar(name);
  return e.fill({}, isFloat(number.dtype) ? ScalarType::Float32 : number.dtype, number);
}

Tensor Call::optionalTensor(StringRef name) { return has(name) ? tensor(name) : Tensor(); }

SmallVector<Tensor> Call::tensors(StringRef name) {
  SmallVector<Tensor> list;
  const Argument &arg = argument(name);
  if (auto *refs = arg.getIf<std::vector<TensorRef>>())
    for (const TensorRef &ref : *refs)
      list.push_back(read(ref.name, name));
  else if (auto *optional = arg.getIf<OptionalTensorRefs>())
    for (const std::optional<TensorRef> &ref : *optional)
      list.push_back(ref ? read(ref->name, name) : Tensor());
  else
    unsupported(("argument '" + name + "' is no list of tensors").str());
  return list;
}

ComplexScalar Call::complexScalar(StringRef name) {
  if (auto *number = argument(name).getIf<ComplexArg>())
    return {Scalar::of(number->real), Scalar::of(number->imag)};
  return {scalar(name), Scalar::of(0.0)};
}

std::optional<Scalar> Call::optionalScalar(StringRef name) {
  const Argument &arg = argument(name);
  if (arg.isNone())
    return std::nullopt;
  bool isImaginary = partOf && partOf(name) == Part::Imaginary;
  if (auto *number = arg.getIf<ComplexArg>(); number && partOf && isElement(name))
    return Scalar::of(isImaginary ? number->imag : number->real);
  if (isImaginary && isElement(name))
    return Scalar::of(int64_t{0});
  if (auto *value = arg.getIf<int64_t>())
    return Scalar::of(*value);
  if (auto *value = arg.getIf<double>())
    return Scalar::of(*value);
  if (auto *value = arg.getIf<bool>())
    return Scalar::of(*value);
  if (auto *value = arg.getIf<SymIntArg>()) {
    if (!value->isName())
      return Scalar::of(value->number());
    auto entry = scope.graph.symIntValues.find(value->name());
    if (entry != scope.graph.symIntValues.end())
      return entry->second.isStatic() ? Scalar::of(entry->second.staticValue())
                                      : symbols.scalar(e, entry->second.expr());
  }
  if (auto *value = arg.getIf<SymFloatArg>()) {
    if (!value->isName())
      return Scalar::of(value->number());
    auto entry = scope.graph.symFloatValues.find(value->name());
    if (entry != scope.graph.symFloatValues.end())
      return symbols.scalar(e, entry->second);
  }
  if (auto *value = arg.getIf<SymBoolArg>()) {
    if (!value->isName())
      return Scalar::of(value->number());
    auto entry = scope.graph.symBoolValues.find(value->name());
    if (entry != scope.graph.symBoolValues.end())
      return symbols.scalar(e, entry->second);
  }
  unsupported(("argument '" + name + "' is no real number").str());
  return Scalar::of(int64_t{1});
}

Scalar Call::scalar(StringRef name) {
  if (std::optional<Scalar> value = optionalScalar(name))
    return *value;
  unsupported(("argument '" + name + "' is missing").str());
  return Scalar::of(int64_t{1});
}

int64_t Call::integer(StringRef name) {
  Scalar value = scalar(name);
  if (!value.isConstant())
    unsupported(("argument '" + name + "' varies from run to run").str());
  return isFloat(value.dtype) ? static_cast<int64_t>(value.real) : value.integer;
}

double Call::real(StringRef name) {
  Scalar value = scalar(name);
  if (!value.isConstant())
    unsupported(("argument '" + name + "' varies from run to run").str());
  return value.asDouble();
}

bool Call::boolean(StringRef name) { return integer(name) != 0; }

std::string Call::string(StringRef name) {
  auto *value = argument(name).getIf<std::string>();
  return value ? *value : std::string();
}

static Size asSize(Emitter &e, const Scalar &scalar) {
  return scalar.value ? Size(scalar.value) : e.size(scalar.integer);
}

Size Call::size(StringRef name) { return asSize(e, scalar(name)); }

SmallVector<int64_t> Call::integers(StringRef name, int64_t count) {
  const Argument &arg = argument(name);
  SmallVector<int64_t> values;
  if (auto *list = arg.getIf<std::vector<int64_t>>())
    values.assign(list->begin(), list->end());
  else if (arg.getIf<std::vector<SymIntArg>>()) {
    for (Size size : sizes(name)) {
      if (!staticSize(size))
        unsupported(("argument '" + name + "' varies from run to run").str());
      values.push_back(staticSize(size).value_or(1));
    }
  } else if (!arg.isNone() && !arg.getIf<std::vector<TensorRef>>())
    values.push_back(integer(name));
  if (values.size() == 1 && count > 1)
    values.resize(count, values.front());
  return values;
}

Sizes Call::sizes(StringRef name) {
  const Argument &arg = argument(name);
  auto *list = arg.getIf<std::vector<SymIntArg>>();
  if (!list)
    return e.sizes(integers(name));
  Sizes values;
  for (const SymIntArg &element : *list) {
    if (!element.isName()) {
      values.push_back(e.size(element.number()));
      continue;
    }
    auto entry = scope.graph.symIntValues.find(element.name());
    if (entry == scope.graph.symIntValues.end()) {
      unsupported(("argument '" + name + "' is unknown").str());
      continue;
    }
    values.push_back(symbols.size(e, entry->second));
  }
  return values;
}

ArrayRef<double> Call::reals(StringRef name) {
  auto *list = argument(name).getIf<std::vector<double>>();
  return list ? ArrayRef<double>(*list) : ArrayRef<double>();
}

std::optional<ScalarType> Call::dtype(StringRef name) {
  if (auto *type = argument(name).getIf<ScalarTypeArg>())
    return type->type;
  return std::nullopt;
}

int64_t Call::dim(StringRef name, int64_t rank) {
  int64_t value = integer(name), bound = std::max<int64_t>(rank, 1);
  if (value < -bound || value >= bound) {
    unsupported(("argument '" + name + "' is no dimension of its tensor").str());
    return 0;
  }
  return value < 0 ? value + bound : value;
}

SmallVector<int64_t> Call::dims(StringRef name, int64_t rank) {
  SmallVector<int64_t> values = has(name) ? integers(name) : SmallVector<int64_t>();
  if (values.empty())
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  for (int64_t &value : values) {
    if (value < 0)
      value += std::max<int64_t>(rank, 1);
    if (value < 0 || value >= std::max<int64_t>(rank, 1)) {
      unsupported(("argument '" + name + "' is no dimension of its tensor").str());
      value = 0;
    }
  }
  if (rank == 0)
    values.clear();
  llvm::sort(values);
  return values;
}

//===--- checks ------------------------------------------------------------------------------------------------------===//

std::string Call::describe(const Tensor &operand) {
  auto isOperand = [&](const TensorRef &ref) {
    auto alias = scope.tensors.find(ref.name);
    return alias != scope.tensors.end() && alias->second->read(e).value == operand.value;
  };
  std::string name;
  for (const NamedArgument &input : node.inputs) {
    if (auto *ref = input.arg.getIf<TensorRef>(); ref && isOperand(*ref))
      name = ref->name;
    if (auto *refs = input.arg.getIf<OptionalTensorRefs>())
      for (const std::optional<TensorRef> &ref : *refs)
        if (ref && isOperand(*ref))
          name = ref->name;
    if (auto *refs = input.arg.getIf<std::vector<TensorRef>>())
      for (const TensorRef &ref : *refs)
        if (isOperand(ref))
          name = ref.name;
  }
  StringRef target = node.target;
  target.consume_front("torch.ops.");
  return target.str() + (name.empty() ? "" : " of '" + name + "'");
}

void Call::checkIndex(const Tensor &indices, Size size, bool wraps) {
  if (numRuns > 1)
    return;
  CheckIndexOp::create(e.b, e.loc, indices.value, e.index(size), describe(indices), wraps);
}

void Call::require(Value holds, const std::string &message, ValueRange values) {
  if (numRuns > 1)
    return;
  GuardOp::create(e.b, e.loc, holds, message, values);
}

//===--- writing -----------------------------------------------------------------------------------------------------===//

void Call::write(StringRef name, const Tensor &updated) {
  auto *ref = argument(name).getIf<TensorRef>();
  auto alias = ref ? scope.tensors.find(ref->name) : scope.tensors.end();
  if (alias == scope.tensors.end())
    return (void)unsupported(("argument '" + name + "' is no tensor to write to").str());
  const Tensor &target = alias->second->read(e);
  Tensor fitting = e.cast(updated, target.dtype);
  if (fitting.value.getType() != target.value.getType() || !alias->second->write(e, fitting))
    unsupported(("argument '" + name + "' cannot be written to").str());
}

//===--- sizes that a run computes -----------------------------------------------------------------------------------===//

static bool isUndefinedSymbol(const SymInt &size, const Symbols &symbols) {
  return !size.isStatic() && size.expr().kind == SymExpr::Kind::Symbol && !symbols.isDefined(size.expr().name);
}

bool Call::showsSymbolFirst() const {
  return llvm::any_of(results.front()->sizes, [&](const SymInt &size) { return isUndefinedSymbol(size, symbols); });
}

Size Call::defineLateSize(Value count, std::optional<Size> bound) {
  if (numRuns > 1 && lateSize)
    return *lateSize;
  Value size = LateSizeOp::create(e.b, e.loc, e.b.getIndexType(), count, bound ? e.index(*bound) : Value());
  for (const SymInt &known : results.front()->sizes)
    if (isUndefinedSymbol(known, symbols))
      symbols.define(known.expr().name, {ScalarType::Int64, 0, 0, size}, /*atEntry=*/false);
  lateSize = size;
  return size;
}
