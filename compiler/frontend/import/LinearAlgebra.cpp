//===- LinearAlgebra.cpp - decompositions of matrices -------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/LinearAlgebra.h"
#include "compiler/frontend/import/Complex.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

//===--- parts -------------------------------------------------------------------------------------------------------===//

Sizes tenon::aten::batchOf(const Tensor &matrices) { return Sizes(SizesRef(matrices.sizes).drop_back(2)); }
Size tenon::aten::rowsOf(const Tensor &matrices) { return matrices.sizes[matrices.rank() - 2]; }
Size tenon::aten::columnsOf(const Tensor &matrices) { return matrices.sizes.back(); }

Tensor tenon::aten::transposed(Emitter &e, const Tensor &matrices, bool conjugates) {
  Tensor result = e.transpose(matrices, matrices.rank() - 2, matrices.rank() - 1);
  return conjugates ? conjugate(e, result) : result;
}

static Sizes behind(SizesRef batch, SizesRef sizes) {
  Sizes all(batch);
  all.append(sizes.begin(), sizes.end());
  return all;
}

Sizes tenon::aten::commonBatch(Emitter &e, ArrayRef<Tensor> tensors, ArrayRef<int64_t> trailing) {
  SmallVector<Tensor> batches(tensors);
  for (auto [tensor, dims] : llvm::zip_equal(batches, trailing))
    tensor.sizes.pop_back_n(dims);
  return e.broadcastSizes(batches);
}

Tensor tenon::aten::broadcastBatch(Emitter &e, const Tensor &tensor, SizesRef batch, int64_t trailing) {
  Sizes sizes = behind(batch, SizesRef(tensor.sizes).take_back(trailing));
  if (!isComplex(tensor.dtype))
    return e.broadcast(tensor, sizes);
  return viewAsComplex(e, e.broadcast(viewAsReal(e, tensor), behind(sizes, e.size(2))));
}

SmallVector<Tensor> tenon::aten::decompose(Emitter &e, DecomposeKind kind, ArrayRef<Tensor> inputs,
                                           ArrayRef<DecomposeResult> results, DecomposeOptions options) {
  SmallVector<Value> operands, inits;
  for (const Tensor &input : inputs)
    operands.push_back(input.value);
  Sizes batch = batchOf(inputs[0]);
  SmallVector<Tensor> tensors;
  for (const DecomposeResult &result : results) {
    tensors.push_back(e.empty(behind(batch, result.sizes), result.dtype));
    inits.push_back(tensors.back().value);
  }
  auto op =
      DecomposeOp::create(e.b, e.loc, TypeRange(ValueRange(inits)), operands, inits, kind, isComplex(inputs[0].dtype),
                          options.upper, options.right, options.adjoint, options.unitDiagonal, options.hermitian);
  for (auto [tensor, value] : llvm::zip_equal(tensors, op->getResults()))
    tensor.value = value;
  return tensors;
}

static DecomposeResult infoResult() { return {{}, ScalarType::Int32}; }

void tenon::aten::checkInfo(Call &call, const Tensor &info, Failure failure) {
  static constexpr StringRef sentences[] = {"matrix {1} is singular, its triangular factor has a zero at place {0} of "
                                            "the diagonal; pass matrices that have an inverse",
                                            "matrix {1} is not positive definite, its leading minor of order {0} is "
                                            "not positive; pass positive definite matrices",
                                            "LAPACK does not find the values of matrix {1} (its code is {0}); pass "
                                            "finite matrices that are better conditioned"};
  std::string message = call.describe(Tensor()) + ": " + sentences[static_cast<size_t>(failure)].str();
  CheckInfoOp::create(call.e.b, call.e.loc, info.value, message);
}

// What ATen's own decompositions leave of the errors of "linalg.cholesky", "torch.linalg.solve", ….
static Results importCheck(Call &call) {
  StringRef function = StringRef(call.string("api_name")).rsplit('.').second;
  bool iterates = function.starts_with("eig") || function.starts_with("svd");
  checkInfo(call, call.tensor("info"),
            function.starts_with("cholesky") ? Failure::NotPositiveDefinite
            : iterates                       ? Failure::NoConvergence
                                             : Failure::Singular);
  return {};
}

