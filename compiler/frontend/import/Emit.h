//===- Emit.h - tensors with sizes, and the ops rows are made of ----------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// What every row of the op tables builds with: a tensor carries its sizes, so no row asks for tensor.dim.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_EMIT_H
#define TENON_FRONTEND_IMPORT_EMIT_H

#include "compiler/frontend/import/DTypes.h"

#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"

#include <functional>

namespace tenon::aten {

using Size = mlir::OpFoldResult;
using Sizes = llvm::SmallVector<Size, 6>;
using SizesRef = llvm::ArrayRef<Size>;

/// A ranked tensor value, its ATen dtype, and each dimension's size (an index attribute or an index value).
struct Tensor {
  mlir::Value value;
  ScalarType dtype = ScalarType::Unknown;
  Sizes sizes;

  int64_t rank() const { return static_cast<int64_t>(sizes.size()); }
  explicit operator bool() const { return value != nullptr; }
};

/// The number behind a static size.
std::optional<int64_t> staticSize(Size size);
bool isStatic(SizesRef sizes);
/// True where a size is known to be zero: a tensor of these sizes has no elements.
bool isEmpty(SizesRef sizes);
bool isOne(Size size);
/// The dimensions of a tensor of rank `rank` that are not among `dims`, in order.
llvm::SmallVector<int64_t> otherDims(int64_t rank, llvm::ArrayRef<int64_t> dims);

/// A Python number: a constant, or a run-time value (index, f64 or i1).
struct Scalar {
  ScalarType dtype = ScalarType::Int64; ///< Bool, Int64 or Float64
  int64_t integer = 0;                  ///< Bool, Int64
  double real = 0;                      ///< Float64
  mlir::Value value;                    ///< null for constants

  static Scalar of(int64_t value) { return {ScalarType::Int64, value, 0, {}}; }
  static Scalar of(double value) { return {ScalarType::Float64, 0, value, {}}; }
  static Scalar of(bool value) { return {ScalarType::Bool, value, 0, {}}; }
  bool isConstant() const { return !value; }
  double asDouble() const { return isFloat(dtype) ? real : static_cast<double>(integer); }
  /// This number inside a body, as `type`.
  mlir::Value materialize(mlir::OpBuilder &builder, mlir::Location loc, ScalarType type) const;
};

/// Builds one scalar of a result: `args` are the operands' elements.
using BodyBuilder = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange args)>;
/// Combines an accumulator and an element of the same dtype.
using Combiner =
    llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::Value acc, mlir::Value element)>;

class Math;

class Emitter {
public:
  Emitter(mlir::OpBuilder &builder, mlir::Location loc) : b(builder), loc(loc) {}

  mlir::OpBuilder &b;
  mlir::Location loc;

  //===--- sizes ---===//
  Size size(int64_t value) { return b.getIndexAttr(value); }
  Sizes sizes(llvm::ArrayRef<int64_t> values);
  mlir::Value index(Size size);
  Size add(Size a, Size b);
  Size sub(Size a, Size b);
  Size mul(Size a, Size b);
  Size floorDiv(Size a, Size b);
  Size min(Size a, Size b);
  Size max(Size a, Size b);
  /// The product of all; 1 for none.
  Size product(SizesRef sizes);

  mlir::RankedTensorType type(SizesRef sizes, ScalarType dtype);
  /// The dynamic ones of `sizes`, as values.
  llvm::SmallVector<mlir::Value> dynamic(SizesRef sizes);
  Tensor empty(SizesRef sizes, ScalarType dtype);
  Tensor fill(SizesRef sizes, ScalarType dtype, const Scalar &value);

  //===--- views ---===//
  Tensor reshape(const Tensor &tensor, SizesRef sizes);
  Tensor permute(const Tensor &tensor, llvm::ArrayRef<int64_t> order);
  Tensor transpose(const Tensor &tensor, int64_t a, int64_t b);
  Tensor broadcast(const Tensor &tensor, SizesRef sizes);
  /// `length` elements of dimension `dim`: start, start + step, …
  Tensor slice(const Tensor &tensor, int64_t dim, Size start, Size length, int64_t step = 1);
  /// `tensor` with that slice replaced.
  Tensor insertSlice(const Tensor &tensor, const Tensor &slice, int64_t dim, Size start, int64_t step = 1);
  /// Drops dimension `dim` (of size one); inserts one of size one.
  Tensor squeeze(const Tensor &tensor, int64_t dim);
  Tensor unsqueeze(const Tensor &tensor, int64_t dim);
  Tensor concat(llvm::ArrayRef<Tensor> tensors, int64_t dim);

