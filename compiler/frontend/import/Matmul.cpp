//===- Matmul.cpp - matrix products -------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"
#include "compiler/ir/TenonDialect.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

// Libraries multiply floats only: integers are sums of products in a loop, in their own type as ATen has it.
static Tensor integerProduct(Emitter &e, const Tensor &lhs, const Tensor &rhs, SizesRef sizes) {
  int64_t rank = sizes.size(); // the loop's dimension `rank` is the one that is summed over
  Sizes loop(sizes);
  loop.push_back(lhs.sizes.back());
  auto mapOf = [&](const Tensor &operand, int64_t second, int64_t last) {
    SmallVector<AffineExpr> exprs;
    for (int64_t dim = 0; dim < rank - 2; ++dim)
      exprs.push_back(isOne(operand.sizes[dim]) ? e.b.getAffineConstantExpr(0) : e.b.getAffineDimExpr(dim));
    exprs.append({e.b.getAffineDimExpr(second), e.b.getAffineDimExpr(last)});
    return AffineMap::get(rank + 1, 0, exprs, e.b.getContext());
  };
  ScalarType dtype = lhs.dtype;
  return e.reduceMapped(
      {lhs, rhs}, {mapOf(lhs, rank - 2, rank), mapOf(rhs, rank, rank - 1)}, loop, rank, dtype, Scalar::of(int64_t{0}),
      [&](OpBuilder &b, Location loc, ValueRange args) { return Math(b, loc, dtype).mul(args[0], args[1]); },
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, dtype).add(acc, next); });
}

// The sum of complex tensors that broadcast.
static Tensor plus(Emitter &e, const Tensor &x, const Tensor &y) {
  ComplexParts a = partsOf(e, x), b = partsOf(e, y);
  auto sum = [&](const Tensor &p, const Tensor &q) {
    return e.compute({p, q}, p.dtype, [](Math &m, ValueRange args) { return m.add(args[0], args[1]); });
  };
  return joinParts(e, {sum(a.real, b.real), sum(a.imaginary, b.imaginary)});
}

// (A + iB)(C + iD) by products of real matrices.
static Tensor complexProduct(Emitter &e, const Tensor &lhs, const Tensor &rhs) {
  ComplexParts x = partsOf(e, lhs), y = partsOf(e, rhs);
  auto combined = [&](const Tensor &a, const Tensor &b, bool adds) {
    return e.compute({a, b}, a.dtype, [&](Math &m, ValueRange args) {
      return adds ? m.add(args[0], args[1]) : m.sub(args[0], args[1]);
    });
  };
  Tensor real = e.matmul(x.real, y.real);
  if (!x.imaginary)
    return joinParts(e, {real, e.matmul(x.real, y.imaginary)});
  if (!y.imaginary)
    return joinParts(e, {real, e.matmul(x.imaginary, y.real)});
  return joinParts(e, {combined(real, e.matmul(x.imaginary, y.imaginary), false),
                       combined(e.matmul(x.real, y.imaginary), e.matmul(x.imaginary, y.real), true)});
}

Tensor Emitter::matmul(const Tensor &lhs, const Tensor &rhs, const Tensor &bias) {
  if (isComplex(lhs.dtype) || isComplex(rhs.dtype)) {
    Tensor product = complexProduct(*this, lhs, rhs);
    return bias ? plus(*this, product, bias) : product;
  }
  int64_t rank = lhs.rank();
  Sizes sizes = lhs.sizes;
  sizes[rank - 1] = rhs.sizes[rank - 1];
  for (int64_t dim = 0; dim < rank - 2; ++dim)
    if (isOne(sizes[dim]))
      sizes[dim] = rhs.sizes[dim];
  if (!isFloat(lhs.dtype)) {
    Tensor product = integerProduct(*this, lhs, rhs, sizes);
    return bias ? compute({product, bias}, lhs.dtype, [](Math &m, ValueRange args) { return m.add(args[0], args[1]); }) : product;
  }
  Tensor init = empty(sizes, lhs.dtype);
  auto op = MatmulOp::create(b, loc, TypeRange{init.value.getType()}, lhs.value, rhs.value, bias.value, ValueRange{},
                             ValueRange{init.value}, b.getArrayAttr({}));
  init.value = op->getResult(0);
  return init;
}

// [a, b, K] as [a * b, K].
static Tensor collapseRows(Emitter &e, const Tensor &tensor) {
  SizesRef sizes = tensor.sizes;
  return e.reshape(tensor, Sizes{e.product(sizes.drop_back()), sizes.back()});
}

