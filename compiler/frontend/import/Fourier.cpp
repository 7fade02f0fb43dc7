//===- Fourier.cpp - discrete Fourier transforms ------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A short transform is a product with a constant matrix, computed at load. A longer one is split in two (J. W. Cooley,
// J. W. Tukey, "An algorithm for the machine calculation of complex Fourier series", 1965), so that the library of
// matrix products does the work.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace tenon::aten;

//===--- transforms of rows ------------------------------------------------------------------------------------------===//

// The matrix of cos or sin of 2 pi (j k) / n.
static Tensor circleMatrix(Emitter &e, int64_t rows, int64_t columns, int64_t n, ScalarType dtype, bool isCosine) {
  return e.pointwise({}, e.sizes({rows, columns}), dtype, [&](OpBuilder &b, Location loc, ValueRange) {
    Math integers(b, loc, ScalarType::Int64), m(b, loc, ScalarType::Float64);
    auto position = [&](int64_t dim) -> Value {
      return arith::IndexCastOp::create(b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, dim));
    };
    Value step = integers.rem(integers.mul(position(0), position(1)), integers.constant(static_cast<double>(n)));
    Value angle = m.mul(castScalar(b, loc, step, ScalarType::Int64, m.dtype),
                        m.constant(2 * std::numbers::pi / static_cast<double>(n)));
    Value value = isCosine ? Value(math::CosOp::create(b, loc, angle)) : Value(math::SinOp::create(b, loc, angle));
    return castScalar(b, loc, value, m.dtype, dtype);
  });
}

static Tensor weighted(Emitter &e, const Tensor &x, double factor, const Tensor &y) {
  return e.compute({x, y}, x.dtype,
                   [&](Math &m, ValueRange args) { return m.add(args[0], m.mul(m.constant(factor), args[1])); });
}

// (a + ib)(C + sign iS), where `times` is a product of a part with C or S.
static ComplexParts rotated(Emitter &e, const ComplexParts &x, const Tensor &cosines, const Tensor &sines, int sign,
                            llvm::function_ref<Tensor(const Tensor &, const Tensor &)> times) {
  Tensor real = times(x.real, cosines), imaginary = times(x.real, sines);
  if (!x.imaginary)
    return {real, e.compute(imaginary, imaginary.dtype,
                            [&](Math &m, ValueRange args) { return m.mul(m.constant(sign), args[0]); })};
  Tensor cosine = times(x.imaginary, cosines);
  return {weighted(e, real, -sign, times(x.imaginary, sines)), weighted(e, cosine, sign, imaginary)};
}

static ComplexParts transformDirectly(Emitter &e, const ComplexParts &x, int64_t n, int sign) {
  ScalarType dtype = x.real.dtype;
  SizesRef sizes = x.real.sizes;
  Tensor cosines = circleMatrix(e, n, n, n, dtype, true), sines = circleMatrix(e, n, n, n, dtype, false);
  Sizes rows{e.product(sizes.drop_back()), sizes.back()};
  return rotated(e, x, cosines, sines, sign, [&](const Tensor &part, const Tensor &matrix) {
    return e.reshape(e.matmul(e.reshape(part, rows), matrix), sizes);
  });
}

// The divisor of n that is nearest to its root, at most that; 1 of primes.
static int64_t middleDivisor(int64_t n) {
  for (int64_t divisor = static_cast<int64_t>(std::sqrt(static_cast<double>(n))); divisor > 1; --divisor)
    if (n % divisor == 0)
      return divisor;
  return 1;
}

static ComplexParts onParts(const ComplexParts &x, llvm::function_ref<Tensor(const Tensor &)> f) {
  return {f(x.real), x.imaginary ? f(x.imaginary) : Tensor()};
}

