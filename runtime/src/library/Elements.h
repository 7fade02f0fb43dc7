//===- Elements.h - dtypes and views of library operands -------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// What the library ops share about TensorViews: element sizes, scalar loads and stores, dense strides.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_ELEMENTS_H
#define TENON_RUNTIME_LIBRARY_ELEMENTS_H

#include "tenon/generated.h"

#include <bit>
#include <string.h>

namespace tenon::library {

/// Bytes of one element; 0 for an unknown dtype.
inline size_t sizeInBytes(DType dtype) {
  static constexpr uint8_t sizes[] = {4, 8, 2, 2, 1, 2, 4, 8, 1, 2, 4, 8, 1, 8, 16};
  auto index = static_cast<size_t>(dtype);
  return index < sizeof(sizes) ? sizes[index] : 0;
}

inline bool isComplex(DType dtype) { return dtype == DType::C64 || dtype == DType::C128; }
inline bool isFloat(DType dtype) { return dtype <= DType::BF16; }

/// bfloat16 as memory holds it; rounds to nearest even, NaN stays NaN.
struct BFloat16 {
  uint16_t bits;
  BFloat16() = default;
  explicit BFloat16(float value) {
    uint32_t word = std::bit_cast<uint32_t>(value);
    bool isNaN = (word & 0x7fffffffu) > 0x7f800000u;
    bits = static_cast<uint16_t>((isNaN ? word | 0x400000u : word + 0x7fffu + ((word >> 16) & 1)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }
  explicit operator double() const { return static_cast<float>(*this); }
  explicit operator int64_t() const { return static_cast<int64_t>(static_cast<float>(*this)); }
};

/// Calls function(T{}) with the C++ type of `dtype`; complex types are not handled and give `function(char{})`.
template <typename Function> auto withElementType(DType dtype, const Function &function) {
  switch (dtype) {
  case DType::F32: return function(float{});
  case DType::F64: return function(double{});
  case DType::F16: return function(_Float16{});
  case DType::BF16: return function(BFloat16{});
  case DType::I16: return function(int16_t{});
  case DType::I32: return function(int32_t{});
  case DType::I64: return function(int64_t{});
  case DType::U8: return function(uint8_t{});
  case DType::U16: return function(uint16_t{});
  case DType::U32: return function(uint32_t{});
  case DType::U64: return function(uint64_t{});
  case DType::Bool: return function(bool{});
  default: return function(int8_t{});
  }
}

/// True for the types that are computed in f32: F32, F16, BF16.
inline bool isComputedInF32(DType dtype) { return isFloat(dtype) && dtype != DType::F64; }

/// Calls function(T{}) with the C++ type of `dtype`, which isComputedInF32.
template <typename Function> auto withF32Type(DType dtype, const Function &function) {
  switch (dtype) {
  case DType::F16: return function(_Float16{});
  case DType::BF16: return function(BFloat16{});
  default: return function(float{});
  }
}

/// Element `offset` (counted in elements from data) converted to Value (double or int64_t).
template <typename Value> Value loadElement(const TensorView &view, int64_t offset) {
  return withElementType(view.dtype, [&](auto type) {
    using Type = decltype(type);
    Type element;
    memcpy(&element, static_cast<const Type *>(view.data) + offset, sizeof(Type));
    if constexpr (std::is_same_v<Type, BFloat16>)
      return static_cast<Value>(static_cast<float>(element));
    else
      return static_cast<Value>(element);
  });
}

/// Stores `value`, rounded to the view's dtype.
template <typename Value> void storeElement(const TensorView &view, int64_t offset, Value value) {
  withElementType(view.dtype, [&](auto type) {
    using Type = decltype(type);
    if constexpr (std::is_same_v<Type, BFloat16>)
      static_cast<Type *>(view.data)[offset] = BFloat16(static_cast<float>(value));
    else
      static_cast<Type *>(view.data)[offset] = static_cast<Type>(value);
  });
}

inline int64_t countElements(const TensorView &view) {
  int64_t count = 1;
  for (int32_t i = 0; i < view.rank; ++i)
    count *= view.sizes[i];
  return count;
}

/// Elements between the first and one past the last element of a view with non-negative strides.
inline int64_t spanInElements(const TensorView &view) {
  int64_t span = 1;
  for (int32_t i = 0; i < view.rank; ++i)
    span += (view.sizes[i] - 1) * view.strides[i];
  return span;
}

/// The same sizes on dense row-major memory at `data`.
inline TensorView denseLike(const TensorView &view, void *data) {
  TensorView dense = view;
  dense.data = data;
  int64_t stride = 1;
  for (int32_t i = view.rank; i-- > 0;) {
    dense.strides[i] = stride;
    stride *= view.sizes[i];
  }
  return dense;
}

/// `view` aligned to the right with `shape`, as NumPy broadcasts: same rank and sizes, stride 0 where it repeats.
inline TensorView broadcastTo(const TensorView &view, const TensorView &shape) {
  TensorView result = view;
  result.rank = shape.rank;
  for (int32_t i = 0; i < shape.rank; ++i) {
    int32_t from = i - (shape.rank - view.rank);
    bool repeats = from < 0 || (view.sizes[from] == 1 && shape.sizes[i] != 1);
    result.sizes[i] = shape.sizes[i];
    result.strides[i] = repeats ? 0 : view.strides[from];
  }
  return result;
}

/// Offset in elements of the row-major `index`-th element of the leading `rank` dimensions.
inline int64_t offsetOf(const TensorView &view, int32_t rank, int64_t index) {
  int64_t offset = 0;
  for (int32_t i = rank; i-- > 0; index /= view.sizes[i])
    offset += index % view.sizes[i] * view.strides[i];
  return offset;
}

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_ELEMENTS_H
