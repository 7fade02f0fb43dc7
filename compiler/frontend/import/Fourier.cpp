//===- Fourier.cpp - discrete Fourier transforms ------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A short transform is a product with a constant matrix, computed at load. A longer one is split in two (J. W. Cooley,
// J. W. Tukey, "An algorithm for the machine calculation of complex Fourier series", 1965), so that the library of
// matrix products does the work. Where the length varies, the matrix is computed in each run.
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

// A size inside a body, as i64.
static Value number(OpBuilder &b, Location loc, Size size) {
  if (auto known = staticSize(size))
    return scalarConstant(b, loc, ScalarType::Int64, *known);
  return arith::IndexCastOp::create(b, loc, b.getI64Type(), cast<Value>(size));
}

// The matrix of cos or sin of 2 pi (j k) / n.
static Tensor circleMatrix(Emitter &e, SizesRef sizes, Size n, ScalarType dtype, bool isCosine) {
  return e.pointwise({}, sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange) {
    Math integers(b, loc, ScalarType::Int64), m(b, loc, ScalarType::Float64);
    auto position = [&](int64_t dim) -> Value {
      return arith::IndexCastOp::create(b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, dim));
    };
    auto real = [&](Value integer) { return castScalar(b, loc, integer, ScalarType::Int64, m.dtype); };
    Value step = integers.rem(integers.mul(position(0), position(1)), number(b, loc, n));
    auto known = staticSize(n);
    Value unit = known ? m.constant(2 * std::numbers::pi / static_cast<double>(*known))
                       : m.div(m.constant(2 * std::numbers::pi), real(number(b, loc, n)));
    Value angle = m.mul(real(step), unit);
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

static ComplexParts transformDirectly(Emitter &e, const ComplexParts &x, int sign) {
  ScalarType dtype = x.real.dtype;
  SizesRef sizes = x.real.sizes;
  Size n = sizes.back();
  Tensor cosines = circleMatrix(e, {n, n}, n, dtype, true), sines = circleMatrix(e, {n, n}, n, dtype, false);
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
  int64_t last = imaginary.rank() - 1;
  return e.pointwise(imaginary, imaginary.sizes, imaginary.dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, imaginary.dtype), integers(b, loc, ScalarType::Int64);
    Value k = arith::IndexCastOp::create(b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, last));
    Value isFirst = integers.compare(Math::Order::Eq, k, integers.constant(0));
    Value isMiddle = integers.compare(Math::Order::Eq, integers.add(k, k), number(b, loc, imaginary.sizes[last]));
    return m.select(arith::OrIOp::create(b, loc, isFirst, isMiddle), m.constant(0), args[0]);
  });
}

// With n = a b, element b j + l of the row and element p + a q of the result: transforms over j, a rotation by l p / n,
// transforms over l.
static ComplexParts transformInParts(Emitter &e, const ComplexParts &x, int sign) {
  constexpr int64_t longestDirect = 64;
  std::optional<int64_t> known = staticSize(x.real.sizes.back());
  int64_t n = known.value_or(1), rank = x.real.rank(), a = middleDivisor(n), b = n / a;
  if (n <= longestDirect || a == 1)
    return transformDirectly(e, x, sign);
  Sizes split(SizesRef(x.real.sizes).drop_back());
  split.append({e.size(a), e.size(b)});
  auto swapped = [&](const Tensor &part) { return e.transpose(part, rank - 1, rank); };
  ComplexParts columns = onParts(x, [&](const Tensor &part) { return swapped(e.reshape(part, split)); });
  columns = transformRows(e, columns, sign);
  Tensor cosines = circleMatrix(e, e.sizes({b, a}), e.size(n), x.real.dtype, true),
         sines = circleMatrix(e, e.sizes({b, a}), e.size(n), x.real.dtype, false);
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
static Tensor resized(Emitter &e, const Tensor &x, int64_t dim, Size length) {
  std::optional<int64_t> size = staticSize(x.sizes[dim]), wanted = staticSize(length);
  Tensor source = x;
  if (!wanted || !size || *size < *wanted) {
    if (x.sizes[dim] == length)
      return x;
    Sizes rest = x.sizes;
    rest[dim] = size && wanted ? e.size(*wanted - *size) : length;
    source = e.concat({x, e.fill(rest, x.dtype, Scalar::of(0.0))}, dim);
  }
  return e.slice(source, dim, e.size(0), length);
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
  SmallVector<int64_t> dims;
  Sizes lengths;
};
} // namespace

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
    Size size = self.sizes[dim];
    bool isHalf = op.kind == Kind::HalfToReal && i + 1 == extent.dims.size();
    bool isGiven = i < given.size() && given[i] != -1;
    extent.lengths.push_back(isGiven ? call.e.size(given[i])
                             : isHalf ? call.e.mul(call.e.size(2), call.e.sub(size, call.e.size(1)))
                                      : size);
  }
  return extent;
}