// Of real numbers the first frequency and the middle one are real: exactly, so that their angles are 0 or pi.
static Tensor withRealFrequencies(Emitter &e, const Tensor &imaginary) {
  int64_t last = imaginary.rank() - 1, n = *staticSize(imaginary.sizes[last]);
  return e.pointwise(imaginary, imaginary.sizes, imaginary.dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, imaginary.dtype), integers(b, loc, ScalarType::Int64);
    Value k = arith::IndexCastOp::create(b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, last));
    auto is = [&](int64_t frequency) {
      return integers.compare(Math::Order::Eq, k, integers.constant(static_cast<double>(frequency)));
    };
    Value isReal = n % 2 ? is(0) : Value(arith::OrIOp::create(b, loc, is(0), is(n / 2)));
    return m.select(isReal, m.constant(0), args[0]);
  });
}

// With n = a b, element b j + l of the row and element p + a q of the result: transforms over j, a rotation by l p / n,
// transforms over l.
static ComplexParts transformInParts(Emitter &e, const ComplexParts &x, int sign) {
  constexpr int64_t longestDirect = 64;
  int64_t n = *staticSize(x.real.sizes.back()), rank = x.real.rank(), a = middleDivisor(n), b = n / a;
  if (n <= longestDirect || a == 1)
    return transformDirectly(e, x, n, sign);
  Sizes split(SizesRef(x.real.sizes).drop_back());
  split.append({e.size(a), e.size(b)});
  auto swapped = [&](const Tensor &part) { return e.transpose(part, rank - 1, rank); };
  ComplexParts columns = onParts(x, [&](const Tensor &part) { return swapped(e.reshape(part, split)); });
  columns = transformRows(e, columns, sign);
  Tensor cosines = circleMatrix(e, b, a, n, x.real.dtype, true), sines = circleMatrix(e, b, a, n, x.real.dtype, false);
  columns = rotated(e, columns, cosines, sines, sign, [&](const Tensor &part, const Tensor &factors) {
    return e.compute({part, factors}, part.dtype, [](Math &m, ValueRange args) { return m.mul(args[0], args[1]); });
  });
  ComplexParts result = transformRows(e, onParts(columns, swapped), sign);
  return onParts(result, [&](const Tensor &part) { return e.reshape(swapped(part), x.real.sizes); });
}

ComplexParts tenon::aten::transformRows(Emitter &e, const ComplexParts &x, int sign) {
  ComplexParts result = transformInParts(e, x, sign);
  if (!x.imaginary)
    result.imaginary = withRealFrequencies(e, result.imaginary);
  return result;
}

//===--- transforms along dimensions ---------------------------------------------------------------------------------===//

static ComplexParts transformAlong(Emitter &e, const ComplexParts &x, int64_t dim, int sign) {
  int64_t last = x.real.rank() - 1;
  auto swapped = [&](const Tensor &part) { return e.transpose(part, dim, last); };
  return onParts(transformRows(e, onParts(x, swapped), sign), swapped);
}

// The first `length` elements along a dimension, zeros where there are none.
static Tensor resized(Emitter &e, const Tensor &x, int64_t dim, int64_t length) {
  int64_t size = staticSize(x.sizes[dim]).value_or(length);
  if (size >= length)
    return e.slice(x, dim, e.size(0), e.size(length));
  Sizes rest = x.sizes;
  rest[dim] = e.size(length - size);
  return e.concat({x, e.fill(rest, x.dtype, Scalar::of(0.0))}, dim);
}

static Tensor scaled(Emitter &e, const Tensor &x, double factor) {
  if (factor == 1)
    return x;
  return e.compute(x, x.dtype, [&](Math &m, ValueRange args) { return m.mul(m.constant(factor), args[0]); });
}

namespace {
enum class Kind { ComplexToComplex, RealToHalf, HalfToReal };

/// What a fft op does. A hermitian op is the transform of the other direction, of a half spectrum or to one.
struct FourierOp {
  StringLiteral name;
  Kind kind;
  int sign;        ///< of the exponent: -1 forward
  int64_t numDims; ///< 1, 2, or 0: all or those given
};
} // namespace

