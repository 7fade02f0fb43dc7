//===- Call.h - one node of the graph, as its table row sees it -----------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_CALL_H
#define TENON_FRONTEND_IMPORT_CALL_H

#include "compiler/frontend/import/Alias.h"
#include "compiler/frontend/import/Symbols.h"

#include "llvm/ADT/StringMap.h"

namespace tenon::aten {

/// Names of one (sub)graph.
struct Scope {
  const frontend::Graph &graph;
  llvm::StringMap<AliasRef> tensors;
  /// The dtype that products take their operands in (torch.autocast on the CPU); none outside of such a region.
  std::optional<ScalarType> autocast = std::nullopt;
};

/// One result of a row: a fresh tensor, or a view of the node's first tensor argument.
struct Result {
  Result(Tensor tensor) : tensor(std::move(tensor)) {}
  Result(View view) : view(std::move(view)) {}
  Tensor tensor;
  std::optional<View> view;
};
using Results = llvm::SmallVector<Result, 1>;

/// What a row of real numbers sees of a complex operand.
enum class Part {
  Real,
  Imaginary, ///< zero for a real operand
  Truth,     ///< whether it is other than zero
  Magnitude,
  Absent, ///< the argument counts as None
};
class Call;
using Row = std::function<Results(Call &)>;
/// Chooses the part by the argument's name.
using PartOf = std::function<Part(llvm::StringRef argument)>;

/// A Python number that may be complex.
struct ComplexScalar {
  Scalar real, imaginary;
};

/// Arguments by schema name (defaults filled in), metadata of results, and something to build with. An argument that is
/// not what the row asks for makes the call unsupported and yields a harmless stand-in, so that rows need no error
/// paths.
class Call {
public:
  Call(Emitter emitter, const frontend::Node &node, Scope &scope, Symbols &symbols);

  Emitter e;
  const frontend::Node &node;
  llvm::StringRef op;       ///< "add", without the underscore of in-place ops; outside ATen "namespace.name"
  llvm::StringRef overload; ///< "Tensor"
  bool isInPlace = false;

  bool has(llvm::StringRef name) { return !argument(name).isNone(); }
  bool isTensor(llvm::StringRef name) { return argument(name).getIf<frontend::TensorRef>(); }
  Tensor tensor(llvm::StringRef name);
  /// Null for None.
  Tensor optionalTensor(llvm::StringRef name);
  llvm::SmallVector<Tensor> tensors(llvm::StringRef name);
  Scalar scalar(llvm::StringRef name);
  std::optional<Scalar> optionalScalar(llvm::StringRef name);
  ComplexScalar complexScalar(llvm::StringRef name);
  int64_t integer(llvm::StringRef name);
  double real(llvm::StringRef name);
  bool boolean(llvm::StringRef name);
  std::string string(llvm::StringRef name);
  Size size(llvm::StringRef name);
  /// A list of constants; one number stands for `count` equal ones.
  llvm::SmallVector<int64_t> integers(llvm::StringRef name, int64_t count = 1);
  Sizes sizes(llvm::StringRef name);
  /// A list of numbers; empty for None.
  llvm::ArrayRef<double> reals(llvm::StringRef name);
  std::optional<ScalarType> dtype(llvm::StringRef name);
  /// A dimension number in [0, rank).
  int64_t dim(llvm::StringRef name, int64_t rank);
  /// Dimension numbers; all of them where the argument is None or empty.
  llvm::SmallVector<int64_t> dims(llvm::StringRef name, int64_t rank);

  /// True where an operand or a result is complex: only rows named "complex.op" know such calls.
  bool involvesComplex() const;
  /// What `row`, which knows real numbers only, makes of these parts of the complex operands; complex results are of the parts'
  /// dtype. Checks are made by the first of several runs.
  Results onParts(const Row &row, PartOf partOf);
  /// True where the exported program saw the tensor's elements lie row by row from the beginning of their memory.
  bool isRowMajor(llvm::StringRef name);

