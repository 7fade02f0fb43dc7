//===- LinearSystems.cpp - solutions, inverses, determinants ------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"
#include "compiler/frontend/import/LinearAlgebra.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

//===--- systems -----------------------------------------------------------------------------------------------------===//

Tensor tenon::aten::solveByLu(Emitter &e, const LuFactors &factors, const Tensor &b, bool right, bool adjoint) {
  Sizes batch = commonBatch(e, {factors.lu, factors.pivots, b}, {2, 1, 2});
  return decompose(e, DecomposeKind::LuSolve,
                   {broadcastBatch(e, factors.lu, batch, 2), broadcastBatch(e, factors.pivots, batch, 1),
                    broadcastBatch(e, b, batch, 2)},
                   {{{rowsOf(b), columnsOf(b)}, b.dtype}},
                   {.right = right, .adjoint = adjoint != factors.ofTransposed})[0];
}

Tensor tenon::aten::inverseByLu(Emitter &e, const LuFactors &factors) {
  const Tensor &lu = factors.lu;
  return solveByLu(e, factors, identity(e, batchOf(lu), rowsOf(lu), lu.dtype), false, false);
}

static void checkUnlessShown(Call &call, const Tensor &info) {
  if (!call.has("check_errors") || call.boolean("check_errors"))
    checkInfo(call, info, Failure::Singular);
}

// B may be a vector, or a batch of vectors that has the sizes of A without the last: then the result lacks that dimension.
static Tensor solve(Call &call, const LuFactors &factors, Tensor b) {
  Emitter &e = call.e;
  bool isVector = static_cast<int64_t>(call.resultSizes().size()) == factors.lu.rank() - 1;
  if (isVector)
    b = e.unsqueeze(b, b.rank());
  Tensor x = solveByLu(e, factors, b, !call.boolean("left"), false);
  return isVector ? e.squeeze(x, x.rank() - 1) : x;
}

static Results importSolve(Call &call) {
  LuFactors factors = factorLuAsItLies(call, "A");
  checkUnlessShown(call, factors.info);
  Tensor x = solve(call, factors, call.tensor("B"));
  if (call.numResults() == 4) // _linalg_solve_ex, for derivatives
    return {x, factors.lu, factors.pivots, factors.info};
  return {x, factors.info};
}

static Results importInverse(Call &call, StringRef name) {
  LuFactors factors = factorLuAsItLies(call, name);
  checkUnlessShown(call, factors.info);
  return {inverseByLu(call.e, factors), factors.info};
}

static Results importLuSolve(Call &call) {
  return {solveByLu(call.e, {call.tensor("LU"), call.tensor("pivots"), {}}, call.tensor("B"), !call.boolean("left"),
                    call.boolean("adjoint"))};
}

static Results importOldLuSolve(Call &call) {
  return {solveByLu(call.e, {call.tensor("LU_data"), call.tensor("LU_pivots"), {}}, call.tensor("self"), false, false)};
}

static Tensor solveWithTriangle(Call &call, DecomposeKind kind, const Tensor &a, const Tensor &b,
                                DecomposeOptions options) {
  Emitter &e = call.e;
  Sizes batch = commonBatch(e, {a, b}, {2, 2});
  return decompose(e, kind, {broadcastBatch(e, a, batch, 2), broadcastBatch(e, b, batch, 2)},
                   {{{rowsOf(b), columnsOf(b)}, b.dtype}}, options)[0];
}

static Results importCholeskySolve(Call &call) {
  return {solveWithTriangle(call, DecomposeKind::CholeskySolve, call.tensor("input2"), call.tensor("self"),
                            {.upper = call.boolean("upper")})};
}

static Results importSolveTriangular(Call &call) {
  return {solveWithTriangle(
      call, DecomposeKind::TriangularSolve, call.tensor("self"), call.tensor("B"),
      {.upper = call.boolean("upper"), .right = !call.boolean("left"), .unitDiagonal = call.boolean("unitriangular")})};
}