// True where the row shows how its factors came about instead of stopping the run.
static bool showsInfo(Call &call) { return call.has("check_errors") && !call.boolean("check_errors"); }

//===--- triangles ---------------------------------------------------------------------------------------------------===//

// What an element is, by its row and column. Complex matrices are seen as pairs; of one on the diagonal only the real part is one.
static Tensor
byPosition(Emitter &e, ArrayRef<Tensor> inputs, SizesRef sizes, ScalarType dtype,
           llvm::function_ref<Value(Math &integers, Value row, Value column, Value one, ValueRange args)> body) {
  int64_t rank = sizes.size();
  bool arePairs = isComplex(dtype);
  ScalarType part = partType(dtype);
  Sizes loop(sizes);
  if (arePairs)
    loop.push_back(e.size(2));
  Tensor result = e.pointwise(inputs, loop, part, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, ScalarType::Int64);
    auto position = [&](int64_t dim) -> Value {
      return arith::IndexCastOp::create(b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, dim));
    };
    Value one = scalarConstant(b, loc, part, 1.0);
    if (arePairs)
      one = m.select(m.compare(Math::Order::Eq, position(rank), m.constant(0)), one, scalarConstant(b, loc, part, 0.0));
    return body(m, position(rank - 2), position(rank - 1), one, args);
  });
  return arePairs ? viewAsComplex(e, result) : result;
}

// Keeps one triangle with its diagonal, which is one where `hasOnes`.
static Tensor triangle(Emitter &e, const Tensor &matrices, bool upper, bool hasOnes = false) {
  Tensor parts = isComplex(matrices.dtype) ? viewAsReal(e, matrices) : matrices;
  return byPosition(
      e, parts, matrices.sizes, matrices.dtype, [&](Math &m, Value row, Value column, Value one, ValueRange args) {
        Value zero = scalarConstant(m.b, m.loc, parts.dtype, 0.0);
        Value kept = m.select(m.compare(upper ? Math::Order::Le : Math::Order::Ge, row, column), args[0], zero);
        return hasOnes ? m.select(m.compare(Math::Order::Eq, row, column), one, kept) : kept;
      });
}

Tensor tenon::aten::identity(Emitter &e, SizesRef batch, Size n, ScalarType dtype) {
  return byPosition(e, {}, behind(batch, {n, n}), dtype, [&](Math &m, Value row, Value column, Value one, ValueRange) {
    return m.select(m.compare(Math::Order::Eq, row, column), one, scalarConstant(m.b, m.loc, partType(dtype), 0.0));
  });
}

//===--- Cholesky ----------------------------------------------------------------------------------------------------===//

static Results importCholesky(Call &call) {
  Tensor a = call.tensor("self");
  SmallVector<Tensor> results =
      decompose(call.e, DecomposeKind::Cholesky, a, {{{rowsOf(a), rowsOf(a)}, a.dtype}, infoResult()},
                {.upper = call.boolean("upper")});
  if (!showsInfo(call))
    checkInfo(call, results[1], Failure::NotPositiveDefinite);
  return {results[0], results[1]};
}

static Results importCholeskyInverse(Call &call) {
  Tensor factor = call.tensor("self");
  return {decompose(call.e, DecomposeKind::CholeskyInverse, factor, {{{rowsOf(factor), rowsOf(factor)}, factor.dtype}},
                    {.upper = call.boolean("upper")})[0]};
}

//===--- LU ----------------------------------------------------------------------------------------------------------===//

LuFactors tenon::aten::factorLu(Emitter &e, const Tensor &a) {
  SmallVector<Tensor> results = decompose(
      e, DecomposeKind::Lu, a,
      {{{rowsOf(a), columnsOf(a)}, a.dtype}, {{e.min(rowsOf(a), columnsOf(a))}, ScalarType::Int32}, infoResult()});
  return {results[0], results[1], results[2]};
}