// ATen's norms: which direction divides by the number of elements ("ortho": both by its root).
static Tensor normalized(Call &call, const FourierOp &op, const Tensor &x, SizesRef lengths) {
  Emitter &e = call.e;
  std::string norm = call.string("norm");
  bool isRoot = norm == "ortho";
  if (!isRoot && (norm == "forward") != (op.sign < 0))
    return x;
  Size count = e.product(lengths);
  if (auto known = staticSize(count))
    return scaled(e, x, 1 / (isRoot ? std::sqrt(static_cast<double>(*known)) : static_cast<double>(*known)));
  return e.compute(x, x.dtype, [&](Math &m, ValueRange args) {
    Math wide(m.b, m.loc, ScalarType::Float64);
    Value divisor = castScalar(m.b, m.loc, number(m.b, m.loc, count), ScalarType::Int64, wide.dtype);
    if (isRoot)
      divisor = math::SqrtOp::create(m.b, m.loc, divisor);
    return m.mul(castScalar(m.b, m.loc, wide.div(wide.constant(1), divisor), wide.dtype, m.dtype), args[0]);
  });
}

// The other half of a spectrum of real numbers: elements n / 2 - 1 … 1 (rounded up) in reverse, conjugated.
static ComplexParts completed(Emitter &e, const ComplexParts &half, int64_t dim, Size length) {
  bool isKnown = staticSize(length).has_value(); // else it comes from the half's own size
  Size kept = isKnown ? e.add(e.floorDiv(length, e.size(2)), e.size(1)) : half.real.sizes[dim], added = e.sub(length, kept);
  ComplexParts first = onParts(half, [&](const Tensor &part) { return resized(e, part, dim, kept); });
  if (staticSize(added) == 0)
    return first;
  ComplexParts rest = onParts(first, [&](const Tensor &part) { return flipped(e, e.slice(part, dim, e.size(1), added), dim); });
  if (rest.imaginary)
    rest.imaginary = scaled(e, rest.imaginary, -1);
  return {e.concat({first.real, rest.real}, dim),
          first.imaginary ? e.concat({first.imaginary, rest.imaginary}, dim) : Tensor()};
}

Tensor tenon::aten::inverseOfHalf(Emitter &e, const ComplexParts &half, int64_t dim, int64_t length) {
  return transformAlong(e, completed(e, half, dim, e.size(length)), dim, 1).real;
}

static Results importFourier(Call &call, const FourierOp &op) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  ScalarType dtype = partType(call.resultDtype());
  Extent extent = extentOf(call, op, self);
  if (dtype == ScalarType::Float16)
    return {call.unsupported("a Fourier transform in half precision")};
  ComplexParts x = onParts(partsOf(e, self), [&](const Tensor &part) { return e.cast(part, dtype); });
  for (size_t i = 0; i < extent.dims.size(); ++i) {
    // Real transforms begin, and half spectra end, with the last dimension.
    size_t at = op.kind == Kind::RealToHalf ? extent.dims.size() - 1 - i : i;
    int64_t dim = extent.dims[at];
    Size length = extent.lengths[at];
    bool isLast = at + 1 == extent.dims.size();
    x = op.kind == Kind::HalfToReal && isLast
            ? completed(e, x, dim, length)
            : onParts(x, [&](const Tensor &part) { return resized(e, part, dim, length); });
    x = transformAlong(e, x, dim, op.sign);
    if (op.kind == Kind::RealToHalf && isLast)
      x = onParts(x, [&](const Tensor &part) {
        return e.slice(part, dim, e.size(0), e.add(e.floorDiv(length, e.size(2)), e.size(1)));
      });
  }
  x = onParts(x, [&](const Tensor &part) { return normalized(call, op, part, extent.lengths); });
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
    Size size = x.sizes[dim], half = e.floorDiv(size, e.size(2)), head = isBack ? half : e.sub(size, half);
    if (staticSize(head) == 0 || head == size)
      continue;
    Tensor first = e.slice(x, dim, e.size(0), head), second = e.slice(x, dim, head, e.sub(size, head));
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