// The older form, which also returns the matrix.
static Results importTriangularSolve(Call &call) {
  Emitter &e = call.e;
  Tensor a = call.tensor("A"), b = call.tensor("self");
  bool upper = call.boolean("upper"), isTransposed = call.boolean("transpose");
  if (isTransposed) { // of complex matrices too it is not the conjugate one
    a = transposed(e, a);
    upper = !upper;
  }
  Tensor x = solveWithTriangle(call, DecomposeKind::TriangularSolve, a, b,
                               {.upper = upper, .unitDiagonal = call.boolean("unitriangular")});
  a = call.tensor("A");
  return {x, broadcastBatch(e, a, commonBatch(e, {a, b}, {2, 2}), 2)};
}

static Results importLdlSolve(Call &call) {
  Emitter &e = call.e;
  Tensor a = call.tensor("LD"), pivots = call.tensor("pivots"), b = call.tensor("B");
  Sizes batch = commonBatch(e, {a, pivots, b}, {2, 1, 2});
  return {
      decompose(e, DecomposeKind::LdlSolve,
                {broadcastBatch(e, a, batch, 2), broadcastBatch(e, pivots, batch, 1), broadcastBatch(e, b, batch, 2)},
                {{{rowsOf(b), columnsOf(b)}, b.dtype}}, {.hermitian = call.boolean("hermitian")})[0]};
}

//===--- tensors as matrices -----------------------------------------------------------------------------------------===//

// The first `ind` dimensions are rows, the others columns; both have the same number of elements.
static Results importTensorInverse(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  Size order = e.product(SizesRef(self.sizes).take_front(call.integer("ind")));
  LuFactors factors = factorLu(e, e.reshape(self, Sizes{order, order}));
  checkInfo(call, factors.info, Failure::Singular);
  return {e.reshape(inverseByLu(e, factors), call.resultSizes())};
}

// Dimensions `dims` move to the end; those that are not the right side's are the unknown's.
static Results importTensorSolve(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), other = call.tensor("other");
  SmallVector<int64_t> moved = call.has("dims") ? call.integers("dims") : SmallVector<int64_t>();
  for (int64_t &dim : moved)
    dim += dim < 0 ? self.rank() : 0;
  SmallVector<int64_t> order = otherDims(self.rank(), moved);
  llvm::append_range(order, moved);
  self = e.permute(self, order);
  Size count = e.product(other.sizes);
  LuFactors factors = factorLu(e, e.reshape(self, Sizes{count, count}));
  checkInfo(call, factors.info, Failure::Singular);
  Tensor x = solveByLu(e, factors, e.reshape(other, Sizes{count, e.size(1)}), false, false);
  return {e.reshape(x, call.resultSizes())};
}

// Inverses for negative exponents; squares of squares.
static Results importMatrixPower(Call &call) {
  Emitter &e = call.e;
  Tensor factor = call.tensor("self");
  int64_t exponent = call.integer("n");
  if (exponent == 0)
    return {identity(e, batchOf(factor), rowsOf(factor), factor.dtype)};
  if (exponent < 0) {
    LuFactors factors = factorLuAsItLies(call, "self");
    checkInfo(call, factors.info, Failure::Singular);
    factor = inverseByLu(e, factors);
  }
  Tensor result;
  for (uint64_t rest = std::abs(exponent); rest > 0; rest /= 2) {
    if (rest % 2 != 0)
      result = result ? e.matmul(result, factor) : factor;
    if (rest > 1)
      factor = e.matmul(factor, factor);
  }
  return {result};
}

//===--- determinants ------------------------------------------------------------------------------------------------===//

// The diagonal of U; an element has the other sign where its row was exchanged, so that the product is the determinant.
static Tensor signedDiagonal(Emitter &e, const LuFactors &factors) {
  Tensor diagonal = mainDiagonal(e, factors.lu);
  int64_t last = diagonal.rank() - 1;
  return e.pointwise(
      {diagonal, factors.pivots}, diagonal.sizes, diagonal.dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, diagonal.dtype), integers(b, loc, ScalarType::Int64);
        Value place = arith::IndexCastOp::create(b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, last));
        Value pivot = castScalar(b, loc, args[1], ScalarType::Int32, ScalarType::Int64);
        Value stays = integers.compare(Math::Order::Eq, pivot, integers.add(place, integers.constant(1)));
        return m.select(stays, args[0], m.neg(args[0]));
      });
}