static const FourierOp fourierOps[] = {
    {"fft_fft", Kind::ComplexToComplex, -1, 1},  {"fft_ifft", Kind::ComplexToComplex, 1, 1},
    {"fft_fft2", Kind::ComplexToComplex, -1, 2}, {"fft_ifft2", Kind::ComplexToComplex, 1, 2},
    {"fft_fftn", Kind::ComplexToComplex, -1, 0}, {"fft_ifftn", Kind::ComplexToComplex, 1, 0},
    {"fft_rfft", Kind::RealToHalf, -1, 1},       {"fft_rfft2", Kind::RealToHalf, -1, 2},
    {"fft_rfftn", Kind::RealToHalf, -1, 0},      {"fft_ihfft", Kind::RealToHalf, 1, 1},
    {"fft_irfft", Kind::HalfToReal, 1, 1},       {"fft_irfft2", Kind::HalfToReal, 1, 2},
    {"fft_irfftn", Kind::HalfToReal, 1, 0},      {"fft_hfft", Kind::HalfToReal, -1, 1},
    {"fft_hfft2", Kind::HalfToReal, -1, 2},      {"fft_hfftn", Kind::HalfToReal, -1, 0},
    {"fft_ihfft2", Kind::RealToHalf, 1, 2},      {"fft_ihfftn", Kind::RealToHalf, 1, 0},
};

namespace {
/// The dimensions of a transform, in the order they are named, and their lengths in the time domain.
struct Extent {
  SmallVector<int64_t> dims, lengths;
};
} // namespace

// Empty where a length is not known.
static Extent extentOf(Call &call, const FourierOp &op, const Tensor &self) {
  Extent extent;
  int64_t rank = self.rank();
  SmallVector<int64_t> given;
  if (op.numDims == 1) {
    extent.dims.push_back(call.dim("dim", rank));
    if (call.has("n"))
      given.push_back(call.integer("n"));
  } else {
    given = call.has("s") ? call.integers("s") : SmallVector<int64_t>();
    int64_t count = op.numDims ? op.numDims : given.empty() ? rank : static_cast<int64_t>(given.size());
    extent.dims = call.has("dim") ? call.integers("dim") : llvm::to_vector(llvm::seq<int64_t>(rank - count, rank));
    for (int64_t &dim : extent.dims)
      dim += dim < 0 ? rank : 0;
  }
  for (auto [i, dim] : llvm::enumerate(extent.dims)) {
    std::optional<int64_t> size = staticSize(self.sizes[dim]);
    bool isHalf = op.kind == Kind::HalfToReal && i + 1 == extent.dims.size();
    bool isGiven = i < given.size() && given[i] != -1;
    if (!size && !isGiven)
      return {};
    extent.lengths.push_back(isGiven ? given[i] : isHalf ? 2 * (*size - 1) : *size);
  }
  return extent;
}

// ATen's norms: which direction divides by the number of elements ("ortho": both by its root).
static double factorOf(Call &call, const FourierOp &op, ArrayRef<int64_t> lengths) {
  double count = 1;
  for (int64_t length : lengths)
    count *= static_cast<double>(length);
  std::string norm = call.string("norm");
  if (norm == "ortho")
    return 1 / std::sqrt(count);
  return (norm == "forward") == (op.sign < 0) ? 1 / count : 1;
}

// The other half of a spectrum of real numbers: elements n / 2 - 1 … 1 (rounded up) in reverse, conjugated.
static ComplexParts completed(Emitter &e, const ComplexParts &half, int64_t dim, int64_t length) {
  int64_t kept = length / 2 + 1, added = length - kept;
  ComplexParts first = onParts(half, [&](const Tensor &part) { return resized(e, part, dim, kept); });
  if (added == 0)
    return first;
  ComplexParts rest =
      onParts(first, [&](const Tensor &part) { return flipped(e, e.slice(part, dim, e.size(1), e.size(added)), dim); });
  if (rest.imaginary)
    rest.imaginary = scaled(e, rest.imaginary, -1);
  return {e.concat({first.real, rest.real}, dim),
          first.imaginary ? e.concat({first.imaginary, rest.imaginary}, dim) : Tensor()};
}

Tensor tenon::aten::inverseOfHalf(Emitter &e, const ComplexParts &half, int64_t dim, int64_t length) {
  return transformAlong(e, completed(e, half, dim, length), dim, 1).real;
}

