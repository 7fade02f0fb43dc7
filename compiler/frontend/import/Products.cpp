//===- Products.cpp - products that are matrix products of rearranged operands ------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

using namespace mlir;
using namespace tenon::aten;

static Tensor asRows(Emitter &e, const Tensor &tensor) {
  return e.reshape(tensor, Sizes{e.product(SizesRef(tensor.sizes).drop_back()), tensor.sizes.back()});
}

static Tensor times(Emitter &e, const Tensor &x, const Tensor &y, ScalarType dtype) {
  return e.compute({x, y}, dtype, [](Math &m, ValueRange args) { return m.mul(args[0], args[1]); });
}

// Over the last dimensions: [.., K] and [.., K] give [.., ..]. A number is a factor.
static Results importInner(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), other = call.tensor("other");
  if (isComplex(call.resultDtype()) && (self.rank() == 0 || other.rank() == 0)) // one column times one row, one of them a number
    return {e.reshape(e.matmul(e.reshape(self, Sizes{e.product(self.sizes), e.size(1)}), e.reshape(other, Sizes{e.size(1), e.product(other.sizes)})),
                      call.resultSizes())};
  if (self.rank() == 0 || other.rank() == 0)
    return {times(e, self, other, call.resultDtype())};
  return {e.reshape(e.matmul(asRows(e, self), e.transpose(asRows(e, other), 0, 1)), call.resultSizes())};
}

// Real numbers only: the conjugate of the first operand is the operand.
static Results importVdot(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  ScalarType dtype = call.resultDtype(), compute = computeType(dtype);
  return {e.cast(e.sum(times(e, self, call.tensor("other"), compute), 0, compute), dtype)};
}

// Along one dimension of what both broadcast to.
static Results importVecdot(Call &call) {
  Emitter &e = call.e;
  ScalarType dtype = call.resultDtype(), compute = computeType(dtype);
  Tensor products = times(e, call.tensor("x"), call.tensor("y"), compute);
  return {e.cast(e.sum(products, call.dim("dim", products.rank()), compute), dtype)};
}

// `tensor` summed over those of `dims` that are broadcast against it: of size one in `other`, and not in it.
static Tensor sumBroadcast(Emitter &e, Tensor tensor, ArrayRef<int64_t> dims, const Tensor &other,
                           ArrayRef<int64_t> dimsOther) {
  SmallVector<int64_t> broadcast;
  for (auto [dim, dimOther] : llvm::zip_equal(dims, dimsOther))
    if (isOne(other.sizes[dimOther]) && !isOne(tensor.sizes[dim]))
      broadcast.push_back(dim);
  return broadcast.empty() ? tensor : e.keepDims(e.sum(tensor, broadcast, tensor.dtype), tensor, broadcast);
}

// The dimensions named are summed over, in the order they are named.
static Results importTensordot(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), other = call.tensor("other");
  SmallVector<int64_t> dimsSelf = call.integers("dims_self"), dimsOther = call.integers("dims_other");
  for (int64_t &dim : dimsSelf)
    dim += dim < 0 ? self.rank() : 0;
  for (int64_t &dim : dimsOther)
    dim += dim < 0 ? other.rank() : 0;
  Tensor whole = self;
  self = sumBroadcast(e, self, dimsSelf, other, dimsOther);
  other = sumBroadcast(e, other, dimsOther, whole, dimsSelf);
  auto rest = [](const Tensor &tensor, ArrayRef<int64_t> summed) {
    SmallVector<int64_t> kept;
    for (int64_t dim = 0; dim < tensor.rank(); ++dim)
      if (!llvm::is_contained(summed, dim))
        kept.push_back(dim);
    return kept;
  };
  SmallVector<int64_t> keptSelf = rest(self, dimsSelf), keptOther = rest(other, dimsOther);
  auto grouped = [&](const Tensor &tensor, ArrayRef<int64_t> first, ArrayRef<int64_t> second) {
    SmallVector<int64_t> order(first);
    llvm::append_range(order, second);
    Tensor permuted = e.permute(tensor, order);
    SizesRef sizes = permuted.sizes;
    return e.reshape(permuted, Sizes{e.product(sizes.take_front(first.size())), e.product(sizes.drop_front(first.size()))});
  };
  Tensor product = e.matmul(grouped(self, keptSelf, dimsSelf), grouped(other, dimsOther, keptOther));
  return {e.reshape(product, call.resultSizes())};
}

// Every element of the first times the whole second: [a, b] and [c, d] give [a c, b d].
static Results importKron(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), other = call.tensor("other");
  size_t rank = std::max(self.rank(), other.rank());
  Sizes left, right;
  for (size_t i = 0; i < rank; ++i) {
    auto sizeAt = [&](const Tensor &tensor) {
      size_t missing = rank - tensor.sizes.size();
      return i < missing ? e.size(1) : tensor.sizes[i - missing];
    };
    left.append({sizeAt(self), e.size(1)});
    right.append({e.size(1), sizeAt(other)});
  }
  return {e.reshape(times(e, e.reshape(self, left), e.reshape(other, right), call.resultDtype()), call.resultSizes())};
}