// input x weight^T + bias: leading dimensions are rows of one product.
static Results importLinear(Call &call) {
  Emitter &e = call.e;
  Tensor input = call.tensor("input"), weight = call.tensor("weight"), bias = call.optionalTensor("bias");
  if (weight.rank() != 2 || (bias && bias.rank() != 1) || input.rank() < 1)
    return {call.unsupported("a weight or bias of unusual rank")};
  Tensor rows = input.rank() == 2 ? input : collapseRows(e, input);
  Tensor product = e.matmul(rows, e.transpose(weight, 0, 1), bias);
  return {e.reshape(product, call.resultSizes())};
}

static Tensor withRank(Emitter &e, Tensor tensor, int64_t rank) {
  Sizes sizes = tensor.sizes;
  sizes.insert(sizes.begin(), rank - tensor.rank(), e.size(1));
  return e.reshape(tensor, sizes);
}

// torch.matmul: vectors get a dimension for the product, batch dimensions broadcast.
static Results importMatmul(Call &call, StringRef left, StringRef right) {
  Emitter &e = call.e;
  Tensor lhs = call.tensor(left), rhs = call.tensor(right);
  if (lhs.rank() < 1 || rhs.rank() < 1)
    return {call.unsupported("a matrix product of a number")};
  if (lhs.rank() == 1)
    lhs = e.unsqueeze(lhs, 0);
  if (rhs.rank() == 1)
    rhs = e.unsqueeze(rhs, 1);
  if (rhs.rank() == 2 && lhs.rank() > 2)
    lhs = collapseRows(e, lhs);
  int64_t rank = std::max(lhs.rank(), rhs.rank());
  return {e.reshape(e.matmul(withRank(e, lhs, rank), withRank(e, rhs, rank)), call.resultSizes())};
}

// beta * self + alpha * (a x b).
static Results importAddmm(Call &call, StringRef left, StringRef right) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), lhs = call.tensor(left), rhs = call.tensor(right);
  Sizes sizes = call.resultSizes();
  double alpha = call.real("alpha"), beta = call.real("beta");
  bool isVector = rhs.rank() == 1;
  if (isVector)
    rhs = e.unsqueeze(rhs, 1);
  bool isBias = !isVector && self.rank() == 1 && self.sizes[0] == sizes.back();
  if (isBias && alpha == 1 && beta == 1)
    return {e.matmul(lhs, rhs, self)};
  Tensor product = e.matmul(lhs, rhs);
  if (call.op == "addbmm")
    product = e.cast(e.sum(product, {0}, computeType(product.dtype)), product.dtype);
  product = e.reshape(product, sizes);
  ScalarType dtype = product.dtype, compute = computeType(dtype);
  return {e.pointwise({product, self}, sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, compute);
    Value value = m.mul(m.constant(alpha), castScalar(b, loc, args[0], dtype, compute));
    if (beta != 0) // ATen does not read self where beta is zero
      value = m.add(m.mul(m.constant(beta), castScalar(b, loc, args[1], self.dtype, compute)), value);
    return castScalar(b, loc, value, compute, dtype);
  })};
}

static Results importOuter(Call &call, StringRef right) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), other = call.tensor(right);
  ScalarType dtype = call.resultDtype(), compute = computeType(dtype);
  return {e.pointwise({e.unsqueeze(self, 1), other}, call.resultSizes(), dtype,
                      [&](OpBuilder &b, Location loc, ValueRange args) {
                        Value x = castScalar(b, loc, args[0], self.dtype, compute);
                        Value y = castScalar(b, loc, args[1], other.dtype, compute);
                        return castScalar(b, loc, Math(b, loc, compute).mul(x, y), compute, dtype);
                      })};
}

void tenon::aten::addMatmulRows(OpTable &table) {
  table.add("linear", importLinear);
  table.add("matmul", [](Call &call) { return importMatmul(call, "self", "other"); });
  for (auto name : {"mm", "bmm"})
    table.add(name, [](Call &call) { return importMatmul(call, "self", "mat2"); });
  table.add("mv", [](Call &call) { return importMatmul(call, "self", "vec"); });
  table.add("dot", [](Call &call) { return importMatmul(call, "self", "tensor"); });
  table.add("addmm", [](Call &call) { return importAddmm(call, "mat1", "mat2"); });
  table.add("baddbmm", [](Call &call) { return importAddmm(call, "batch1", "batch2"); });
  table.add("addbmm", [](Call &call) { return importAddmm(call, "batch1", "batch2"); });
  table.add("addmv", [](Call &call) { return importAddmm(call, "mat", "vec"); });
  table.add("outer", [](Call &call) { return importOuter(call, "vec2"); });
}
