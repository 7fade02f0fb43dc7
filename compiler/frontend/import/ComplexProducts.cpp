//===- ComplexProducts.cpp - products of complex tensors ----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Products that are linear in each operand are made of the real op's row: (a + ib)(c + id) = ac - bd + i(ad + bc).
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"
#include "compiler/frontend/import/ComplexFunctions.h"

using namespace mlir;
using namespace tenon::aten;

static Tensor combined(Emitter &e, const Tensor &x, const Tensor &y, bool adds) {
  return e.compute({x, y}, x.dtype, [&](Math &m, ValueRange args) {
    return adds ? m.add(args[0], args[1]) : m.sub(args[0], args[1]);
  });
}

//===--- by the real op ----------------------------------------------------------------------------------------------===//

namespace {
/// An op that is linear in each of two operands. A bias [O] along dimension 1 of the result (0 where there is no batch) is added
/// to the product.
struct Bilinear {
  StringLiteral name, left, right, bias;
  int64_t spatial = 0;
};
} // namespace

static constexpr Bilinear bilinearOps[] = {
    {"conv1d", "input", "weight", "bias", 1},
    {"conv2d", "input", "weight", "bias", 2},
    {"conv3d", "input", "weight", "bias", 3},
    {"conv_transpose1d", "input", "weight", "bias", 1},
    {"conv_transpose2d", "input", "weight", "bias", 2},
    {"conv_transpose3d", "input", "weight", "bias", 3},
    {"outer", "self", "vec2", ""},
    {"kron", "self", "other", ""},
    {"cross", "self", "other", ""},
    {"linalg_cross", "self", "other", ""},
};

static Results importBilinear(Call &call, const Bilinear &op, const Row &row) {
  Emitter &e = call.e;
  Tensor bias = op.bias.empty() ? Tensor() : call.optionalTensor(op.bias);
  auto product = [&](Part left, Part right) {
    return call.onParts(row, [=](StringRef name) {
      return name == op.left ? left : name == op.right ? right : name == op.bias ? Part::Absent : Part::Real;
    })[0].tensor;
  };
  ComplexParts parts{combined(e, product(Part::Real, Part::Real), product(Part::Imaginary, Part::Imaginary), false),
                     combined(e, product(Part::Real, Part::Imaginary), product(Part::Imaginary, Part::Real), true)};
  if (!bias)
    return {joinParts(e, parts)};
  Sizes along(op.spatial + 1, e.size(1));
  along[0] = bias.sizes[0];
  ComplexParts added = partsOf(e, e.reshape(bias, along));
  return {joinParts(e, {combined(e, parts.real, added.real, true), combined(e, parts.imaginary, added.imaginary, true)})};
}

static Results importVdot(Call &call) {
  Emitter &e = call.e;
  Tensor self = conjugate(e, call.tensor("self")), other = call.tensor("other");
  return {e.reshape(e.matmul(e.unsqueeze(self, 0), e.unsqueeze(other, 1)), call.resultSizes())};
}

//===--- with an addend ----------------------------------------------------------------------------------------------===//

// factor * x element by element, the factor a complex number.
static Tensor scaled(Emitter &e, const Tensor &x, const ComplexScalar &factor) {
  ComplexParts parts = partsOf(e, x);
  auto part = [&](bool isReal) {
    return e.compute({parts.real, parts.imaginary}, parts.real.dtype, [&](Math &m, ValueRange args) {
      Number number{factor.real.materialize(m.b, m.loc, m.dtype), factor.imaginary.materialize(m.b, m.loc, m.dtype)};
      Number product = ComplexMath(m).mul(number, {args[0], args[1]});
      return isReal ? product.real : product.imaginary;
    });
  };
  return joinParts(e, {part(true), part(false)});
}

// beta * self + alpha * (left x right); self is not read where beta is zero.
static Results importAddedProduct(Call &call, StringRef left, StringRef right) {
  Emitter &e = call.e;
  Tensor lhs = call.tensor(left), rhs = call.tensor(right);
  if (call.op == "addr")
    lhs = e.unsqueeze(lhs, 1), rhs = e.unsqueeze(rhs, 0);
  if (rhs.rank() == 1)
    rhs = e.unsqueeze(rhs, 1);
  Tensor product = e.matmul(lhs, rhs);
  if (call.op == "addbmm")
    product = e.sum(product, {0}, product.dtype);
  product = scaled(e, e.reshape(product, call.resultSizes()), call.complexScalar("alpha"));
  ComplexScalar beta = call.complexScalar("beta");
  bool isZero = beta.real.isConstant() && beta.real.asDouble() == 0 && beta.imaginary.asDouble() == 0;
  if (isZero)
    return {product};
  ComplexParts x = partsOf(e, product), y = partsOf(e, scaled(e, call.tensor("self"), beta));
  return {joinParts(e, {combined(e, x.real, y.real, true), combined(e, x.imaginary, y.imaginary, true)})};
}

