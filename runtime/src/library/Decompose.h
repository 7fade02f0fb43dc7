//===- Decompose.h - what the routines behind tenon.decompose are made of ---------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A routine handles one matrix of a batch after the other: it copies the operands, whatever their strides, to dense columns,
// calls LAPACK, and copies what comes out to the results.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_DECOMPOSE_H
#define TENON_RUNTIME_LIBRARY_DECOMPOSE_H

#include "CpuFeatures.h"
#include "Elements.h"
#include "Partition.h"
#include "RunContext.h"
#include "ThreadTeam.h"
#include "openblas/Lapack.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace tenon::library {

template <typename Type> struct PartOf {
  using type = Type;
};
template <typename Part> struct PartOf<std::complex<Part>> {
  using type = Part;
};
/// The type of a number's parts: of a real one the type itself.
template <typename Type> using Part = typename PartOf<Type>::type;
template <typename Type> inline constexpr bool isComplexNumber = !std::is_same_v<Type, Part<Type>>;

template <typename Type> Type conjugate(Type value) {
  if constexpr (isComplexNumber<Type>)
    return std::conj(value);
  else
    return value;
}

/// The matrices of one operand or result: its leading dimensions count them. A vector is one column, a number one element.
/// Complex ones have a last dimension of two, for the parts.
class Matrices {
public:
  Matrices(const TensorView &view, int32_t batchRank, bool areComplex) : view(view), batchRank(batchRank) {
    int32_t rank = view.rank - (areComplex ? 1 : 0) - batchRank;
    rows = rank > 0 ? static_cast<int>(view.sizes[batchRank]) : 1;
    columns = rank > 1 ? static_cast<int>(view.sizes[batchRank + 1]) : 1;
    rowStride = rank > 0 ? view.strides[batchRank] : 0;
    columnStride = rank > 1 ? view.strides[batchRank + 1] : 0;
    partStride = areComplex ? view.strides[view.rank - 1] : 0;
  }

  int rows, columns;

  /// Columns one after the other; with `adjoint` those of the conjugate transpose.
  template <typename Type> void read(int64_t number, Type *dense, bool adjoint = false) const {
    const auto *first = static_cast<const Part<Type> *>(view.data) + offsetOf(view, batchRank, number);
    forEach(adjoint, [&](int64_t place, int64_t offset) {
      Type element;
      if constexpr (isComplexNumber<Type>)
        element = {first[offset], first[offset + partStride]};
      else
        element = first[offset];
      dense[place] = adjoint ? conjugate(element) : element;
    });
  }

  template <typename Type> void write(int64_t number, const Type *dense, bool adjoint = false) const {
    auto *first = static_cast<Part<Type> *>(view.data) + offsetOf(view, batchRank, number);
    forEach(adjoint, [&](int64_t place, int64_t offset) {
      Type element = adjoint ? conjugate(dense[place]) : dense[place];
      if constexpr (isComplexNumber<Type>) {
        first[offset] = element.real();
        first[offset + partStride] = element.imag();
      } else {
        first[offset] = element;
      }
    });
  }

private:
  // Calls body(place in dense columns, offset in the view), in the order of places.
  template <typename Body> void forEach(bool adjoint, const Body &body) const {
    int64_t place = 0;
    int64_t inner = adjoint ? columns : rows, outer = adjoint ? rows : columns;
    int64_t innerStride = adjoint ? columnStride : rowStride, outerStride = adjoint ? rowStride : columnStride;
    for (int64_t j = 0; j < outer; ++j)
      for (int64_t i = 0; i < inner; ++i)
        body(place++, i * innerStride + j * outerStride);
  }

  TensorView view;
  int32_t batchRank;
  int64_t rowStride, columnStride, partStride;
};

/// Memory that a routine takes piece by piece. Without memory it only counts.
class Workspace {
public:
  explicit Workspace(char *memory) : memory(memory) {}
  template <typename Type> Type *take(int64_t count) {
    auto *piece = memory ? reinterpret_cast<Type *>(memory + used) : nullptr;
    used += (static_cast<size_t>(count) * sizeof(Type) + alignment - 1) / alignment * alignment;
    return piece;
  }
  size_t size() const { return used; }

private:
  static constexpr size_t alignment = 64;
  char *memory;
  size_t used = 0;
};

/// The operands of a call by number.
struct DecomposeCall {
  const DecomposeSpec &spec;
  TensorViews operands, results;
  int32_t batchRank;

