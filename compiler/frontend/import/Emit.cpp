//===- Emit.cpp - tensors with sizes, and the ops rows are made of ------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

std::optional<int64_t> tenon::aten::staticSize(Size size) {
  if (auto attr = dyn_cast<Attribute>(size))
    return cast<IntegerAttr>(attr).getInt();
  return std::nullopt;
}

bool tenon::aten::isStatic(SizesRef sizes) {
  return llvm::all_of(sizes, [](Size size) { return staticSize(size).has_value(); });
}

bool tenon::aten::isEmpty(SizesRef sizes) {
  return llvm::any_of(sizes, [](Size size) { return staticSize(size) == 0; });
}

bool tenon::aten::isOne(Size size) { return staticSize(size) == 1; }

Value Scalar::materialize(OpBuilder &builder, Location loc, ScalarType type) const {
  if (value)
    return castScalar(builder, loc, value, dtype, type);
  return aten::isFloat(dtype) ? scalarConstant(builder, loc, type, real) : scalarConstant(builder, loc, type, integer);
}

//===--- sizes -------------------------------------------------------------------------------------------------------===//

Sizes Emitter::sizes(ArrayRef<int64_t> values) {
  Sizes result;
  for (int64_t value : values)
    result.push_back(size(value));
  return result;
}

Value Emitter::index(Size size) {
  if (auto value = dyn_cast<Value>(size))
    return value;
  return arith::ConstantIndexOp::create(b, loc, *staticSize(size));
}

// Folds two static sizes, or builds `Op`.
template <typename Op, typename Fold> static Size combine(Emitter &e, Size x, Size y, Fold fold) {
  std::optional<int64_t> a = staticSize(x), b = staticSize(y);
  if (a && b)
    return e.size(fold(*a, *b));
  return Op::create(e.b, e.loc, e.index(x), e.index(y)).getResult();
}

Size Emitter::add(Size x, Size y) {
  if (staticSize(x) == 0)
    return y;
  if (staticSize(y) == 0)
    return x;
  return combine<arith::AddIOp>(*this, x, y, std::plus<int64_t>());
}
Size Emitter::sub(Size x, Size y) {
  return staticSize(y) == 0 ? x : combine<arith::SubIOp>(*this, x, y, std::minus<int64_t>());
}
Size Emitter::mul(Size x, Size y) {
  if (isOne(x))
    return y;
  if (isOne(y))
    return x;
  return combine<arith::MulIOp>(*this, x, y, std::multiplies<int64_t>());
}
Size Emitter::floorDiv(Size x, Size y) {
  return isOne(y) ? x : combine<arith::FloorDivSIOp>(*this, x, y, [](int64_t a, int64_t b) {
    return b == 0 ? 0 : llvm::divideFloorSigned(a, b);
  });
}
Size Emitter::min(Size x, Size y) {
  return x == y ? x : combine<arith::MinSIOp>(*this, x, y, [](int64_t a, int64_t b) { return std::min(a, b); });
}
Size Emitter::max(Size x, Size y) {
  return x == y ? x : combine<arith::MaxSIOp>(*this, x, y, [](int64_t a, int64_t b) { return std::max(a, b); });
}
Size Emitter::product(SizesRef sizes) {
  Size result = size(1);
  for (Size factor : sizes)
    result = mul(result, factor);
  return result;
}

RankedTensorType Emitter::type(SizesRef sizes, ScalarType dtype) {
  SmallVector<int64_t> shape;
  for (Size size : sizes)
    shape.push_back(staticSize(size).value_or(ShapedType::kDynamic));
  if (isComplex(dtype))
    shape.push_back(2);
  return RankedTensorType::get(shape, elementType(b.getContext(), dtype));
}

SmallVector<Value> Emitter::dynamic(SizesRef sizes) {
  SmallVector<Value> values;
  for (Size size : sizes)
    if (auto value = dyn_cast<Value>(size))
      values.push_back(value);
  return values;
}

