//===- ComplexByParts.cpp - complex ops that the real op's row makes ----------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// What moves elements, or is linear in them, does the same to both parts: the row of real numbers runs on each. Other rows see
// of a complex number only whether it is zero, or its magnitude.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tenon::aten;

static constexpr StringLiteral partwise[] = {
    // Moves.
    "flip", "fliplr", "flipud", "rot90", "pad", "constant_pad_nd", "tril", "triu", "diag", "diag_embed", "diagflat", "diagonal",
    "linalg_diagonal", "diagonal_copy", "diagonal_scatter", "fill_diagonal", "as_strided", "as_strided_copy", "as_strided_scatter",
    "unfold", "unfold_copy", "im2col", "_chunk_cat", "combinations", "gather", "index", "_unsafe_index", "index_select", "embedding", "take", "take_along_dim",
    "index_put", "_unsafe_index_put", "_index_put_impl", "index_copy", "index_fill", "scatter", "masked_fill", "masked_scatter",
    "masked_select", "where", "put", "_unsafe_masked_index", "repeat_interleave.self_Tensor", "full", "full_like", "new_full",
    "scalar_tensor", "max_unpool2d", "nan_to_num",
    // Sums.
    "sum", "mean", "cumsum", "trace", "sum_to_size", "diff", "trapezoid.dx", "trapz.dx", "cumulative_trapezoid.dx", "index_add",
    "scatter_add", "_unsafe_masked_index_put_accumulate", "col2im", "linspace", "gradient"};

// Of what has no imaginary part whatever the dtype is.
static constexpr StringLiteral realOnly[] = {"ones", "ones_like", "new_ones", "eye", "arange"};

static constexpr StringLiteral truths[] = {"all",     "any",      "_is_all_true",  "count_nonzero",  "logical_and",   "logical_or",
                                           "logical_xor", "logical_not", "nonzero", "nonzero_numpy", "argwhere", "nonzero_static", "where.default"};

static constexpr StringLiteral magnitudes[] = {"linalg_vector_norm", "linalg_norm", "norm"};

static Results onPart(Call &call, const Row &row, Part part) {
  return call.onParts(row, [part](StringRef) { return part; });
}

// A view of pairs that shows of each part what `view` does.
static View viewOfParts(const View &view) {
  View result;
  result.read = [view](Emitter &e, const Tensor &base) {
    ComplexParts parts = partsOf(e, base);
    return joinParts(e, {view.read(e, parts.real), view.read(e, parts.imaginary)});
  };
  if (view.write)
    result.write = [view](Emitter &e, const Tensor &base, const Tensor &updated) {
      ComplexParts parts = partsOf(e, base), other = partsOf(e, updated);
      return joinParts(e, {view.write(e, parts.real, other.real), view.write(e, parts.imaginary, other.imaginary)});
    };
  return result;
}

static Results importPartwise(Call &call, const Row &row) {
  Results real = onPart(call, row, Part::Real), imaginary = onPart(call, row, Part::Imaginary), results;
  for (auto [x, y] : llvm::zip(real, imaginary))
    results.push_back(x.view ? Result(viewOfParts(*x.view)) : Result(joinParts(call.e, {x.tensor, y.tensor})));
  return results;
}

static Results importRealOnly(Call &call, const Row &row) {
  return {joinParts(call.e, {onPart(call, row, Part::Real)[0].tensor, {}})};
}

// The variances of the parts add up.
static Results importVariance(Call &call, const Row &row, bool isDeviation) {
  Emitter &e = call.e;
  Results real = onPart(call, row, Part::Real), imaginary = onPart(call, row, Part::Imaginary);
  Tensor variance = e.compute({real[0].tensor, imaginary[0].tensor}, real[0].tensor.dtype, [&](Math &m, ValueRange args) {
    Value sum = m.add(args[0], args[1]);
    return isDeviation ? Value(math::SqrtOp::create(m.b, m.loc, sum)) : sum;
  });
  Results results{variance};
  if (real.size() > 1)
    results.push_back(joinParts(e, {real[1].tensor, imaginary[1].tensor}));
  return results;
}

void tenon::aten::addComplexByPartsRows(OpTable &table) {
  auto addRows = [&](ArrayRef<StringLiteral> names, auto makeRow) {
    for (StringRef name : names) {
      auto [op, overload] = name.split('.');
      if (const Row *row = table.find(op, overload))
        table.add(("complex." + name).str(), makeRow(*row));
    }
  };
  addRows(partwise, [](Row row) { return [row](Call &call) { return importPartwise(call, row); }; });
  addRows(realOnly, [](Row row) { return [row](Call &call) { return importRealOnly(call, row); }; });
  addRows(truths, [](Row row) { return [row](Call &call) { return onPart(call, row, Part::Truth); }; });
  addRows(magnitudes, [](Row row) { return [row](Call &call) { return onPart(call, row, Part::Magnitude); }; });
  for (std::string suffix : {"", "_mean"})
    for (bool isDeviation : {false, true})
      table.add("complex." + std::string(isDeviation ? "std" : "var") + suffix,
                [isDeviation, row = *table.find("var" + suffix, "")](Call &call) { return importVariance(call, row, isDeviation); });
}
