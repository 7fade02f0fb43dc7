//===- Random.cpp - tenon.random --------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// PyTorch draws its numbers one by one, on one thread: how many bits a number takes, and the order in which normal ones leave
// the Box-Muller transform (https://doi.org/10.1214/aoms/1177706645), are part of what a seed means.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Generator.h"
#include "RunContext.h"
#include "library/Elements.h"
#include "library/Lines.h"

#include <cmath>
#include <numbers>
#include <span>
#include <utility>

using namespace tenon;
using namespace tenon::library;

namespace {

// As many random bits as the type's numbers have, as a fraction.
template <typename Type> Type uniform(Generator &generator) {
  constexpr int digits = std::numeric_limits<Type>::digits;
  constexpr uint64_t mask = (uint64_t(1) << digits) - 1;
  uint64_t bits = std::is_same_v<Type, double> ? generator.bits64() : generator.bits32();
  return static_cast<Type>(bits & mask) * static_cast<Type>(1.0 / static_cast<double>(mask + 1));
}

template <typename Type> void fillUniform(Generator &generator, std::span<Type> numbers) {
  for (Type &number : numbers)
    number = uniform<Type>(generator);
}

// Eight pairs of uniform numbers, eight apart, become eight pairs of normal ones.
constexpr size_t block = 16;

template <typename Type> void transformBlock(std::span<Type> numbers) {
  for (size_t i = 0; i < block / 2; ++i) {
    Type &first = numbers[i], &second = numbers[i + block / 2];
    Type radius = std::sqrt(-2 * std::log(1 - first)), angle = 2 * std::numbers::pi_v<Type> * second;
    first = radius * std::cos(angle);
    second = radius * std::sin(angle);
  }
}

double nextNormal(Generator &generator) {
  if (generator.spareNormal)
    return *std::exchange(generator.spareNormal, std::nullopt);
  double angle = 2 * std::numbers::pi * uniform<double>(generator);
  double radius = std::sqrt(-2 * std::log1p(-uniform<double>(generator)));
  generator.spareNormal = radius * std::sin(angle);
  return radius * std::cos(angle);
}

template <typename Type> void fillSerialNormal(Generator &generator, std::span<Type> numbers) {
  for (Type &number : numbers)
    number = static_cast<Type>(nextNormal(generator));
}

template <typename Type> void fillNormal(Generator &generator, std::span<Type> numbers) {
  if (numbers.size() < block)
    return fillSerialNormal(generator, numbers);
  fillUniform(generator, numbers);
  for (size_t first = 0; first + block <= numbers.size(); first += block)
    transformBlock(numbers.subspan(first, block));
  if (numbers.size() % block != 0) { // the last block is drawn anew
    fillUniform(generator, numbers.last(block));
    transformBlock(numbers.last(block));
  }
}

void fillPermutation(Generator &generator, std::span<int64_t> numbers) {
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = static_cast<int64_t>(i);
  for (size_t i = 0; i + 1 < numbers.size(); ++i)
    std::swap(numbers[i], numbers[i + generator.bits32() % (numbers.size() - i)]);
}

template <typename Type> void fill(Generator &generator, RandomKind kind, std::span<Type> numbers) {
  if constexpr (std::is_same_v<Type, int64_t>) {
    if (kind == RandomKind::Permutation)
      return fillPermutation(generator, numbers);
    for (int64_t &number : numbers)
      number = static_cast<int64_t>(kind == RandomKind::Bits32 ? generator.bits32() : generator.bits64());
  } else if constexpr (std::is_same_v<Type, float> || std::is_same_v<Type, double>) {
    if (kind == RandomKind::Uniform)
      fillUniform(generator, numbers);
    else if (kind == RandomKind::Normal)
      fillNormal(generator, numbers);
    else
      fillSerialNormal(generator, numbers);
  }
}

} // namespace

void tenon::random(Run &run, RandomKind kind, const TensorView &output) {
  int64_t count = countElements(output);
  if (run.preparing() || count == 0)
    return;
  RunContext &context = RunContext::of(run);
  TensorView drawn = denseLike(output, context.scratch(static_cast<size_t>(count) * sizeInBytes(output.dtype)));
  withElementType(output.dtype, [&](auto type) {
    Generator::Lock lock(context.generator().mutex);
    fill<decltype(type)>(context.generator(), kind, {static_cast<decltype(type) *>(drawn.data), static_cast<size_t>(count)});
  });
  copy(run, drawn, output);
}