static Tensor productAlongLast(Emitter &e, const Tensor &tensor) {
  return e.reduce(
      tensor, tensor.rank() - 1, tensor.dtype, Scalar::of(1.0),
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, tensor.dtype).mul(acc, next); });
}

static Results importDeterminant(Call &call, StringRef name) {
  LuFactors factors = factorLuAsItLies(call, name);
  return {productAlongLast(call.e, signedDiagonal(call.e, factors)), factors.lu, factors.pivots};
}

namespace {
struct SignAndLogarithm {
  Tensor sign, logarithm;
};
} // namespace

static SignAndLogarithm logDeterminant(Emitter &e, const LuFactors &factors) {
  Tensor diagonal = signedDiagonal(e, factors);
  Tensor signs = e.compute(diagonal, diagonal.dtype, [](Math &m, ValueRange args) {
    Value zero = m.constant(0);
    Value sign = m.select(m.compare(Math::Order::Gt, args[0], zero), m.constant(1),
                          m.select(m.compare(Math::Order::Lt, args[0], zero), m.constant(-1), zero));
    return m.select(m.isNan(args[0]), args[0], sign);
  });
  Tensor logarithms = e.compute(diagonal, diagonal.dtype, [](Math &m, ValueRange args) -> Value {
    return math::LogOp::create(m.b, m.loc, math::AbsFOp::create(m.b, m.loc, args[0]));
  });
  return {productAlongLast(e, signs), e.sum(logarithms, logarithms.rank() - 1, logarithms.dtype)};
}

static Results importSignAndLogDeterminant(Call &call, StringRef name) {
  LuFactors factors = factorLuAsItLies(call, name);
  SignAndLogarithm result = logDeterminant(call.e, factors);
  return {result.sign, result.logarithm, factors.lu, factors.pivots};
}

// NaN where the determinant is negative.
static Results importLogDeterminant(Call &call) {
  SignAndLogarithm result = logDeterminant(call.e, factorLuAsItLies(call, "self"));
  return {call.e.compute({result.sign, result.logarithm}, call.resultDtype(), [](Math &m, ValueRange args) {
    return m.select(m.compare(Math::Order::Eq, args[0], m.constant(-1)),
                    m.constant(std::numeric_limits<double>::quiet_NaN()), args[1]);
  })};
}

void tenon::aten::addLinearSystemRows(OpTable &table) {
  auto add = [&](StringRef name, const Row &row) {
    table.add(name, row);
    table.add(("complex." + name).str(), row);
  };
  for (auto name : {"linalg_solve", "linalg_solve_ex", "_linalg_solve_ex"})
    add(name, importSolve);
  for (auto name : {"linalg_inv", "linalg_inv_ex"})
    add(name, [](Call &call) { return importInverse(call, "A"); });
  add("inverse", [](Call &call) { return importInverse(call, "self"); });
  add("linalg_lu_solve", importLuSolve);
  add("lu_solve", importOldLuSolve);
  add("cholesky_solve", importCholeskySolve);
  add("linalg_solve_triangular", importSolveTriangular);
  add("triangular_solve", importTriangularSolve);
  add("linalg_ldl_solve", importLdlSolve);
  add("linalg_tensorinv", importTensorInverse);
  add("linalg_tensorsolve", importTensorSolve);
  for (auto name : {"linalg_matrix_power", "matrix_power"})
    add(name, importMatrixPower);
  for (auto name : {"linalg_det", "_linalg_det"})
    table.add(name, [](Call &call) { return importDeterminant(call, "A"); });
  table.add("det", [](Call &call) { return importDeterminant(call, "self"); });
  for (auto name : {"linalg_slogdet", "_linalg_slogdet"})
    table.add(name, [](Call &call) { return importSignAndLogDeterminant(call, "A"); });
  table.add("slogdet", [](Call &call) { return importSignAndLogDeterminant(call, "self"); });
  table.add("logdet", importLogDeterminant);
}