  /// Metadata of the results, tensors of lists counted one by one.
  size_t numResults() const { return results.size(); }
  ScalarType resultDtype(size_t i = 0) const { return partOf ? partType(results[i]->dtype) : results[i]->dtype; }
  Sizes resultSizes(size_t i = 0) { return symbols.sizes(e, results[i]->sizes); }
  /// Sizes and strides (elements) that the first result would have where every symbol is a thousand, from which their order can
  /// be told; none where one cannot be computed.
  std::optional<llvm::SmallVector<int64_t>> typicalSizes() const;
  std::optional<llvm::SmallVector<int64_t>> typicalStrides() const;
  /// True where a size of the result is known to be zero.
  bool resultIsEmpty(size_t i) const {
    return llvm::any_of(results[i]->sizes, [](const frontend::SymInt &size) { return size.isStatic() && size.staticValue() == 0; });
  }

  /// True where the first result's sizes show a symbol that has no value yet.
  bool showsSymbolFirst() const;
  /// Gives the symbol that the first result's sizes show for the first time, if there is one, its value: `count`, at most `bound`.
  Size defineLateSize(mlir::Value count, std::optional<Size> bound);

  /// Gives the elements of tensor argument `name` other values, as an in-place op does to its first argument.
  void write(llvm::StringRef name, const Tensor &updated);

  /// True where the first result can be another reading of the memory of argument `name`, going by the strides at export time.
  bool canView(llvm::StringRef name);

  /// Marks this call as unsupported and returns a stand-in.
  Tensor unsupported(const std::string &reason);
  const std::string &problem() const { return firstProblem; }

  /// Stops the run where an element of `indices` is outside [0, size), or [-size, size) where negative ones count from the end
  /// (`wraps`). The message names the op and the node or input that the indices are.
  void checkIndex(const Tensor &indices, Size size, bool wraps = false);
  /// Stops the run with `message` where `holds` is false; {0}, {1}, … in it stand for `values`.
  void require(mlir::Value holds, const std::string &message, mlir::ValueRange values = {});
  /// "aten.index_select.default", or "aten.index_select.default of 'ids'" where `operand` is an argument of this call.
  std::string describe(const Tensor &operand);

  Scope &scope;
  Symbols &symbols;

private:
  /// The argument as given, or the schema's default, or None.
  const frontend::Argument &argument(llvm::StringRef name);
  /// Tensor `tensorName` of the graph, as argument `name` shows it.
  Tensor read(llvm::StringRef tensorName, llvm::StringRef name);
  Tensor chosenPart(llvm::StringRef name, const Tensor &tensor);
  Tensor autocast(Tensor tensor);
  std::optional<ScalarType> autocastDtype();

