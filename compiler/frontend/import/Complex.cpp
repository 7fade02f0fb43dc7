//===- Complex.cpp - complex tensors as pairs of real ones --------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"
#include "compiler/frontend/import/ComplexFunctions.h"

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

//===--- parts and polar form ----------------------------------------------------------------------------------------===//

// Squares of float32 do not overflow in float64.
Tensor tenon::aten::magnitude(Emitter &e, const Tensor &tensor) {
  if (!isComplex(tensor.dtype))
    return e.compute(tensor, tensor.dtype,
                     [](Math &m, ValueRange args) -> Value { return math::AbsFOp::create(m.b, m.loc, args[0]); });
  ComplexParts x = partsOf(e, tensor);
  ScalarType dtype = partType(tensor.dtype);
  if (dtype == ScalarType::Float64)
    return e.compute({x.real, x.imaginary}, dtype,
                     [](Math &m, ValueRange args) { return ComplexMath(m).magnitude({args[0], args[1]}); });
  Tensor wide = e.compute({x.real, x.imaginary}, ScalarType::Float64, [](Math &m, ValueRange args) -> Value {
    return math::SqrtOp::create(m.b, m.loc, m.add(m.mul(args[0], args[0]), m.mul(args[1], args[1])));
  });
  return e.cast(wide, dtype);
}

static Results importMagnitude(Call &call) { return {magnitude(call.e, call.tensor("self"))}; }

Tensor tenon::aten::conjugate(Emitter &e, const Tensor &tensor) {
  ComplexParts x = partsOf(e, tensor);
  if (!x.imaginary)
    return tensor;
  Tensor negated = e.compute(x.imaginary, x.real.dtype, [](Math &m, ValueRange args) { return m.neg(args[0]); });
  return joinParts(e, {x.real, negated});
}

Tensor tenon::aten::scaledBy(Emitter &e, const Tensor &tensor, const Tensor &factors) {
  ComplexParts x = partsOf(e, tensor);
  auto scaled = [&](const Tensor &part) {
    return e.compute({part, factors}, part.dtype, [](Math &m, ValueRange args) { return m.mul(args[0], args[1]); });
  };
  return x.imaginary ? joinParts(e, {scaled(x.real), scaled(x.imaginary)}) : scaled(x.real);
}

static Results importConjugate(Call &call) { return {conjugate(call.e, call.tensor("self"))}; }

// The conjugate transpose.
static Results importAdjoint(Call &call) {
  Tensor self = call.tensor("self");
  Tensor turned = self.rank() < 2 ? self : call.e.transpose(self, self.rank() - 2, self.rank() - 1);
  return {conjugate(call.e, turned)};
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

// A number is true where one of its parts is.
Tensor tenon::aten::convertComplex(Emitter &e, const Tensor &tensor, ScalarType to) {
  if (tensor.dtype == to)
    return tensor;
  ComplexParts x = partsOf(e, tensor);
  if (to == ScalarType::Bool)
    return e.pointwise({x.real, x.imaginary}, tensor.sizes, to, [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
      auto truth = [&](Value part) { return castScalar(b, loc, part, x.real.dtype, ScalarType::Bool); };
      return arith::OrIOp::create(b, loc, truth(args[0]), truth(args[1]));
    });
  if (!isComplex(to))
    return e.cast(x.real, to);
  return joinParts(e, {e.cast(x.real, partType(to)), x.imaginary ? e.cast(x.imaginary, partType(to)) : Tensor()});
}

static Results importConversion(Call &call) { return {call.e.cast(call.tensor("self"), call.resultDtype())}; }

static Results importCopy(Call &call) {
  return {call.e.broadcast(call.e.cast(call.tensor("src"), call.resultDtype()), call.resultSizes())};
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
  for (auto name : {"_conj", "conj", "conj_physical"})
    table.add(name, [](Call &) { return Results{View::identity()}; });
  for (auto name : {"complex.mH", "complex.matrix_H", "complex.adjoint"})
    table.add(name, importAdjoint);
  for (auto name : {"complex.to", "complex._to_copy", "complex.type_as", "complex.clone", "complex.contiguous",
                    "complex.lift_fresh_copy", "complex.alias_copy"})
    table.add(name, importConversion);
  table.add("complex.copy", importCopy);
  // Views and joins carry the parts along, and so do the sums and products that Emitter knows.
  for (StringRef name :
       {"view", "reshape", "_unsafe_view", "_reshape_alias", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as",
        "reshape_as", "ravel", "atleast_1d", "atleast_2d", "atleast_3d", "expand", "expand_as", "broadcast_to", "transpose",
        "swapaxes", "swapdims", "t", "mT", "numpy_T", "permute", "movedim", "moveaxis", "slice", "narrow", "select", "unbind",
        "split", "split_with_sizes", "chunk", "tensor_split", "unsafe_chunk", "unsafe_split", "hsplit", "vsplit", "dsplit",
        "slice_scatter", "select_scatter", "cat", "concat", "concatenate", "stack", "hstack", "vstack", "row_stack", "dstack",
        "column_stack", "detach", "alias", "lift_fresh", "lift", "resolve_conj", "resolve_neg", "requires_grad", "repeat",
        "tile", "repeat_interleave.self_int", "zeros", "zeros_like", "new_zeros", "empty", "empty_like", "new_empty",
        "empty_permuted", "empty_strided", "new_empty_strided", "zero", "resize", "resize_as", "block_diag", "meshgrid",
        "cartesian_prod", "broadcast_tensors", "roll", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle",
        "expand_copy", "narrow_copy", "permute_copy", "select_copy", "slice_copy", "split_copy", "split_with_sizes_copy",
        "squeeze_copy", "t_copy", "transpose_copy", "unbind_copy", "unsqueeze_copy", "view_copy", "mm", "bmm", "matmul", "mv",
        "dot", "linear", "einsum", "tensordot", "inner", "chain_matmul", "linalg_multi_dot"}) {
    auto [op, overload] = name.split('.');
    if (const Row *row = table.find(op, overload))
      table.add(("complex." + name).str(), *row);
  }
}
