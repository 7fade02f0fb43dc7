//===- DTypesTest.cpp - type promotion ----------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/DTypes.h"

#include <catch2/catch_test_macros.hpp>

using namespace tenon::aten;
using T = ScalarType;

TEST_CASE("promotion of two types is torch.promote_types") {
  struct Row {
    T a, b, expected;
  };
  for (Row row : {Row{T::Bool, T::Bool, T::Bool}, Row{T::Bool, T::UInt8, T::UInt8}, Row{T::UInt8, T::Int8, T::Int16},
                  Row{T::UInt8, T::Int16, T::Int16}, Row{T::Int32, T::Int64, T::Int64},
                  Row{T::Int64, T::Float16, T::Float16}, Row{T::Float16, T::BFloat16, T::Float32},
                  Row{T::BFloat16, T::Float32, T::Float32}, Row{T::Float32, T::Float64, T::Float64}}) {
    CHECK(promoteTypes(row.a, row.b) == row.expected);
    CHECK(promoteTypes(row.b, row.a) == row.expected);
  }
}

static T resultOf(std::initializer_list<std::pair<T, int>> tensors, std::initializer_list<T> numbers) {
  ResultType result;
  for (auto [type, rank] : tensors)
    result.addTensor(type, rank);
  for (T type : numbers)
    result.addNumber(type);
  return result.get();
}

TEST_CASE("tensors with dimensions decide within a category, then 0-d tensors, then numbers") {
  CHECK(resultOf({{T::Bool, 1}, {T::Bool, 2}}, {}) == T::Bool);
  CHECK(resultOf({{T::Float16, 1}, {T::Float32, 0}}, {}) == T::Float16);
  CHECK(resultOf({{T::Int64, 1}, {T::Float16, 0}}, {}) == T::Float16);
  CHECK(resultOf({{T::Int32, 1}}, {T::Int64}) == T::Int32);
  CHECK(resultOf({{T::Int32, 1}}, {T::Float64}) == T::Float32);
  CHECK(resultOf({{T::BFloat16, 1}}, {T::Float64}) == T::BFloat16);
  CHECK(resultOf({{T::Bool, 1}}, {T::Int64}) == T::Int64);
  CHECK(resultOf({{T::Int64, 0}}, {T::Float64}) == T::Float32);
}