  llvm::SmallVector<const frontend::TensorMeta *, 1> results;
  std::string firstProblem;
  llvm::StringMap<frontend::Argument> defaults;
  PartOf partOf; ///< null: operands are what they are
  unsigned numRuns = 0; ///< of rows on parts
  std::optional<Size> lateSize;
};

/// What is known of ATen: rows by "op" or "op.overload" (the latter first). One function per family fills it.
class OpTable {
public:
  static const OpTable &get();
  void add(llvm::StringRef op, Row row) { rows.try_emplace(op, std::move(row)); }
  const Row *find(llvm::StringRef op, llvm::StringRef overload) const;

private:
  llvm::StringMap<Row> rows;
};

void addPointwiseRows(OpTable &table);
void addCastRows(OpTable &table);
void addViewRows(OpTable &table);
void addCreationRows(OpTable &table);
void addMatmulRows(OpTable &table);
void addConvolutionRows(OpTable &table);
void addNormRows(OpTable &table);
void addPoolingRows(OpTable &table);
void addAttentionRows(OpTable &table);
void addIndexingRows(OpTable &table);
void addDataMovementRows(OpTable &table);
void addReductionRows(OpTable &table);
void addOrderStatisticRows(OpTable &table);
void addJoiningRows(OpTable &table);
void addDiagonalRows(OpTable &table);
void addSignalWindowRows(OpTable &table);
void addQuantizationRows(OpTable &table);
void addSpecialFunctionRows(OpTable &table);
void addEinsumRows(OpTable &table);
void addDeformableConvolutionRows(OpTable &table);
void addComplexRows(OpTable &table);
void addComplexPointwiseRows(OpTable &table);
void addComplexProductRows(OpTable &table);
void addComplexByPartsRows(OpTable &table);
void addFourierRows(OpTable &table);
void addShortTimeFourierRows(OpTable &table);
void addResamplingRows(OpTable &table);
void addSortingRows(OpTable &table);
void addScanRows(OpTable &table);
void addScatteringRows(OpTable &table);
void addPlacingRows(OpTable &table);
void addFloatBitRows(OpTable &table);
void addGroupedMatmulRows(OpTable &table);
void addWindowRows(OpTable &table);
void addLossRows(OpTable &table);
void addDistanceRows(OpTable &table);
void addRecurrentRows(OpTable &table);
void addEmbeddingBagRows(OpTable &table);
void addAntialiasedResamplingRows(OpTable &table);
void addProductRows(OpTable &table);
void addLinearAlgebraRows(OpTable &table);
void addLinearSystemRows(OpTable &table);
void addMatrixNormRows(OpTable &table);
void addNonzeroRows(OpTable &table);
void addRandomRows(OpTable &table);
void addBoxRows(OpTable &table);
void addHistogramRows(OpTable &table);
void addUniqueRows(OpTable &table);

/// True where the op moves the generator on: it counts even where nobody reads its result.
bool drawsRandomNumbers(llvm::StringRef op, llvm::StringRef overload);

/// `tensor` with the elements along `dims` (negative ones count from the end) in reverse order.
Tensor flipped(Emitter &e, const Tensor &tensor, llvm::ArrayRef<int64_t> dims);
/// The main diagonals of the last two dimensions.
Tensor mainDiagonal(Emitter &e, const Tensor &tensor);
/// x - max - log(sum(exp(x - max))) along `dim`, as `result`.
Tensor logSoftmax(Call &call, const Tensor &x, int64_t dim, ScalarType result);
/// Per dimension of `mask`, the coordinates of its true elements, in row-major order. Their number is a size that the run computes.
llvm::SmallVector<Tensor> trueCoordinates(Call &call, const Tensor &mask);
/// The parts of `self` along `dim` at `positions`, a vector.
Tensor selectedAlong(Emitter &e, const Tensor &self, int64_t dim, const Tensor &positions);
/// Index tensors in which a mask is replaced by the coordinates of its true elements.
llvm::SmallVector<Tensor> withoutMasks(Call &call, llvm::SmallVector<Tensor> indices);
/// Index tensors within their dimensions of `self`.
llvm::SmallVector<Tensor> clampedIndices(Emitter &e, const Tensor &self, llvm::SmallVector<Tensor> indices);
/// The factor an upsample node gives for spatial dimension `axis`; null where its sizes decide.
std::optional<double> resamplingFactor(Call &call, int64_t axis, int64_t spatial);
/// Losses of elements, summed or averaged as the argument `reduction` says.
Tensor reduceLoss(Call &call, const Tensor &losses);
/// The norm of this order over `dims`: the root of a sum of powers, an extreme of absolute values, or (0) a count.
Tensor vectorNorm(Emitter &e, const Tensor &x, llvm::ArrayRef<int64_t> dims, double order, ScalarType result);

/// The defaults of an overload's arguments as "name=value;name=value"; empty where it has none. The value is written as
/// in ATen's schemas. The table is made by generate_schemas.py.
llvm::StringRef schemaDefaults(llvm::StringRef op, llvm::StringRef overload);

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_CALL_H