Tensor Emitter::empty(SizesRef sizes, ScalarType dtype) {
  RankedTensorType t = type(sizes, dtype);
  Value value = tensor::EmptyOp::create(b, loc, t.getShape(), t.getElementType(), dynamic(sizes));
  return {value, dtype, Sizes(sizes)};
}

Tensor Emitter::fill(SizesRef sizes, ScalarType dtype, const Scalar &value) {
  Value scalar = value.materialize(b, loc, partType(dtype));
  Tensor init = empty(sizes, dtype);
  init.value = linalg::FillOp::create(b, loc, scalar, init.value).getResult(0);
  return init;
}

//===--- views -------------------------------------------------------------------------------------------------------===//

Tensor Emitter::reshape(const Tensor &tensor, SizesRef sizes) {
  if (SizesRef(tensor.sizes) == sizes)
    return tensor;
  Value value = ReshapeOp::create(b, loc, type(sizes, tensor.dtype), tensor.value, dynamic(sizes));
  return {value, tensor.dtype, Sizes(sizes)};
}

Tensor Emitter::permute(const Tensor &tensor, ArrayRef<int64_t> order) {
  if (llvm::equal(order, llvm::seq<int64_t>(0, tensor.rank())))
    return tensor;
  Sizes sizes;
  for (int64_t from : order)
    sizes.push_back(tensor.sizes[from]);
  SmallVector<int64_t> full(order);
  if (isComplex(tensor.dtype))
    full.push_back(tensor.rank());
  Value value = PermuteOp::create(b, loc, type(sizes, tensor.dtype), tensor.value, full);
  return {value, tensor.dtype, sizes};
}

Tensor Emitter::transpose(const Tensor &tensor, int64_t x, int64_t y) {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, tensor.rank()));
  std::swap(order[x], order[y]);
  return permute(tensor, order);
}

Tensor Emitter::broadcast(const Tensor &tensor, SizesRef sizes) {
  if (SizesRef(tensor.sizes) == sizes)
    return tensor;
  Value value = BroadcastOp::create(b, loc, type(sizes, tensor.dtype), tensor.value, dynamic(sizes));
  return {value, tensor.dtype, Sizes(sizes)};
}

// Offsets, sizes and strides of a slice of one dimension, and the tensor's own sizes of it.
namespace {
struct SliceOperands {
  Sizes own;
  SmallVector<Size> offsets, sizes, strides;
  SliceOperands(Emitter &e, const Tensor &tensor, int64_t dim, Size start, Size length, int64_t step) : own(tensor.sizes) {
    own[dim] = length;
    sizes.assign(own.begin(), own.end());
    if (isComplex(tensor.dtype))
      sizes.push_back(e.size(2));
    offsets.assign(sizes.size(), e.size(0));
    strides.assign(sizes.size(), e.size(1));
    offsets[dim] = start;
    strides[dim] = e.size(step);
  }
};
} // namespace

// MLIR refuses slices of nothing (an offset of 0 is already outside), so they are values of their own.
Tensor Emitter::slice(const Tensor &tensor, int64_t dim, Size start, Size length, int64_t step) {
  if (staticSize(start) == 0 && step == 1 && tensor.sizes[dim] == length)
    return tensor;
  SliceOperands s(*this, tensor, dim, start, length, step);
  if (isEmpty(s.own))
    return fill(s.own, tensor.dtype, Scalar::of(int64_t(0)));
  Value value =
      tensor::ExtractSliceOp::create(b, loc, type(s.own, tensor.dtype), tensor.value, s.offsets, s.sizes, s.strides);
  return {value, tensor.dtype, s.own};
}

Tensor Emitter::insertSlice(const Tensor &tensor, const Tensor &slice, int64_t dim, Size start, int64_t step) {
  if (isEmpty(slice.sizes))
    return tensor;
  SliceOperands s(*this, tensor, dim, start, slice.sizes[dim], step);
  Value value =
      tensor::InsertSliceOp::create(b, loc, slice.value, tensor.value, s.offsets, s.sizes, s.strides).getResult();
  return {value, tensor.dtype, tensor.sizes};
}

Tensor Emitter::squeeze(const Tensor &tensor, int64_t dim) {
  Sizes sizes = tensor.sizes;
  sizes.erase(sizes.begin() + dim);
  return reshape(tensor, sizes);
}