  //===--- computation ---===//
  /// One element-wise linalg.generic. Inputs align with `sizes` at the last dimension, as NumPy broadcasts; arguments
  /// of the body have the inputs' dtypes, its result has `dtype`.
  Tensor pointwise(llvm::ArrayRef<Tensor> inputs, SizesRef sizes, ScalarType dtype, BodyBuilder body);
  /// As pointwise, with explicit maps from the result's dimensions to each input's.
  Tensor mapped(llvm::ArrayRef<Tensor> inputs, llvm::ArrayRef<mlir::AffineMap> maps, SizesRef sizes, ScalarType dtype,
                BodyBuilder body);
  /// The sizes to which all of `tensors` broadcast.
  Sizes broadcastSizes(llvm::ArrayRef<Tensor> tensors);
  /// Element-wise on what `inputs` broadcast to: `body` sees them converted to computeType(dtype).
  Tensor compute(llvm::ArrayRef<Tensor> inputs, ScalarType dtype,
                 llvm::function_ref<mlir::Value(Math &, mlir::ValueRange args)> body);
  Tensor cast(const Tensor &tensor, ScalarType dtype);
  /// The same values in a dtype whose elements order as signed integers or floats; null where there is none (uint64).
  std::optional<Tensor> asSigned(const Tensor &tensor);
  /// The running sum along `dim`.
  Tensor cumulativeSum(const Tensor &tensor, int64_t dim);
  /// Reduces dimensions `dims` of `tensor`, converted to `dtype`, starting from `init`. The result has the other
  /// dimensions.
  Tensor reduce(const Tensor &tensor, llvm::ArrayRef<int64_t> dims, ScalarType dtype, const Scalar &init,
                Combiner combine);
  /// The general form: a loop over `loop` sizes, inputs read through `maps`, `element` makes what is combined.
  Tensor reduceMapped(llvm::ArrayRef<Tensor> inputs, llvm::ArrayRef<mlir::AffineMap> maps, SizesRef loop,
                      llvm::ArrayRef<int64_t> dims, ScalarType dtype, const Scalar &init, BodyBuilder element,
                      Combiner combine);
  Tensor sum(const Tensor &tensor, llvm::ArrayRef<int64_t> dims, ScalarType dtype);
  /// The map of a tensor that runs along the loop dimensions `dims` of `rank`.
  mlir::AffineMap dimsMap(int64_t rank, llvm::ArrayRef<int64_t> dims);
  /// Reads `source` at coordinates (index values) that `coordinates` computes for each element of the result.
  Tensor
  gather(const Tensor &source, llvm::ArrayRef<Tensor> inputs, llvm::ArrayRef<mlir::AffineMap> maps, SizesRef sizes,
         llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &, mlir::Location, mlir::ValueRange args)>
             coordinates);
  /// The result of reducing `dims` with size-one dimensions in their place.
  Tensor keepDims(const Tensor &reduced, const Tensor &original, llvm::ArrayRef<int64_t> dims);
  /// lhs [B…, M, K] x rhs [B…, K, N] (+ bias [N]), equal ranks; the batch dimensions broadcast.
  Tensor matmul(const Tensor &lhs, const Tensor &rhs, const Tensor &bias = {});
  /// The map by which a tensor of `from` sizes is read in a loop over `to` sizes, aligned at the last dimension.
  mlir::AffineMap broadcastMap(SizesRef from, SizesRef to);
};

/// The arithmetic of one scalar body, by dtype: floats, signed or unsigned integers, booleans.
class Math {
public:
  Math(mlir::OpBuilder &builder, mlir::Location loc, ScalarType dtype) : b(builder), loc(loc), dtype(dtype) {}

  mlir::OpBuilder &b;
  mlir::Location loc;
  ScalarType dtype;

  bool isFloat() const { return aten::isFloat(dtype); }
  mlir::Value constant(double value) { return scalarConstant(b, loc, dtype, value); }
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  /// Truncating for integers; a zero integer divisor counts as one (ATen raises an error there, a trap would end the
  /// process).
  mlir::Value div(mlir::Value x, mlir::Value y);
  /// The remainder of div: the sign of the dividend.
  mlir::Value rem(mlir::Value x, mlir::Value y);
  mlir::Value neg(mlir::Value x);
  mlir::Value max(mlir::Value x, mlir::Value y); ///< NaN wins
  mlir::Value min(mlir::Value x, mlir::Value y); ///< NaN wins
  enum class Order { Eq, Ne, Lt, Le, Gt, Ge };
  mlir::Value compare(Order order, mlir::Value x, mlir::Value y); ///< i1; comparisons with NaN are false, Ne true
  mlir::Value isNan(mlir::Value x);
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y);

private:
  mlir::Value safeDivisor(mlir::Value y);
};

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_EMIT_H
