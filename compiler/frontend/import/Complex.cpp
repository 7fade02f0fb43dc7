//===- Complex.cpp - complex tensors as pairs of real ones --------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tenon::aten;

//===--- representation ----------------------------------------------------------------------------------------------===//

bool tenon::aten::isComplex(ScalarType type) {
  return type == ScalarType::ComplexFloat || type == ScalarType::ComplexDouble;
}

ScalarType tenon::aten::partType(ScalarType type) {
  return type == ScalarType::ComplexFloat    ? ScalarType::Float32
         : type == ScalarType::ComplexDouble ? ScalarType::Float64
                                             : type;
}

ScalarType tenon::aten::complexOf(ScalarType type) {
  return type == ScalarType::Float64 ? ScalarType::ComplexDouble : ScalarType::ComplexFloat;
}

Tensor tenon::aten::viewAsReal(Emitter &e, const Tensor &tensor) {
  Sizes sizes = tensor.sizes;
  sizes.push_back(e.size(2));
  return {tensor.value, partType(tensor.dtype), sizes};
}

Tensor tenon::aten::viewAsComplex(Emitter &, const Tensor &tensor) {
  return {tensor.value, complexOf(tensor.dtype), Sizes(SizesRef(tensor.sizes).drop_back())};
}

static Tensor partOf(Emitter &e, const Tensor &tensor, int64_t which) {
  Tensor pairs = viewAsReal(e, tensor);
  return e.squeeze(e.slice(pairs, tensor.rank(), e.size(which), e.size(1)), tensor.rank());
}

ComplexParts tenon::aten::partsOf(Emitter &e, const Tensor &tensor) {
  if (!isComplex(tensor.dtype))
    return {tensor, {}};
  return {partOf(e, tensor, 0), partOf(e, tensor, 1)};
}

Tensor tenon::aten::joinParts(Emitter &e, const ComplexParts &parts) {
  const Tensor &real = parts.real;
  Tensor imaginary = parts.imaginary ? parts.imaginary : e.fill(real.sizes, real.dtype, Scalar::of(0.0));
  Sizes sizes = real.sizes;
  int64_t rank = sizes.size();
  sizes.push_back(e.size(2));
  AffineMap map = e.dimsMap(rank + 1, llvm::to_vector(llvm::seq<int64_t>(0, rank)));
  return viewAsComplex(
      e, e.mapped({real, imaginary}, {map, map}, sizes, real.dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
        Value first = arith::ConstantIndexOp::create(b, loc, 0);
        Value isReal =
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, linalg::IndexOp::create(b, loc, rank), first);
        return arith::SelectOp::create(b, loc, isReal, args[0], args[1]).getResult();
      }));
}

//===--- arithmetic --------------------------------------------------------------------------------------------------===//

namespace {
/// One complex number inside a body.
struct Number {
  Value real, imaginary;
};
} // namespace

static Number product(Math &m, Number x, Number y) {
  return {m.sub(m.mul(x.real, y.real), m.mul(x.imaginary, y.imaginary)),
          m.add(m.mul(x.real, y.imaginary), m.mul(x.imaginary, y.real))};
}

// By Smith's method: the larger part of the divisor is divided out first, so that no square overflows (R. L. Smith,
// "Algorithm 116: complex division", 1962).
static Number quotient(Math &m, Number x, Number y) {
  auto magnitude = [&](Value value) -> Value { return math::AbsFOp::create(m.b, m.loc, value); };
  Value isReal = m.compare(Math::Order::Ge, magnitude(y.real), magnitude(y.imaginary));
  Value large = m.select(isReal, y.real, y.imaginary), small = m.select(isReal, y.imaginary, y.real);
  Value ratio = m.div(small, large), divisor = m.add(large, m.mul(small, ratio));
  Value a = m.select(isReal, x.real, x.imaginary), b = m.select(isReal, x.imaginary, x.real);
  Value real = m.div(m.add(a, m.mul(b, ratio)), divisor), crossed = m.div(m.sub(b, m.mul(a, ratio)), divisor);
  return {real, m.select(isReal, crossed, m.neg(crossed))};
}