Tensor Emitter::unsqueeze(const Tensor &tensor, int64_t dim) {
  Sizes sizes = tensor.sizes;
  sizes.insert(sizes.begin() + dim, size(1));
  return reshape(tensor, sizes);
}

Tensor Emitter::concat(ArrayRef<Tensor> parts, int64_t dim) {
  SmallVector<Tensor> tensors = llvm::to_vector(
      llvm::make_filter_range(parts, [](const Tensor &part) { return !isEmpty(part.sizes); }));
  if (tensors.empty())
    tensors.push_back(parts.front());
  if (tensors.size() == 1)
    return tensors.front();
  Sizes sizes = tensors.front().sizes;
  for (const Tensor &tensor : ArrayRef(tensors).drop_front())
    sizes[dim] = add(sizes[dim], tensor.sizes[dim]);
  SmallVector<Value> sources;
  for (const Tensor &tensor : tensors)
    sources.push_back(tensor.value);
  Tensor init = empty(sizes, tensors.front().dtype);
  init.value = ConcatOp::create(b, loc, TypeRange{init.value.getType()}, sources, ValueRange{init.value},
                                b.getI64IntegerAttr(dim))
                   .getResult(0);
  return init;
}

//===--- computation -------------------------------------------------------------------------------------------------===//

AffineMap Emitter::broadcastMap(SizesRef from, SizesRef to) {
  size_t added = to.size() - from.size();
  SmallVector<AffineExpr> exprs;
  for (auto [dim, size] : llvm::enumerate(from)) {
    bool stretched = isOne(size) && !isOne(to[dim + added]);
    exprs.push_back(stretched ? b.getAffineConstantExpr(0) : b.getAffineDimExpr(dim + added));
  }
  return AffineMap::get(to.size(), 0, exprs, b.getContext());
}

Tensor Emitter::pointwise(ArrayRef<Tensor> inputs, SizesRef sizes, ScalarType dtype, BodyBuilder body) {
  SmallVector<AffineMap> maps;
  for (const Tensor &input : inputs)
    maps.push_back(broadcastMap(input.sizes, sizes));
  return mapped(inputs, maps, sizes, dtype, body);
}

Tensor Emitter::mapped(ArrayRef<Tensor> inputs, ArrayRef<AffineMap> inputMaps, SizesRef sizes, ScalarType dtype,
                       BodyBuilder body) {
  Tensor init = empty(sizes, dtype);
  SmallVector<Value> operands;
  for (const Tensor &input : inputs)
    operands.push_back(input.value);
  SmallVector<AffineMap> maps(inputMaps);
  maps.push_back(b.getMultiDimIdentityMap(sizes.size()));
  SmallVector<utils::IteratorType> iterators(sizes.size(), utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(b, loc, TypeRange{init.value.getType()}, operands, ValueRange{init.value}, maps,
                                      iterators, [&](OpBuilder &inner, Location at, ValueRange args) {
                                        linalg::YieldOp::create(inner, at, body(inner, at, args.drop_back()));
                                      });
  init.value = op.getResult(0);
  return init;
}

Sizes Emitter::broadcastSizes(ArrayRef<Tensor> tensors) {
  Sizes sizes;
  for (const Tensor &tensor : tensors) {
    if (tensor.sizes.size() > sizes.size())
      sizes.insert(sizes.begin(), tensor.sizes.size() - sizes.size(), size(1));
    size_t added = sizes.size() - tensor.sizes.size();
    for (auto [dim, length] : llvm::enumerate(tensor.sizes))
      if (!isOne(length) && (isOne(sizes[dim + added]) || staticSize(length)))
        sizes[dim + added] = length;
  }
  return sizes;
}

Tensor Emitter::compute(ArrayRef<Tensor> inputs, ScalarType dtype,
                        llvm::function_ref<Value(Math &, ValueRange args)> body) {
  ScalarType computed = computeType(dtype);
  return pointwise(inputs, broadcastSizes(inputs), dtype, [&](OpBuilder &inner, Location at, ValueRange args) {
    Math m(inner, at, computed);
    SmallVector<Value> converted;
    for (auto [arg, input] : llvm::zip(args, inputs))
      converted.push_back(castScalar(inner, at, arg, input.dtype, computed));
    return castScalar(inner, at, body(m, converted), computed, dtype);
  });
}

Tensor Emitter::cast(const Tensor &tensor, ScalarType dtype) {
  if (tensor.dtype == dtype)
    return tensor;
  if (isComplex(tensor.dtype) || isComplex(dtype))
    return convertComplex(*this, tensor, dtype);
  return pointwise(tensor, tensor.sizes, dtype, [&](OpBuilder &inner, Location at, ValueRange args) {
    return castScalar(inner, at, args[0], tensor.dtype, dtype);
  });
}

std::optional<Tensor> Emitter::asSigned(const Tensor &tensor) {
  switch (tensor.dtype) {
  case ScalarType::UInt8: return cast(tensor, ScalarType::Int16);
  case ScalarType::UInt16: return cast(tensor, ScalarType::Int32);
  case ScalarType::UInt32: return cast(tensor, ScalarType::Int64);
  case ScalarType::UInt64: return std::nullopt;
  default: return tensor;
  }
}

SmallVector<int64_t> tenon::aten::otherDims(int64_t rank, ArrayRef<int64_t> dims) {
  SmallVector<int64_t> others;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(dims, dim))
      others.push_back(dim);
  return others;
}

