//===- MatrixNorms.cpp - norms of matrices, and what is decided by singular values ----------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"
#include "compiler/frontend/import/LinearAlgebra.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

static constexpr double infinity = std::numeric_limits<double>::infinity();

//===--- norms -------------------------------------------------------------------------------------------------------===//

namespace {
/// "fro", "nuc", or a number.
struct MatrixOrder {
  std::string name;
  double number = 0;
};
} // namespace

static MatrixOrder orderOf(Call &call, StringRef argument, bool isName) {
  return isName ? MatrixOrder{call.string(argument)} : MatrixOrder{"", call.real(argument)};
}

// The greatest or the least of the singular values, none of which is negative; of none the greatest is zero.
static Tensor extremeValue(Emitter &e, const Tensor &values, bool isGreatest) {
  return vectorNorm(e, values, values.rank() - 1, isGreatest ? infinity : -infinity, values.dtype);
}

static Tensor reciprocals(Emitter &e, const Tensor &x) {
  return e.compute(x, x.dtype, [](Math &m, ValueRange args) { return m.div(m.constant(1), args[0]); });
}

// Numbers whose norms are those of `x`.
static Tensor realOf(Emitter &e, const Tensor &x) { return isComplex(x.dtype) ? magnitude(e, x) : x; }

// The sum of absolute values along one dimension, then an extreme of the sums along the other.
static Tensor extremeOfSums(Emitter &e, const Tensor &x, int64_t summed, int64_t other, bool isMax, ScalarType result) {
  Tensor sums = vectorNorm(e, realOf(e, x), summed, 1, result);
  return vectorNorm(e, sums, other > summed ? other - 1 : other, isMax ? infinity : -infinity, result);
}

// Of the matrices in dimensions `rows` and `columns`; the other dimensions remain.
static Tensor matrixNorm(Call &call, const Tensor &x, const MatrixOrder &order, int64_t rows, int64_t columns,
                         ScalarType result) {
  Emitter &e = call.e;
  bool isSpectral = order.name == "nuc" || std::abs(order.number) == 2;
  if (order.name == "fro")
    return vectorNorm(e, realOf(e, x), {std::min(rows, columns), std::max(rows, columns)}, 2, result);
  if (!isSpectral) {
    bool sumsRows = std::abs(order.number) == 1;
    return extremeOfSums(e, x, sumsRows ? rows : columns, sumsRows ? columns : rows, order.number > 0, result);
  }
  SmallVector<int64_t> last = otherDims(x.rank(), {std::min(rows, columns), std::max(rows, columns)});
  last.append({rows, columns});
  Tensor values = singularValues(call, e.permute(x, last));
  return order.name == "nuc" ? e.sum(values, values.rank() - 1, values.dtype)
                             : extremeValue(e, values, order.number > 0);
}

static Tensor matrixNorm(Call &call, const Tensor &x, const MatrixOrder &order) {
  return matrixNorm(call, x, order, x.rank() - 2, x.rank() - 1, partType(x.dtype));
}

static Tensor withDtype(Emitter &e, const Tensor &x, ScalarType part) {
  if (!isComplex(x.dtype))
    return e.cast(x, part);
  return x.dtype == complexOf(part) ? x : viewAsComplex(e, e.cast(viewAsReal(e, x), part));
}

static Results importMatrixNorm(Call &call, StringRef name, const MatrixOrder &order) {
  Emitter &e = call.e;
  Tensor self = call.tensor(name);
  SmallVector<int64_t> dims = call.has("dim") ? call.integers("dim") : SmallVector<int64_t>{-2, -1};
  for (int64_t &dim : dims)
    dim += dim < 0 ? self.rank() : 0;
  if (dims.size() != 2 || dims[0] == dims[1])
    return {call.unsupported("the norm of a matrix whose dimensions are not two")};
  ScalarType result = call.resultDtype(), compute = computeType(result);
  Tensor norm = matrixNorm(call, withDtype(e, self, compute), order, dims[0], dims[1], compute);
  norm = e.cast(norm, result);
  return {call.boolean("keepdim") ? e.keepDims(norm, self, dims) : norm};
}

// A norm of a matrix where an order meets two dimensions, else of a vector.
static Results importNorm(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  bool isName = call.overload == "ord_str";
  SmallVector<int64_t> dims =
      call.has("dim") ? call.dims("dim", self.rank()) : llvm::to_vector(llvm::seq<int64_t>(0, self.rank()));
  if (call.has("ord") && (isName || dims.size() == 2)) {
    if (!call.has("dim") && self.rank() != 2)
      return {call.unsupported("the norm of a matrix whose dimensions are not two")};
    return importMatrixNorm(call, "self", orderOf(call, "ord", isName));
  }
  ScalarType result = call.resultDtype();
  double order = call.has("ord") ? call.real("ord") : 2;
  Tensor norm = vectorNorm(e, realOf(e, self), dims, order, result);
  return {call.boolean("keepdim") ? e.keepDims(norm, self, dims) : norm};
}

