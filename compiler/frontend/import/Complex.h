//===- Complex.h - complex tensors as pairs of real ones ----------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A complex tensor's value has one dimension more than its sizes say, the last one, of size two: real and imaginary
// part. That is how PyTorch's memory looks, so inputs and outputs need no conversion, and no later stage knows complex
// numbers. Views of Emitter carry that dimension along; rows that compute split it off. Rows for calls with complex
// operands or results are named "complex.op".
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_COMPLEX_H
#define TENON_FRONTEND_IMPORT_COMPLEX_H

#include "compiler/frontend/import/Call.h"

namespace tenon::aten {

/// Tensors of equal sizes and dtype. Without `imaginary` the numbers are real.
struct ComplexParts {
  Tensor real, imaginary;
};

/// The parts of a complex tensor, or a real tensor as the only part.
ComplexParts partsOf(Emitter &e, const Tensor &tensor);
/// The complex tensor of these parts.
Tensor joinParts(Emitter &e, const ComplexParts &parts);
/// A complex tensor as a real one with the dimension of its parts, and the reverse. Both cost nothing.
Tensor viewAsReal(Emitter &e, const Tensor &tensor);
Tensor viewAsComplex(Emitter &e, const Tensor &tensor);
/// The complex dtype whose parts have `type`.
ScalarType complexOf(ScalarType type);
/// `tensor` as `to`, where one of the dtypes is complex: a conversion to real numbers drops the imaginary part.
Tensor convertComplex(Emitter &e, const Tensor &tensor, ScalarType to);
/// |z| of each element, which may be real.
Tensor magnitude(Emitter &e, const Tensor &tensor);
/// The conjugates; of real tensors the tensor itself.
Tensor conjugate(Emitter &e, const Tensor &tensor);
/// Each element of `tensor` times one of the real `factors`, which broadcast.
Tensor scaledBy(Emitter &e, const Tensor &tensor, const Tensor &factors);

/// The discrete Fourier transform of the last dimension: sum over j of x[j] exp(sign 2 pi i j k / n).
ComplexParts transformRows(Emitter &e, const ComplexParts &x, int sign);
/// The real sums along `dim` of a spectrum of `length` frequencies (exponent with a plus, not divided by anything), of
/// which `half` has the first length / 2 + 1.
Tensor inverseOfHalf(Emitter &e, const ComplexParts &half, int64_t dim, int64_t length);

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_COMPLEX_H