AffineMap Emitter::dimsMap(int64_t rank, ArrayRef<int64_t> dims) {
  SmallVector<AffineExpr> exprs;
  for (int64_t dim : dims)
    exprs.push_back(b.getAffineDimExpr(dim));
  return AffineMap::get(rank, 0, exprs, b.getContext());
}

Tensor Emitter::reduceMapped(ArrayRef<Tensor> inputs, ArrayRef<AffineMap> inputMaps, SizesRef loop,
                             ArrayRef<int64_t> dims, ScalarType dtype, const Scalar &init, BodyBuilder element,
                             Combiner combine) {
  int64_t rank = loop.size();
  SmallVector<int64_t> outer = otherDims(rank, dims);
  Sizes sizes;
  for (int64_t dim : outer)
    sizes.push_back(loop[dim]);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  for (int64_t dim : dims)
    iterators[dim] = utils::IteratorType::reduction;
  SmallVector<AffineMap> maps(inputMaps);
  maps.push_back(dimsMap(rank, outer));
  SmallVector<Value> operands;
  for (const Tensor &input : inputs)
    operands.push_back(input.value);
  Tensor result = fill(sizes, dtype, init);
  auto op = linalg::GenericOp::create(b, loc, TypeRange{result.value.getType()}, operands, ValueRange{result.value},
                                      maps, iterators, [&](OpBuilder &inner, Location at, ValueRange args) {
                                        Value next = element(inner, at, args.drop_back());
                                        linalg::YieldOp::create(inner, at, combine(inner, at, args.back(), next));
                                      });
  result.value = op.getResult(0);
  return result;
}

Tensor Emitter::reduce(const Tensor &tensor, ArrayRef<int64_t> dims, ScalarType dtype, const Scalar &init,
                       Combiner combine) {
  if (dims.empty())
    return cast(tensor, dtype);
  AffineMap map = b.getMultiDimIdentityMap(tensor.rank());
  return reduceMapped(
      tensor, map, tensor.sizes, dims, dtype, init,
      [&](OpBuilder &inner, Location at, ValueRange args) {
        return castScalar(inner, at, args[0], tensor.dtype, dtype);
      },
      combine);
}

Tensor Emitter::gather(const Tensor &source, ArrayRef<Tensor> inputs, ArrayRef<AffineMap> maps, SizesRef sizes,
                       llvm::function_ref<SmallVector<Value>(OpBuilder &, Location, ValueRange args)> coordinates) {
  if (isComplex(source.dtype)) {
    ComplexParts parts = partsOf(*this, source);
    return joinParts(*this, {gather(parts.real, inputs, maps, sizes, coordinates), gather(parts.imaginary, inputs, maps, sizes, coordinates)});
  }
  return mapped(inputs, maps, sizes, source.dtype, [&](OpBuilder &inner, Location at, ValueRange args) {
    return tensor::ExtractOp::create(inner, at, source.value, coordinates(inner, at, args)).getResult();
  });
}