  Matrices operand(int32_t i) const { return matrices(operands.begin[i], spec.isComplex); }
  Matrices result(int32_t i) const { return matrices(results.begin[i], spec.isComplex); }
  /// One whose elements are real, or integers, whatever the operands are.
  Matrices realOperand(int32_t i) const { return matrices(operands.begin[i], false); }
  Matrices realResult(int32_t i) const { return matrices(results.begin[i], false); }
  Matrices complexResult(int32_t i) const { return matrices(results.begin[i], true); }
  int64_t numMatrices() const {
    TensorView batch = operands.begin[0];
    batch.rank = batchRank;
    return countElements(batch);
  }
  const char *triangle() const { return spec.upper ? "U" : "L"; }
  /// How LAPACK asks for the conjugate transpose.
  template <typename Type> static const char *adjoint(bool wanted) {
    return !wanted ? "N" : isComplexNumber<Type> ? "C" : "T";
  }

private:
  Matrices matrices(const TensorView &view, bool areComplex) const { return {view, batchRank, areComplex}; }
};

/// Calls function(Type{}) with the type of the call's numbers.
template <typename Function> void withNumberType(const DecomposeCall &call, const Function &function) {
  bool isDouble = call.operands.begin[0].dtype == DType::F64;
  if (call.spec.isComplex)
    isDouble ? function(std::complex<double>{}) : function(std::complex<float>{});
  else
    isDouble ? function(double{}) : function(float{});
}

/// While one lives, LAPACK sees SVE vectors of at most 256 bits, on this thread alone where they are longer elsewhere (each thread
/// has a length of its own). At 512 bits and more OpenBLAS 0.3.34's symmetric updates are wrong, and with them, without a word,
/// Cholesky factors of order 33 and eigenvalues of order 64: they step by the tiles of 256 bits that they were compiled for.
class LapackVectors {
public:
  LapackVectors() : limit(256 / 8) {
    if (limit.isInForce())
      alone.emplace(1);
  }

private:
  SveLimit limit;
  std::optional<LibraryThreads> alone;
};

/// Runs a routine for every matrix of the batch. A routine is made from (call, workspace) and has run(number). Threads share
/// the matrices where there is enough of them to do; else LAPACK has the threads.
template <typename Routine> void forEachMatrix(RunContext &context, const DecomposeCall &call) {
  Workspace measured(nullptr);
  Routine{call, measured};
  Matrices first = call.operand(0);
  int64_t cost = int64_t(first.rows) * first.columns * std::max(std::min(first.rows, first.columns), 1);
  Partition parts(call.numMatrices(), cost, context.numThreads());
  auto *memory = static_cast<char *>(context.scratch(measured.size() * static_cast<size_t>(parts.size())));
  context.parallelFor(parts.size(), [&](int64_t part) {
    LapackVectors vectors;
    Workspace space(memory + measured.size() * static_cast<size_t>(part));
    Routine routine{call, space};
    for (int64_t number = parts.begin(part); number < parts.begin(part + 1); ++number)
      routine.run(number);
  });
}

/// The kinds of a family.
void decomposeByFactors(RunContext &context, const DecomposeCall &call);    // Cholesky, LU, LDL and triangular systems
void decomposeByReflectors(RunContext &context, const DecomposeCall &call); // QR
void decomposeBySpectra(RunContext &context, const DecomposeCall &call);    // eigenvalues and singular values
void exponentiate(RunContext &context, const DecomposeCall &call);

/// The leading dimension of dense columns.
inline int leading(int rows) { return std::max(rows, 1); }

/// The length of workspace that a query answered; a float may have rounded it down.
template <typename Type> int workLength(Type answer) {
  Part<Type> length = std::real(answer);
  return std::max(1, static_cast<int>(std::nextafter(length, std::numeric_limits<Part<Type>>::infinity())));
}

/// Takes the workspace that a routine of LAPACK asks for: `ask(answer)` calls it with `length`, which is -1, and writes how many
/// elements. Sets `length` to that.
template <typename Type, typename Ask> Type *takeWork(Workspace &space, int &length, Ask ask) {
  Type answer{};
  length = -1;
  ask(&answer);
  length = workLength(answer);
  return space.take<Type>(length);
}

/// Zeroes what does not belong to the triangle, the diagonal excepted.
template <typename Type> void clearOtherTriangle(Type *dense, int n, bool upper) {
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = upper ? j + 1 : 0; i < (upper ? n : j); ++i)
      dense[j * n + i] = 0;
}

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_DECOMPOSE_H