/// Computes a complex number of two.
using Binary = llvm::function_ref<Number(Math &, Number, Number)>;

// Element by element on what the operands broadcast to; real operands and numbers have the imaginary part zero.
static Tensor combine(Call &call, const Tensor &x, const Tensor &y, Binary body) {
  Emitter &e = call.e;
  ComplexParts a = partsOf(e, x), b = partsOf(e, y);
  ScalarType dtype = partType(call.resultDtype());
  SmallVector<Tensor> operands{a.real, b.real};
  for (const Tensor &part : {a.imaginary, b.imaginary})
    if (part)
      operands.push_back(part);
  auto compute = [&](bool wantsReal) {
    return e.compute(operands, dtype, [&](Math &m, ValueRange args) {
      Number p{args[0], m.constant(0)}, q{args[1], m.constant(0)};
      if (a.imaginary)
        p.imaginary = args[2];
      if (b.imaginary)
        q.imaginary = args.back();
      Number result = body(m, p, q);
      return wantsReal ? result.real : result.imaginary;
    });
  };
  return joinParts(e, {compute(true), compute(false)});
}

static Results importSum(Call &call, double sign) {
  Scalar alpha = call.scalar("alpha");
  return {combine(call, call.tensor("self"), call.tensor("other"), [&](Math &m, Number x, Number y) {
    Value factor = m.mul(m.constant(sign), alpha.materialize(m.b, m.loc, m.dtype));
    return Number{m.add(x.real, m.mul(factor, y.real)), m.add(x.imaginary, m.mul(factor, y.imaginary))};
  })};
}

Tensor tenon::aten::conjugate(Emitter &e, const Tensor &tensor) {
  ComplexParts x = partsOf(e, tensor);
  if (!x.imaginary)
    return tensor;
  return joinParts(e, {x.real, e.compute(x.imaginary, x.real.dtype, [](Math &m, ValueRange args) { return m.neg(args[0]); })});
}

static Results importConjugate(Call &call) { return {conjugate(call.e, call.tensor("self"))}; }

// The conjugate transpose.
static Results importAdjoint(Call &call) {
  Tensor self = call.tensor("self");
  return {conjugate(call.e, call.e.transpose(self, self.rank() - 2, self.rank() - 1))};
}

Tensor tenon::aten::scaledBy(Emitter &e, const Tensor &tensor, const Tensor &factors) {
  ComplexParts x = partsOf(e, tensor);
  auto scaled = [&](const Tensor &part) {
    return e.compute({part, factors}, part.dtype, [](Math &m, ValueRange args) { return m.mul(args[0], args[1]); });
  };
  return x.imaginary ? joinParts(e, {scaled(x.real), scaled(x.imaginary)}) : scaled(x.real);
}

// Part by part.
static Results importReduction(Call &call, bool isMean) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  ComplexParts x = partsOf(e, self);
  SmallVector<int64_t> dims =
      call.has("dim") ? call.dims("dim", self.rank()) : llvm::to_vector(llvm::seq<int64_t>(0, self.rank()));
  Sizes reduced;
  for (int64_t dim : dims)
    reduced.push_back(self.sizes[dim]);
  std::optional<int64_t> count = staticSize(e.product(reduced));
  if (isMean && !count)
    return {call.unsupported("a mean of complex numbers whose number varies")};
  auto reduce = [&](const Tensor &part) {
    Tensor sum = e.reshape(e.sum(part, dims, part.dtype), call.resultSizes());
    return isMean ? e.compute(sum, sum.dtype,
                              [&](Math &m, ValueRange args) {
                                return m.div(args[0], m.constant(static_cast<double>(*count)));
                              })
                  : sum;
  };
  return {joinParts(e, {reduce(x.real), reduce(x.imaginary)})};
}

//===--- parts and polar form ----------------------------------------------------------------------------------------===//