LuFactors tenon::aten::factorLuAsItLies(Call &call, StringRef name) {
  Tensor a = call.tensor(name);
  bool isTransposed = !isComplex(a.dtype) && call.isRowMajor(name);
  LuFactors factors = factorLu(call.e, isTransposed ? transposed(call.e, a) : a);
  factors.ofTransposed = isTransposed;
  return factors;
}

static bool pivots(Call &call) {
  bool wanted = !call.has("pivot") || call.boolean("pivot");
  if (!wanted)
    call.unsupported("factors without pivots, which ATen has on GPUs only");
  return wanted;
}

static Results importLuFactor(Call &call, StringRef name) {
  if (!pivots(call))
    return {Tensor(), Tensor(), Tensor()};
  LuFactors factors = factorLu(call.e, call.tensor(name));
  if (!showsInfo(call))
    checkInfo(call, factors.info, Failure::Singular);
  return {factors.lu, factors.pivots, factors.info};
}

// P, L [M, K] and U [K, N], K being the smaller one of M and N.
static Results unpackLu(Call &call, const Tensor &lu, const Tensor &pivots, bool wantsMatrices, bool wantsPermutation) {
  Emitter &e = call.e;
  int64_t rank = lu.rank();
  Size rows = rowsOf(lu), least = e.min(rows, columnsOf(lu));
  auto nothing = [&](size_t result) { return e.fill(call.resultSizes(result), lu.dtype, Scalar::of(0.0)); };
  Tensor lower = nothing(1), upper = nothing(2), permutation = nothing(0);
  if (wantsPermutation)
    permutation = decompose(e, DecomposeKind::LuPermutation, {lu, pivots}, {{{rows, rows}, lu.dtype}})[0];
  if (wantsMatrices) {
    lower = triangle(e, e.slice(lu, rank - 1, e.size(0), least), /*upper=*/false, /*hasOnes=*/true);
    upper = triangle(e, e.slice(lu, rank - 2, e.size(0), least), /*upper=*/true);
  }
  return {permutation, lower, upper};
}

static Results importLu(Call &call) {
  if (!pivots(call))
    return {Tensor(), Tensor(), Tensor()};
  LuFactors factors = factorLu(call.e, call.tensor("A"));
  return unpackLu(call, factors.lu, factors.pivots, true, true);
}

static Results importLuUnpack(Call &call) {
  return unpackLu(call, call.tensor("LU_data"), call.tensor("LU_pivots"), call.boolean("unpack_data"),
                  call.boolean("unpack_pivots"));
}

static Results importLdl(Call &call) {
  Tensor a = call.tensor("self");
  SmallVector<Tensor> results =
      decompose(call.e, DecomposeKind::Ldl, a,
                {{{rowsOf(a), rowsOf(a)}, a.dtype}, {{rowsOf(a)}, ScalarType::Int32}, infoResult()},
                {.hermitian = call.boolean("hermitian")});
  if (!showsInfo(call))
    checkInfo(call, results[2], Failure::Singular);
  return {results[0], results[1], results[2]};
}

//===--- QR ----------------------------------------------------------------------------------------------------------===//

namespace {
struct Reflectors {
  Tensor matrices, tau;
};
} // namespace

static Reflectors factorQr(Emitter &e, const Tensor &a) {
  SmallVector<Tensor> results = decompose(
      e, DecomposeKind::Qr, a, {{{rowsOf(a), columnsOf(a)}, a.dtype}, {{e.min(rowsOf(a), columnsOf(a))}, a.dtype}});
  return {results[0], results[1]};
}

static Tensor orthogonalColumns(Emitter &e, const Reflectors &reflectors, Size count) {
  const Tensor &a = reflectors.matrices;
  return decompose(e, DecomposeKind::HouseholderProduct, {a, reflectors.tau}, {{{rowsOf(a), count}, a.dtype}})[0];
}