// From left to right; the first and the last may be vectors.
static Results importChain(Call &call, StringRef name) {
  Emitter &e = call.e;
  SmallVector<Tensor> factors = call.tensors(name);
  if (factors.empty())
    return {call.unsupported("a product of nothing")};
  if (factors.front().rank() == 1)
    factors.front() = e.unsqueeze(factors.front(), 0);
  if (factors.back().rank() == 1)
    factors.back() = e.unsqueeze(factors.back(), 1);
  Tensor product = factors.front();
  for (const Tensor &factor : ArrayRef(factors).drop_front())
    product = e.matmul(product, factor);
  return {e.reshape(product, call.resultSizes())};
}

// x × y along a dimension of size three.
static Results importCross(Call &call) {
  Emitter &e = call.e;
  ScalarType dtype = call.resultDtype();
  Sizes sizes = call.resultSizes();
  int64_t rank = sizes.size(), dim = rank;
  if (call.has("dim"))
    dim = call.dim("dim", rank);
  else // aten.cross takes the first dimension that fits
    dim = llvm::find_if(sizes, [](Size size) { return staticSize(size) == 3; }) - sizes.begin();
  if (dim == rank || staticSize(sizes[dim]) != 3)
    return {call.unsupported("a cross product of vectors whose length is not three")};
  Tensor x = e.broadcast(call.tensor("self"), sizes), y = e.broadcast(call.tensor("other"), sizes);
  SmallVector<Tensor> parts;
  for (int64_t i = 0; i < 3; ++i) {
    auto at = [&](const Tensor &tensor, int64_t position) { return e.slice(tensor, dim, e.size(position % 3), e.size(1)); };
    parts.push_back(e.compute({at(x, i + 1), at(y, i + 2), at(x, i + 2), at(y, i + 1)}, dtype, [](Math &m, ValueRange args) {
      return m.sub(m.mul(args[0], args[1]), m.mul(args[2], args[3]));
    }));
  }
  return {e.concat(parts, dim)};
}

// beta * self + alpha * (vec1 outer vec2); self is not read where beta is zero.
static Results importAddr(Call &call) {
  Emitter &e = call.e;
  Scalar alpha = call.scalar("alpha"), beta = call.scalar("beta");
  bool readsSelf = !beta.isConstant() || beta.asDouble() != 0;
  SmallVector<Tensor> operands{e.unsqueeze(call.tensor("vec1"), 1), call.tensor("vec2")};
  if (readsSelf)
    operands.push_back(call.tensor("self"));
  return {e.compute(operands, call.resultDtype(), [&](Math &m, ValueRange args) {
    Value product = m.mul(alpha.materialize(m.b, m.loc, m.dtype), m.mul(args[0], args[1]));
    return readsSelf ? m.add(m.mul(beta.materialize(m.b, m.loc, m.dtype), args[2]), product) : product;
  })};
}

// x1 [.., I], weight [O, I, J], x2 [.., J]: x1 meets the weight as one matrix, then each row its own.
static Results importBilinear(Call &call) {
  Emitter &e = call.e;
  Tensor x1 = asRows(e, call.tensor("input1")), x2 = asRows(e, call.tensor("input2")), weight = call.tensor("weight");
  Tensor bias = call.optionalTensor("bias");
  SizesRef w = weight.sizes;
  Tensor matrix = e.reshape(e.permute(weight, {1, 0, 2}), Sizes{w[1], e.mul(w[0], w[2])});
  Tensor rows = e.reshape(e.matmul(x1, matrix), Sizes{x1.sizes[0], w[0], w[2]});
  ScalarType dtype = call.resultDtype(), compute = computeType(dtype);
  Tensor sum = e.sum(times(e, rows, e.unsqueeze(x2, 1), compute), 2, compute);
  if (bias)
    sum = e.compute({sum, bias}, compute, [](Math &m, ValueRange args) { return m.add(args[0], args[1]); });
  return {e.reshape(e.cast(sum, dtype), call.resultSizes())};
}

void tenon::aten::addProductRows(OpTable &table) {
  table.add("inner", importInner);
  table.add("vdot", importVdot);
  table.add("linalg_vecdot", importVecdot);
  table.add("tensordot", importTensordot);
  table.add("kron", importKron);
  table.add("chain_matmul", [](Call &call) { return importChain(call, "matrices"); });
  table.add("linalg_multi_dot", [](Call &call) { return importChain(call, "tensors"); });
  for (auto name : {"cross", "linalg_cross"})
    table.add(name, importCross);
  table.add("addr", importAddr);
  table.add("bilinear", importBilinear);
}