// Squares of float32 do not overflow in float64.
Tensor tenon::aten::magnitude(Emitter &e, const Tensor &tensor) {
  ComplexParts x = partsOf(e, tensor);
  if (!x.imaginary)
    return e.compute(tensor, tensor.dtype,
                     [](Math &m, ValueRange args) -> Value { return math::AbsFOp::create(m.b, m.loc, args[0]); });
  Tensor wide = e.compute({x.real, x.imaginary}, ScalarType::Float64, [](Math &m, ValueRange args) -> Value {
    return math::SqrtOp::create(m.b, m.loc, m.add(m.mul(args[0], args[0]), m.mul(args[1], args[1])));
  });
  return e.cast(wide, x.real.dtype);
}

static Results importMagnitude(Call &call) {
  return {call.e.cast(magnitude(call.e, call.tensor("self")), call.resultDtype())};
}

static Results importAngle(Call &call) {
  Emitter &e = call.e;
  ComplexParts x = partsOf(e, call.tensor("self"));
  return {e.compute({x.imaginary, x.real}, call.resultDtype(), [](Math &m, ValueRange args) -> Value {
    return math::Atan2Op::create(m.b, m.loc, args[0], args[1]);
  })};
}

// Of a real number: 0, or pi below zero; NaN stays.
static Results importAngleOfReal(Call &call) {
  return {call.e.compute(call.tensor("self"), call.resultDtype(), [](Math &m, ValueRange args) {
    Value isNegative = m.compare(Math::Order::Lt, args[0], m.constant(0));
    Value angle = m.select(isNegative, m.constant(3.14159265358979323846), m.constant(0));
    return m.select(m.isNan(args[0]), args[0], angle);
  })};
}

static Results importPolar(Call &call) {
  Emitter &e = call.e;
  Tensor size = call.tensor("abs"), angle = call.tensor("angle");
  auto part = [&](bool isReal) {
    return e.compute({size, angle}, partType(call.resultDtype()), [&](Math &m, ValueRange args) {
      Value direction =
          isReal ? Value(math::CosOp::create(m.b, m.loc, args[1])) : Value(math::SinOp::create(m.b, m.loc, args[1]));
      return m.mul(args[0], direction);
    });
  };
  return {joinParts(e, {part(true), part(false)})};
}

static Results importComplex(Call &call) {
  Emitter &e = call.e;
  Sizes sizes = call.resultSizes();
  return {joinParts(e, {e.broadcast(call.tensor("real"), sizes), e.broadcast(call.tensor("imag"), sizes)})};
}

static View partView(int64_t which) {
  return {[=](Emitter &e, const Tensor &base) { return partOf(e, base, which); },
          [=](Emitter &e, const Tensor &base, const Tensor &updated) {
            ComplexParts parts = partsOf(e, base);
            (which == 0 ? parts.real : parts.imaginary) = updated;
            return joinParts(e, parts);
          }};
}

static View pairsView(bool toReal) {
  auto there = [](Emitter &e, const Tensor &tensor) { return viewAsReal(e, tensor); };
  auto back = [](Emitter &e, const Tensor &tensor) { return viewAsComplex(e, tensor); };
  if (toReal)
    return {there, [=](Emitter &e, const Tensor &, const Tensor &updated) { return back(e, updated); }};
  return {back, [=](Emitter &e, const Tensor &, const Tensor &updated) { return there(e, updated); }};
}

//===--- conversions -------------------------------------------------------------------------------------------------===//

// Between complex types, or from real numbers; a conversion to real ones drops the imaginary part.
static Tensor converted(Emitter &e, const Tensor &tensor, ScalarType to) {
  if (tensor.dtype == to)
    return tensor;
  ComplexParts x = partsOf(e, tensor);
  if (!isComplex(to))
    return e.cast(x.real, to);
  return joinParts(e, {e.cast(x.real, partType(to)), x.imaginary ? e.cast(x.imaginary, partType(to)) : Tensor()});
}

static Results importConversion(Call &call) { return {converted(call.e, call.tensor("self"), call.resultDtype())}; }

static Results importCopy(Call &call) {
  return {call.e.broadcast(converted(call.e, call.tensor("src"), call.resultDtype()), call.resultSizes())};
}