//===--- of all elements ---------------------------------------------------------------------------------------------===//

static Tensor times(Emitter &e, const Tensor &x, const Tensor &y) {
  ComplexParts a = partsOf(e, x), b = partsOf(e, y);
  auto part = [&](bool isReal) {
    return e.compute({a.real, a.imaginary, b.real, b.imaginary}, a.real.dtype, [&](Math &m, ValueRange args) {
      Number product = ComplexMath(m).mul({args[0], args[1]}, {args[2], args[3]});
      return isReal ? product.real : product.imaginary;
    });
  };
  return joinParts(e, {part(true), part(false)});
}

// Halves meet until one element is left: of n elements, as many steps as n has binary digits.
static std::optional<Tensor> productAlong(Emitter &e, Tensor x, int64_t dim) {
  std::optional<int64_t> size = staticSize(x.sizes[dim]);
  if (!size || *size == 0)
    return std::nullopt;
  for (int64_t n = *size; n > 1; n = (n + 1) / 2) {
    int64_t half = n / 2;
    Tensor products = times(e, e.slice(x, dim, e.size(0), e.size(half)), e.slice(x, dim, e.size(half), e.size(half)));
    x = n % 2 ? e.concat({products, e.slice(x, dim, e.size(n - 1), e.size(1))}, dim) : products;
  }
  return x;
}

static Results importProd(Call &call) {
  Emitter &e = call.e;
  Tensor x = e.cast(call.tensor("self"), call.resultDtype());
  if (x.rank() == 0)
    return {x};
  int64_t dim = 0;
  if (call.has("dim"))
    dim = call.dim("dim", x.rank());
  else
    x = e.reshape(x, Sizes{e.product(x.sizes)});
  if (isEmpty(x.sizes[dim]))
    return {joinParts(e, {e.fill(call.resultSizes(), partType(x.dtype), Scalar::of(1.0)), {}})};
  std::optional<Tensor> product = productAlong(e, x, dim);
  return {product ? e.reshape(*product, call.resultSizes()) : call.unsupported("a product of complex numbers whose number varies")};
}

// Each element meets the one 1, 2, 4, … places before it (W. D. Hillis, G. L. Steele, "Data parallel algorithms", 1986).
static Results importCumulativeProduct(Call &call) {
  Emitter &e = call.e;
  Tensor x = e.cast(call.tensor("self"), call.resultDtype());
  if (x.rank() == 0)
    return {x};
  int64_t dim = call.dim("dim", x.rank());
  std::optional<int64_t> size = staticSize(x.sizes[dim]);
  if (!size)
    return {call.unsupported("running products of complex numbers whose number varies")};
  for (int64_t step = 1; step < *size; step *= 2) {
    Size rest = e.size(*size - step);
    Tensor products = times(e, e.slice(x, dim, e.size(step), rest), e.slice(x, dim, e.size(0), rest));
    x = e.concat({e.slice(x, dim, e.size(0), e.size(step)), products}, dim);
  }
  return {x};
}

void tenon::aten::addComplexProductRows(OpTable &table) {
  for (const Bilinear &op : bilinearOps)
    table.add(("complex." + op.name).str(), [&op, row = *table.find(op.name, "")](Call &call) { return importBilinear(call, op, row); });
  table.add("complex.vdot", importVdot);
  for (auto [name, left, right] : {std::tuple{"complex.addmm", "mat1", "mat2"}, std::tuple{"complex.baddbmm", "batch1", "batch2"},
                                   std::tuple{"complex.addbmm", "batch1", "batch2"}, std::tuple{"complex.addmv", "mat", "vec"},
                                   std::tuple{"complex.addr", "vec1", "vec2"}})
    table.add(name, [left, right](Call &call) { return importAddedProduct(call, left, right); });
  table.add("complex.prod", importProd);
  table.add("complex.cumprod", importCumulativeProduct);
}