static Results importFourier(Call &call, const FourierOp &op) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  ScalarType dtype = partType(call.resultDtype());
  Extent extent = extentOf(call, op, self);
  if (extent.dims.empty() || dtype == ScalarType::Float16)
    return {call.unsupported("a Fourier transform of a length that varies, or in half precision")};
  ComplexParts x = onParts(partsOf(e, self), [&](const Tensor &part) { return e.cast(part, dtype); });
  for (size_t i = 0; i < extent.dims.size(); ++i) {
    // Real transforms begin, and half spectra end, with the last dimension.
    size_t at = op.kind == Kind::RealToHalf ? extent.dims.size() - 1 - i : i;
    int64_t dim = extent.dims[at], length = extent.lengths[at];
    bool isLast = at + 1 == extent.dims.size();
    x = op.kind == Kind::HalfToReal && isLast
            ? completed(e, x, dim, length)
            : onParts(x, [&](const Tensor &part) { return resized(e, part, dim, length); });
    x = transformAlong(e, x, dim, op.sign);
    if (op.kind == Kind::RealToHalf && isLast)
      x = onParts(x, [&](const Tensor &part) { return resized(e, part, dim, length / 2 + 1); });
  }
  double factor = factorOf(call, op, extent.lengths);
  x = onParts(x, [&](const Tensor &part) { return scaled(e, part, factor); });
  return {op.kind == Kind::HalfToReal ? x.real : joinParts(e, x)};
}

//===--- frequencies -------------------------------------------------------------------------------------------------===//

// 0, 1, … and, for complex transforms, the negative half, over n d.
static Results importFrequencies(Call &call, bool hasNegative) {
  int64_t n = call.integer("n");
  double step = 1 / (static_cast<double>(n) * call.real("d"));
  ScalarType dtype = call.resultDtype();
  return {call.e.pointwise({}, call.resultSizes(), dtype, [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, ScalarType::Float64);
    Value i = castScalar(b, loc, linalg::IndexOp::create(b, loc, 0), ScalarType::Int64, m.dtype);
    if (hasNegative) {
      Value isPositive = m.compare(Math::Order::Lt, i, m.constant(static_cast<double>((n + 1) / 2)));
      i = m.select(isPositive, i, m.sub(i, m.constant(static_cast<double>(n))));
    }
    return castScalar(b, loc, m.mul(i, m.constant(step)), m.dtype, dtype);
  })};
}

// Moves the zero frequency to the middle (n / 2 places onwards), or back.
static Results importShift(Call &call, bool isBack) {
  Emitter &e = call.e;
  Tensor x = call.tensor("self");
  for (int64_t dim : call.dims("dim", x.rank())) {
    std::optional<int64_t> size = staticSize(x.sizes[dim]);
    if (!size)
      return {call.unsupported("a shift along a dimension whose size varies")};
    int64_t head = isBack ? *size / 2 : *size - *size / 2;
    if (head == 0 || head == *size)
      continue;
    Tensor first = e.slice(x, dim, e.size(0), e.size(head)),
           second = e.slice(x, dim, e.size(head), e.size(*size - head));
    x = e.concat({second, first}, dim);
  }
  return {x};
}

void tenon::aten::addFourierRows(OpTable &table) {
  for (const FourierOp &op : fourierOps)
    for (StringRef prefix : {"", "complex."})
      table.add((prefix + op.name).str(), [&op](Call &call) { return importFourier(call, op); });
  table.add("fft_fftfreq", [](Call &call) { return importFrequencies(call, /*hasNegative=*/true); });
  table.add("fft_rfftfreq", [](Call &call) { return importFrequencies(call, /*hasNegative=*/false); });
  for (StringRef prefix : {"", "complex."}) {
    table.add((prefix + "fft_fftshift").str(), [](Call &call) { return importShift(call, /*isBack=*/false); });
    table.add((prefix + "fft_ifftshift").str(), [](Call &call) { return importShift(call, /*isBack=*/true); });
  }
}