//===--- condition and rank ------------------------------------------------------------------------------------------===//

// |A| |A^-1|, infinite where there is no inverse.
static Tensor conditionByInverse(Call &call, const Tensor &a, const MatrixOrder &order) {
  Emitter &e = call.e;
  LuFactors factors = factorLuAsItLies(call, "self");
  Tensor norm = matrixNorm(call, a, order), ofInverse = matrixNorm(call, inverseByLu(e, factors), order);
  Tensor isSingular = e.cast(factors.info, ScalarType::Bool);
  return e.pointwise({norm, ofInverse, isSingular}, norm.sizes, norm.dtype,
                     [&](OpBuilder &b, Location loc, ValueRange args) {
                       Math m(b, loc, norm.dtype);
                       Value endless = m.constant(infinity);
                       Value product = m.mul(args[0], m.select(args[2], endless, args[1]));
                       return m.select(m.isNan(product), endless, product);
                     });
}

static Results importCondition(Call &call) {
  Emitter &e = call.e;
  Tensor a = call.tensor("self");
  bool isName = call.overload == "p_str";
  if (isEmpty({rowsOf(a), columnsOf(a)}))
    return {e.fill(call.resultSizes(), call.resultDtype(), Scalar::of(0.0))};
  MatrixOrder order{"", 2};
  if (call.has("p"))
    order = orderOf(call, "p", isName);
  if (order.name == "nuc") {
    Tensor values = singularValues(call, a);
    int64_t last = values.rank() - 1;
    return {e.compute({e.sum(values, last, values.dtype), e.sum(reciprocals(e, values), last, values.dtype)},
                      values.dtype, [](Math &m, ValueRange args) { return m.mul(args[0], args[1]); })};
  }
  if (std::abs(order.number) != 2)
    return {conditionByInverse(call, a, order)};
  Tensor values = singularValues(call, a);
  Tensor first = extremeValue(e, values, order.number > 0), second = extremeValue(e, values, order.number < 0);
  return {e.compute({first, second}, values.dtype, [](Math &m, ValueRange args) { return m.div(args[0], args[1]); })};
}

// A tolerance: an argument (a number or a tensor), or what there is without one.
static Tensor tolerance(Call &call, StringRef name, double otherwise) {
  Emitter &e = call.e;
  if (!call.has(name))
    return e.fill({}, ScalarType::Float64, Scalar::of(otherwise));
  return call.isTensor(name) ? e.cast(call.tensor(name), ScalarType::Float64)
                             : e.fill({}, ScalarType::Float64, call.scalar(name));
}

// What singular values must exceed to count, per matrix, with a dimension of size one for the values. Older forms name one
// tolerance: `tol` is absolute, `rcond` relative.
static Tensor threshold(Call &call, const Tensor &a, const Tensor &values) {
  Emitter &e = call.e;
  bool isAbsolute = call.has("tol"), isRelative = call.has("rcond");
  std::optional<int64_t> size = staticSize(e.max(rowsOf(a), columnsOf(a)));
  bool needsSize = !isAbsolute && !isRelative && !call.has("rtol");
  if (needsSize && !size)
    call.unsupported("a tolerance for matrices whose sizes vary");
  double epsilon = partType(a.dtype) == ScalarType::Float64 ? 0x1p-52 : 0x1p-23;
  Tensor absolute = tolerance(call, isAbsolute ? "tol" : "atol", 0);
  Tensor relative =
      isAbsolute ? e.fill({}, ScalarType::Float64, Scalar::of(0.0))
                 : tolerance(call, isRelative ? "rcond" : "rtol", epsilon * static_cast<double>(size.value_or(1)));
  Tensor greatest = extremeValue(e, values, /*isGreatest=*/true);
  bool hidesRelative = needsSize && call.has("atol"); // an absolute tolerance takes the place of a default
  Tensor least = e.compute({absolute, relative, greatest}, ScalarType::Float64, [&](Math &m, ValueRange args) {
    Value scaled = m.mul(args[1], args[2]);
    if (hidesRelative)
      scaled = m.select(m.compare(Math::Order::Gt, args[0], m.constant(0)), m.constant(0), scaled);
    return m.max(args[0], scaled);
  });
  return e.unsqueeze(least, least.rank());
}

static bool isHermitian(Call &call) { return call.has("hermitian") && call.boolean("hermitian"); }

