//===- LinearAlgebra.h - factors of matrices for the rows of several families --------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Matrices are the last two dimensions of tensors, real or complex.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_LINEARALGEBRA_H
#define TENON_FRONTEND_IMPORT_LINEARALGEBRA_H

#include "compiler/frontend/import/Call.h"
#include "compiler/ir/TenonDialect.h"

namespace tenon::aten {

/// As in tenon.decompose.
struct DecomposeOptions {
  bool upper = false, right = false, adjoint = false, unitDiagonal = false, hermitian = false;
};

/// The sizes behind the batch, and the dtype, of a result of tenon.decompose.
struct DecomposeResult {
  Sizes sizes;
  ScalarType dtype;
};

/// One tenon.decompose. The batch is that of the first input, which has `inputs[0].rank() - 2` leading dimensions.
llvm::SmallVector<Tensor> decompose(Emitter &e, DecomposeKind kind, llvm::ArrayRef<Tensor> inputs,
                                    llvm::ArrayRef<DecomposeResult> results, DecomposeOptions options = {});

/// What an info other than zero means.
enum class Failure { Singular, NotPositiveDefinite, NoConvergence };
/// Stops the run where an element of `info` is not zero, as ATen raises an error there.
void checkInfo(Call &call, const Tensor &info, Failure failure);

Sizes batchOf(const Tensor &matrices);
Size rowsOf(const Tensor &matrices);
Size columnsOf(const Tensor &matrices);
/// [M, N] as [N, M]; with `conjugates` of complex ones the conjugate transpose.
Tensor transposed(Emitter &e, const Tensor &matrices, bool conjugates = false);
/// The sizes that the batches of all broadcast to, `trailing[i]` being the number of dimensions of a matrix or vector.
Sizes commonBatch(Emitter &e, llvm::ArrayRef<Tensor> tensors, llvm::ArrayRef<int64_t> trailing);
/// `tensor`, whose last `trailing` dimensions are a matrix or a vector, repeated for a batch.
Tensor broadcastBatch(Emitter &e, const Tensor &tensor, SizesRef batch, int64_t trailing);
/// Identity matrices of order `n`.
Tensor identity(Emitter &e, SizesRef batch, Size n, ScalarType dtype);

struct LuFactors {
  Tensor lu, pivots, info;
  /// They are factors of the transposed matrix.
  bool ofTransposed = false;
};
LuFactors factorLu(Emitter &e, const Tensor &a);
/// Factors as ATen makes them where only a solution or a determinant counts: of the transposed matrix, if argument `name` is
/// real and lies row by row, since that is how LAPACK reads it.
LuFactors factorLuAsItLies(Call &call, llvm::StringRef name);
/// X of A X = B, or X A = B; batches broadcast.
Tensor solveByLu(Emitter &e, const LuFactors &factors, const Tensor &b, bool right, bool adjoint);
/// The inverse of the matrix that was factored.
Tensor inverseByLu(Emitter &e, const LuFactors &factors);

struct Spectrum {
  Tensor values, vectors, info;
};
/// Of symmetric or Hermitian matrices; stops the run where LAPACK does not find them.
Spectrum symmetricSpectrum(Call &call, const Tensor &a, bool upper, bool wantsVectors);

struct SingularValues {
  Tensor u, s, vh, info;
};
/// Stops the run where LAPACK does not find them.
SingularValues factorSvd(Call &call, const Tensor &a, bool full);
Tensor singularValues(Call &call, const Tensor &a);

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_LINEARALGEBRA_H