// (A + iB)(C + iD) by four products of real matrices.
Tensor tenon::aten::matrixProduct(Emitter &e, const Tensor &lhs, const Tensor &rhs) {
  ComplexParts x = partsOf(e, lhs), y = partsOf(e, rhs);
  if (!x.imaginary)
    return e.matmul(lhs, rhs);
  auto combined = [&](const Tensor &a, const Tensor &b, bool adds) {
    return e.compute({a, b}, a.dtype, [&](Math &m, ValueRange args) {
      return adds ? m.add(args[0], args[1]) : m.sub(args[0], args[1]);
    });
  };
  return joinParts(e, {combined(e.matmul(x.real, y.real), e.matmul(x.imaginary, y.imaginary), false),
                       combined(e.matmul(x.real, y.imaginary), e.matmul(x.imaginary, y.real), true)});
}

static Results importMatrixProduct(Call &call) {
  Tensor x = call.tensor("self"), y = call.tensor(call.has("mat2") ? "mat2" : "other");
  if (x.rank() != y.rank() || x.rank() < 2 || !isComplex(x.dtype) || !isComplex(y.dtype))
    return {call.unsupported("a product of complex matrices of other ranks, or with real ones")};
  return {matrixProduct(call.e, x, y)};
}

void tenon::aten::addComplexRows(OpTable &table) {
  table.add("complex.complex", importComplex);
  table.add("complex.polar", importPolar);
  for (auto name : {"complex.abs", "complex.absolute"})
    table.add(name, importMagnitude);
  table.add("complex.angle", importAngle);
  table.add("angle", importAngleOfReal);
  table.add("complex.real", [](Call &) { return Results{partView(0)}; });
  table.add("complex.imag", [](Call &) { return Results{partView(1)}; });
  table.add("real", [](Call &) { return Results{View::identity()}; });
  table.add("complex.view_as_real", [](Call &) { return Results{pairsView(/*toReal=*/true)}; });
  table.add("complex.view_as_complex", [](Call &) { return Results{pairsView(/*toReal=*/false)}; });
  for (auto name : {"complex._conj", "complex.conj", "complex.conj_physical", "complex._conj_physical"})
    table.add(name, importConjugate);
  for (auto name : {"complex.mH", "complex.adjoint", "complex.matrix_H"})
    table.add(name, importAdjoint);
  for (auto name : {"_conj", "conj", "conj_physical"})
    table.add(name, [](Call &) { return Results{View::identity()}; });
  table.add("complex.add", [](Call &call) { return importSum(call, 1); });
  table.add("complex.sub", [](Call &call) { return importSum(call, -1); });
  table.add("complex.mul",
            [](Call &call) { return Results{combine(call, call.tensor("self"), call.tensor("other"), product)}; });
  table.add("complex.div",
            [](Call &call) { return Results{combine(call, call.tensor("self"), call.tensor("other"), quotient)}; });
  table.add("complex.sum", [](Call &call) { return importReduction(call, /*isMean=*/false); });
  table.add("complex.mean", [](Call &call) { return importReduction(call, /*isMean=*/true); });
  for (auto name : {"complex.matmul", "complex.mm", "complex.bmm"})
    table.add(name, importMatrixProduct);
  for (auto name : {"complex.to", "complex._to_copy", "complex.type_as", "complex.clone", "complex.contiguous"})
    table.add(name, importConversion);
  table.add("complex.copy", importCopy);
  // Views and joins carry the parts along.
  for (StringRef name :
       {"view",    "reshape",      "_unsafe_view",     "flatten",   "unflatten",    "squeeze",   "unsqueeze",
        "view_as", "reshape_as",   "expand",           "expand_as", "broadcast_to", "transpose", "swapaxes",
        "t",       "mT",           "permute",          "movedim",   "slice",        "narrow",    "select",
        "unbind",  "split",        "split_with_sizes", "chunk",     "cat",          "stack",     "detach",
        "alias",   "resolve_conj", "resolve_neg",      "repeat"})
    table.add(("complex." + name).str(), *table.find(name, ""));
}