// "reduced": Q [M, K] and R [K, N]; "complete": Q [M, M] and R [M, N]; "r": R [K, N] alone.
static Results importQr(Call &call) {
  Emitter &e = call.e;
  Tensor a = call.tensor("A");
  std::string mode = call.string("mode");
  int64_t rank = a.rank();
  Size rows = rowsOf(a), least = e.min(rows, columnsOf(a)), kept = mode == "complete" ? rows : least;
  Reflectors all = factorQr(e, a);
  Tensor r = triangle(e, e.slice(all.matrices, rank - 2, e.size(0), kept), /*upper=*/true);
  if (mode == "r")
    return {e.fill(call.resultSizes(0), a.dtype, Scalar::of(0.0)), r};
  Reflectors used{e.slice(all.matrices, rank - 1, e.size(0), least), all.tau};
  return {orthogonalColumns(e, used, kept), r};
}

static Results importGeqrf(Call &call) {
  Reflectors reflectors = factorQr(call.e, call.tensor("self"));
  return {reflectors.matrices, reflectors.tau};
}

static Results importHouseholderProduct(Call &call, StringRef matrices, StringRef tau) {
  Reflectors reflectors{call.tensor(matrices), call.tensor(tau)};
  return {orthogonalColumns(call.e, reflectors, columnsOf(reflectors.matrices))};
}

static Results importHouseholderMultiply(Call &call) {
  Tensor other = call.tensor("input3");
  return {decompose(call.e, DecomposeKind::HouseholderMultiply, {call.tensor("self"), call.tensor("input2"), other},
                    {{{rowsOf(other), columnsOf(other)}, other.dtype}},
                    {.right = !call.boolean("left"), .adjoint = call.boolean("transpose")})[0]};
}

//===--- eigenvalues -------------------------------------------------------------------------------------------------===//

Spectrum tenon::aten::symmetricSpectrum(Call &call, const Tensor &a, bool upper, bool wantsVectors) {
  Emitter &e = call.e;
  DecomposeResult values{{rowsOf(a)}, partType(a.dtype)};
  Spectrum spectrum;
  if (wantsVectors) {
    SmallVector<Tensor> results = decompose(
        e, DecomposeKind::Eigh, a, {values, {{rowsOf(a), rowsOf(a)}, a.dtype}, infoResult()}, {.upper = upper});
    spectrum = {results[0], results[1], results[2]};
  } else {
    SmallVector<Tensor> results = decompose(e, DecomposeKind::EighValues, a, {values, infoResult()}, {.upper = upper});
    spectrum = {results[0], Tensor(), results[1]};
  }
  checkInfo(call, spectrum.info, Failure::NoConvergence);
  return spectrum;
}

static Results importEigh(Call &call, StringRef name, bool wantsVectors) {
  bool upper = StringRef(call.string("UPLO")).equals_insensitive("u");
  Spectrum spectrum = symmetricSpectrum(call, call.tensor(name), upper, wantsVectors);
  if (!wantsVectors && call.numResults() > 1)
    spectrum.vectors = call.e.fill(call.resultSizes(1), call.resultDtype(1), Scalar::of(0.0));
  return {spectrum.values, spectrum.vectors};
}

static Results importEig(Call &call, bool wantsVectors) {
  Tensor a = call.tensor("self");
  DecomposeResult values{{rowsOf(a)}, complexOf(partType(a.dtype))};
  SmallVector<DecomposeResult> results{values};
  if (wantsVectors)
    results.push_back({{rowsOf(a), rowsOf(a)}, values.dtype});
  results.push_back(infoResult());
  SmallVector<Tensor> tensors =
      decompose(call.e, wantsVectors ? DecomposeKind::Eig : DecomposeKind::EigValues, a, results);
  checkInfo(call, tensors.back(), Failure::NoConvergence);
  return {tensors[0], wantsVectors ? tensors[1] : Tensor()};
}

//===--- singular values ---------------------------------------------------------------------------------------------===//

SingularValues tenon::aten::factorSvd(Call &call, const Tensor &a, bool full) {
  Emitter &e = call.e;
  Size rows = rowsOf(a), columns = columnsOf(a), least = e.min(rows, columns);
  SmallVector<Tensor> results = decompose(e, DecomposeKind::Svd, a,
                                          {{{rows, full ? rows : least}, a.dtype},
                                           {{least}, partType(a.dtype)},
                                           {{full ? columns : least, columns}, a.dtype},
                                           infoResult()});
  checkInfo(call, results[3], Failure::NoConvergence);
  return {results[0], results[1], results[2], results[3]};
}