// `results` where `values` exceed `least`, zero elsewhere; compared in float64, the type of tolerances.
static Tensor whereAbove(Emitter &e, const Tensor &values, const Tensor &least, const Tensor &results,
                         ScalarType dtype) {
  Tensor kept = e.compute({values, least, results}, ScalarType::Float64, [](Math &m, ValueRange args) {
    return m.select(m.compare(Math::Order::Gt, args[0], args[1]), args[2], m.constant(0));
  });
  return e.cast(kept, dtype);
}

static Results importRank(Call &call, StringRef name) {
  Emitter &e = call.e;
  Tensor a = call.tensor(name);
  if (isEmpty({rowsOf(a), columnsOf(a)}))
    return {e.fill(call.resultSizes(), ScalarType::Int64, Scalar::of(int64_t{0}))};
  Tensor values =
      isHermitian(call) ? magnitude(e, symmetricSpectrum(call, a, false, false).values) : singularValues(call, a);
  Tensor one = e.fill({}, ScalarType::Float64, Scalar::of(1.0));
  Tensor counts = whereAbove(e, values, threshold(call, a, values), one, ScalarType::Int64);
  return {e.sum(counts, counts.rank() - 1, ScalarType::Int64)};
}

// V S^-1 U^H without the singular values that are too small; of a Hermitian matrix the same with eigenvalues.
static Results importPseudoinverse(Call &call, StringRef name) {
  Emitter &e = call.e;
  Tensor a = call.tensor(name);
  Tensor left, right, values, counted;
  if (isHermitian(call)) {
    Spectrum spectrum = symmetricSpectrum(call, a, /*upper=*/false, /*wantsVectors=*/true);
    left = spectrum.vectors;
    right = transposed(e, left, /*conjugates=*/true);
    values = spectrum.values;
    counted = magnitude(e, values);
  } else {
    SingularValues svd = factorSvd(call, a, /*full=*/false);
    left = transposed(e, svd.vh, /*conjugates=*/true);
    right = transposed(e, svd.u, /*conjugates=*/true);
    values = counted = svd.s;
  }
  if (isEmpty({rowsOf(a), columnsOf(a)}))
    return {e.matmul(left, right)};
  Tensor inverted = whereAbove(e, counted, threshold(call, a, counted), reciprocals(e, values), values.dtype);
  return {e.matmul(scaledBy(e, left, e.unsqueeze(inverted, inverted.rank() - 1)), right)};
}

// V times real numbers, one per column, times V^H.
static Tensor ofSpectrum(Emitter &e, const Tensor &v, const Tensor &values) {
  return e.matmul(scaledBy(e, v, e.unsqueeze(values, values.rank() - 1)),
                       transposed(e, v, /*conjugates=*/true));
}

// Of a Hermitian matrix; eigenvalues below zero count as zero.
static Results importSquareRoot(Call &call) {
  Emitter &e = call.e;
  Spectrum spectrum = symmetricSpectrum(call, call.tensor("self"), /*upper=*/false, /*wantsVectors=*/true);
  Tensor roots = e.compute(spectrum.values, spectrum.values.dtype, [](Math &m, ValueRange args) -> Value {
    return math::SqrtOp::create(m.b, m.loc, m.max(args[0], m.constant(0)));
  });
  return {ofSpectrum(e, spectrum.vectors, roots)};
}

// U V^H and V S V^H.
static Results importPolarDecomposition(Call &call) {
  Emitter &e = call.e;
  SingularValues svd = factorSvd(call, call.tensor("A"), /*full=*/false);
  return {e.matmul(svd.u, svd.vh), ofSpectrum(e, transposed(e, svd.vh, /*conjugates=*/true), svd.s)};
}

void tenon::aten::addMatrixNormRows(OpTable &table) {
  auto add = [&](StringRef name, const Row &row) {
    table.add(name, row);
    table.add(("complex." + name).str(), row);
  };
  add("linalg_norm", importNorm);
  add("linalg_matrix_norm",
      [](Call &call) { return importMatrixNorm(call, "self", orderOf(call, "ord", call.overload == "str_ord")); });
  add("nuclear_norm", [](Call &call) { return importMatrixNorm(call, "self", {"nuc"}); });
  add("linalg_cond", importCondition);
  add("linalg_matrix_sqrth", importSquareRoot);
  add("linalg_polar", importPolarDecomposition);
  add("linalg_matrix_rank", [](Call &call) { return importRank(call, call.has("input") ? "input" : "self"); });
  for (auto name : {"linalg_pinv", "pinverse"})
    add(name, [](Call &call) { return importPseudoinverse(call, "self"); });
}