Tensor Emitter::sum(const Tensor &tensor, ArrayRef<int64_t> dims, ScalarType dtype) {
  if (isComplex(tensor.dtype)) {
    ComplexParts parts = partsOf(*this, tensor);
    return joinParts(*this, {sum(parts.real, dims, partType(dtype)), sum(parts.imaginary, dims, partType(dtype))});
  }
  return reduce(tensor, dims, dtype, Scalar::of(int64_t{0}),
                [&](OpBuilder &inner, Location at, Value acc, Value element) {
                  return Math(inner, at, dtype).add(acc, element);
                });
}

Tensor Emitter::keepDims(const Tensor &reduced, const Tensor &original, ArrayRef<int64_t> dims) {
  Sizes sizes = original.sizes;
  for (int64_t dim : dims)
    sizes[dim] = size(1);
  return reshape(reduced, sizes);
}

//===--- scalar arithmetic -------------------------------------------------------------------------------------------===//

// Builds FloatOp, or one of the two integer ops.
template <typename FloatOp, typename SignedOp, typename UnsignedOp = SignedOp>
static Value build(Math &m, Value x, Value y) {
  if (m.isFloat())
    return FloatOp::create(m.b, m.loc, x, y);
  if (isUnsigned(m.dtype))
    return UnsignedOp::create(m.b, m.loc, x, y);
  return SignedOp::create(m.b, m.loc, x, y);
}

// Booleans add as "or" and multiply as "and".
Value Math::add(Value x, Value y) {
  if (dtype == ScalarType::Bool)
    return arith::OrIOp::create(b, loc, x, y);
  return build<arith::AddFOp, arith::AddIOp>(*this, x, y);
}
Value Math::sub(Value x, Value y) { return build<arith::SubFOp, arith::SubIOp>(*this, x, y); }
Value Math::mul(Value x, Value y) { return build<arith::MulFOp, arith::MulIOp>(*this, x, y); }

Value Math::safeDivisor(Value y) {
  if (isFloat())
    return y;
  Value zero = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, y, constant(0));
  return select(zero, constant(1), y);
}
Value Math::div(Value x, Value y) {
  return build<arith::DivFOp, arith::DivSIOp, arith::DivUIOp>(*this, x, safeDivisor(y));
}
Value Math::rem(Value x, Value y) {
  return build<arith::RemFOp, arith::RemSIOp, arith::RemUIOp>(*this, x, safeDivisor(y));
}
Value Math::neg(Value x) {
  if (isFloat())
    return arith::NegFOp::create(b, loc, x);
  return sub(constant(0), x);
}
Value Math::max(Value x, Value y) { return build<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(*this, x, y); }
Value Math::min(Value x, Value y) { return build<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>(*this, x, y); }

Value Math::compare(Order order, Value x, Value y) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  static constexpr F floats[] = {F::OEQ, F::UNE, F::OLT, F::OLE, F::OGT, F::OGE};
  static constexpr I signedInts[] = {I::eq, I::ne, I::slt, I::sle, I::sgt, I::sge};
  static constexpr I unsignedInts[] = {I::eq, I::ne, I::ult, I::ule, I::ugt, I::uge};
  size_t row = static_cast<size_t>(order);
  if (isFloat())
    return arith::CmpFOp::create(b, loc, floats[row], x, y);
  return arith::CmpIOp::create(b, loc, isUnsigned(dtype) ? unsignedInts[row] : signedInts[row], x, y);
}

Value Math::isNan(Value x) {
  if (!isFloat())
    return scalarConstant(b, loc, ScalarType::Bool, int64_t{0});
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
}

Value Math::select(Value condition, Value x, Value y) { return arith::SelectOp::create(b, loc, condition, x, y); }