Tensor tenon::aten::singularValues(Call &call, const Tensor &a) {
  Emitter &e = call.e;
  SmallVector<Tensor> results =
      decompose(e, DecomposeKind::SvdValues, a, {{{e.min(rowsOf(a), columnsOf(a))}, partType(a.dtype)}, infoResult()});
  checkInfo(call, results[1], Failure::NoConvergence);
  return results[0];
}

// U, S, V^H; torch.svd has V instead, and zeros for vectors it is not asked for.
static Results importSvd(Call &call, StringRef name, bool full, bool wantsVectors, bool wantsV) {
  Emitter &e = call.e;
  Tensor a = call.tensor(name);
  if (!wantsVectors) {
    auto zeros = [&](size_t result) { return e.fill(call.resultSizes(result), a.dtype, Scalar::of(0.0)); };
    return {zeros(0), singularValues(call, a), zeros(2)};
  }
  SingularValues svd = factorSvd(call, a, full);
  return {svd.u, svd.s, wantsV ? transposed(e, svd.vh, /*conjugates=*/true) : svd.vh};
}

//===--- functions ---------------------------------------------------------------------------------------------------===//

static Results importExponential(Call &call) {
  Tensor a = call.tensor("self");
  if (computeType(a.dtype) != a.dtype)
    return {call.unsupported("an exponential in half precision, where ATen's products overflow")};
  return {decompose(call.e, DecomposeKind::Exponential, a, {{{rowsOf(a), rowsOf(a)}, a.dtype}})[0]};
}

void tenon::aten::addLinearAlgebraRows(OpTable &table) {
  auto add = [&](StringRef name, const Row &row) {
    table.add(name, row);
    table.add(("complex." + name).str(), row);
  };
  add("_linalg_check_errors", importCheck);
  for (auto name : {"linalg_cholesky", "linalg_cholesky_ex"})
    add(name, importCholesky);
  add("cholesky_inverse", importCholeskyInverse);
  for (auto name : {"linalg_lu_factor", "linalg_lu_factor_ex"})
    add(name, [](Call &call) { return importLuFactor(call, "A"); });
  add("_lu_with_info", [](Call &call) { return importLuFactor(call, "self"); });
  add("linalg_lu", importLu);
  add("lu_unpack", importLuUnpack);
  for (auto name : {"linalg_ldl_factor", "linalg_ldl_factor_ex"})
    add(name, importLdl);
  add("linalg_qr", importQr);
  add("geqrf", importGeqrf);
  add("linalg_householder_product", [](Call &call) { return importHouseholderProduct(call, "input", "tau"); });
  add("orgqr", [](Call &call) { return importHouseholderProduct(call, "self", "input2"); });
  add("ormqr", importHouseholderMultiply);
  add("linalg_eigh", [](Call &call) { return importEigh(call, "self", true); });
  add("linalg_eigvalsh", [](Call &call) { return importEigh(call, "self", false); });
  add("_linalg_eigh", [](Call &call) { return importEigh(call, "A", call.boolean("compute_v")); });
  add("linalg_eig", [](Call &call) { return importEig(call, true); });
  for (auto name : {"linalg_eigvals", "_linalg_eigvals"})
    add(name, [](Call &call) { return importEig(call, false); });
  add("linalg_svd", [](Call &call) { return importSvd(call, "A", call.boolean("full_matrices"), true, false); });
  add("_linalg_svd", [](Call &call) {
    return importSvd(call, "A", call.boolean("full_matrices"), call.boolean("compute_uv"), false);
  });
  add("svd",
      [](Call &call) { return importSvd(call, "self", !call.boolean("some"), call.boolean("compute_uv"), true); });
  add("linalg_svdvals", [](Call &call) { return Results{singularValues(call, call.tensor("A"))}; });
  for (auto name : {"linalg_matrix_exp", "matrix_exp"})
    add(name, importExponential);
}
