//===- Vectors.h - the vectors that inner loops work on ----------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Of fixed length on x86-64, sixteen floats (one AVX-512 register, two of AVX2), and with NEON, one register. With SVE one register
// of whatever length; its types are no members and no elements of arrays. All have operators, and `mask ? a : b` for each lane.
//
// Memory needs no alignment, and is f32, f16 or bf16, for which registers hold f32, or f64 (Doubles and Longs: half as many lanes
// in as many bits). A load or store of `Whole()` is of a whole vector, one
// of `Part{count}` of the first `count` lanes: the others are zero and not stored.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_LOOPS_VECTORS_H
#define TENON_RUNTIME_LIBRARY_LOOPS_VECTORS_H

#include "../Elements.h"
#include "Level.h"

#include <stdint.h>
#ifdef TENON_SVE
#include <arm_sve.h>
#endif

TENON_LOOPS_BEGIN

struct Whole {};
struct Part {
  int64_t count;
};

#ifdef TENON_SVE

typedef svfloat32_t Floats;
typedef svint32_t Ints;
typedef svfloat64_t Doubles;
typedef svint64_t Longs;
TENON_INLINE int64_t numLanes() { return static_cast<int64_t>(svcntw()); }
TENON_INLINE svbool_t lanesOf(Whole) { return svptrue_b32(); }
TENON_INLINE svbool_t lanesOf(Part part) { return svwhilelt_b32(int64_t(0), part.count); }
TENON_INLINE Floats splat(float value) { return svdup_f32(value); }
TENON_INLINE Ints asInts(const Floats &v) { return svreinterpret_s32(v); }
TENON_INLINE Floats asFloats(const Ints &v) { return svreinterpret_f32(v); }
TENON_INLINE Doubles splatDouble(double value) { return svdup_f64(value); }
TENON_INLINE Longs asInts(const Doubles &v) { return svreinterpret_s64(v); }
TENON_INLINE Doubles asFloats(const Longs &v) { return svreinterpret_f64(v); }

TENON_INLINE svbool_t lanesOfDoubles(Whole) { return svptrue_b64(); }
TENON_INLINE svbool_t lanesOfDoubles(Part part) { return svwhilelt_b64(int64_t(0), part.count); }
template <typename Extent> TENON_INLINE Doubles load(const double *from, Extent extent) {
  return svld1(lanesOfDoubles(extent), from);
}
template <typename Extent> TENON_INLINE void store(double *to, const Doubles &v, Extent extent) {
  svst1(lanesOfDoubles(extent), to, v);
}
template <typename Extent> TENON_INLINE Floats load(const float *from, Extent extent) { return svld1(lanesOf(extent), from); }
template <typename Extent> TENON_INLINE Floats load(const BFloat16 *from, Extent extent) {
  return svreinterpret_f32(svld1uh_s32(lanesOf(extent), &from->bits) << 16);
}
template <typename Extent> TENON_INLINE Floats load(const _Float16 *from, Extent extent) {
  svint32_t bits = svld1uh_s32(lanesOf(extent), reinterpret_cast<const uint16_t *>(from));
  return svcvt_f32_x(svptrue_b32(), svreinterpret_f16(bits));
}
template <typename Extent> TENON_INLINE Ints loadBytes(const uint8_t *from, Extent extent) {
  return svld1ub_s32(lanesOf(extent), from);
}
template <typename Extent> TENON_INLINE Ints loadWords(const uint32_t *from, Extent extent) {
  return svreinterpret_s32(svld1(lanesOf(extent), from));
}
template <typename Extent> TENON_INLINE Ints loadWords(const uint16_t *from, Extent extent) {
  return svld1uh_s32(lanesOf(extent), from);
}

/// The lanes of `extent`; the others are `other`.
template <typename Extent> TENON_INLINE Floats orElse(const Floats &v, Extent extent, float other) {
  return svsel(lanesOf(extent), v, svdup_f32(other));
}

template <typename Extent> TENON_INLINE void store(float *to, const Floats &v, Extent extent) {
  svst1(lanesOf(extent), to, v);
}
/// Stores the low halves of the lanes.
template <typename Extent> TENON_INLINE void storeHalves(uint16_t *to, const Ints &v, Extent extent) {
  svst1h(lanesOf(extent), reinterpret_cast<int16_t *>(to), v);
}
template <typename Extent> TENON_INLINE void store(_Float16 *to, const Floats &v, Extent extent) {
  storeHalves(reinterpret_cast<uint16_t *>(to), svreinterpret_s32(svcvt_f16_x(svptrue_b32(), v)), extent);
}

/// The logical shift.
TENON_INLINE Ints shiftRight(const Ints &v, uint32_t by) {
  return svreinterpret_s32(svlsr_x(svptrue_b32(), svreinterpret_u32(v), by));
}

TENON_INLINE float sumOf(const Floats &v) { return svaddv(svptrue_b32(), v); }
/// The greatest lane that is a number; minus infinity where there is none.
TENON_INLINE float greatestOf(const Floats &v) { return svmaxnmv(svptrue_b32(), v); }
TENON_INLINE bool isAnySet(const Ints &v) { return svptest_any(svptrue_b32(), svcmpne(svptrue_b32(), v, 0)); }
TENON_INLINE float firstOf(const Floats &v) { return svlasta(svpfalse(), v); }

#else

#ifdef __x86_64__
inline constexpr int64_t fixedLanes = 16;
#else
inline constexpr int64_t fixedLanes = 4;
#endif
typedef float Floats __attribute__((vector_size(fixedLanes * 4)));
typedef int32_t Ints __attribute__((vector_size(fixedLanes * 4)));
typedef double Doubles __attribute__((vector_size(fixedLanes * 4)));
typedef int64_t Longs __attribute__((vector_size(fixedLanes * 4)));
typedef uint32_t Words __attribute__((vector_size(fixedLanes * 4)));
typedef uint16_t Halves __attribute__((vector_size(fixedLanes * 2)));
typedef _Float16 HalfFloats __attribute__((vector_size(fixedLanes * 2)));
typedef uint8_t Bytes __attribute__((vector_size(fixedLanes)));

// Vectors are passed by reference: by value they would change the calling convention between the clones.
TENON_INLINE int64_t numLanes() { return fixedLanes; }
TENON_INLINE Floats splat(float value) { return Floats{} + value; }
TENON_INLINE Ints asInts(const Floats &v) { return reinterpret_cast<Ints>(v); }
TENON_INLINE Floats asFloats(const Ints &v) { return reinterpret_cast<Floats>(v); }
TENON_INLINE Doubles splatDouble(double value) { return Doubles{} + value; }
TENON_INLINE Longs asInts(const Doubles &v) { return reinterpret_cast<Longs>(v); }
TENON_INLINE Doubles asFloats(const Longs &v) { return reinterpret_cast<Doubles>(v); }

template <typename Vector> struct __attribute__((packed, may_alias)) InMemory {
  Vector value;
};
template <typename Vector, typename Element> TENON_INLINE Vector loadLanes(const Element *from, Whole) {
  return reinterpret_cast<const InMemory<Vector> *>(from)->value;
}
/// Calls body(lane) for each lane of the part; where vectors are short, with constants, for which lanes stay in registers.
template <typename Body> TENON_INLINE void forEachLane(Part part, const Body &body) {
  if constexpr (fixedLanes == 4) {
    body(0);
    if (part.count > 1)
      body(1);
    if (part.count > 2)
      body(2);
  } else {
    for (int64_t lane = 0; lane < part.count; ++lane)
      body(lane);
  }
}
template <typename Vector, typename Element> TENON_INLINE Vector loadLanes(const Element *from, Part part) {
  Vector result = {};
  forEachLane(part, [&](int64_t lane) TENON_INLINE_BODY { result[lane] = from[lane]; });
  return result;
}
template <typename Vector, typename Element> TENON_INLINE void storeLanes(Element *to, const Vector &v, Whole) {
  reinterpret_cast<InMemory<Vector> *>(to)->value = v;
}
template <typename Vector, typename Element> TENON_INLINE void storeLanes(Element *to, const Vector &v, Part part) {
  forEachLane(part, [&](int64_t lane) TENON_INLINE_BODY { to[lane] = v[lane]; });
}

template <typename Extent> TENON_INLINE Floats load(const float *from, Extent extent) { return loadLanes<Floats>(from, extent); }
template <typename Extent> TENON_INLINE Doubles load(const double *from, Extent extent) {
  return loadLanes<Doubles>(from, extent);
}
template <typename Extent> TENON_INLINE Floats load(const BFloat16 *from, Extent extent) {
  return asFloats(__builtin_convertvector(loadLanes<Halves>(&from->bits, extent), Ints) << 16);
}
template <typename Extent> TENON_INLINE Floats load(const _Float16 *from, Extent extent) {
  return __builtin_convertvector(loadLanes<HalfFloats>(from, extent), Floats);
}
template <typename Extent> TENON_INLINE Ints loadBytes(const uint8_t *from, Extent extent) {
  return __builtin_convertvector(loadLanes<Bytes>(from, extent), Ints);
}
template <typename Extent> TENON_INLINE Ints loadWords(const uint32_t *from, Extent extent) {
  return loadLanes<Ints>(reinterpret_cast<const int32_t *>(from), extent);
}
template <typename Extent> TENON_INLINE Ints loadWords(const uint16_t *from, Extent extent) {
  return __builtin_convertvector(loadLanes<Halves>(from, extent), Ints);
}

TENON_INLINE Floats orElse(const Floats &v, Whole, float) { return v; }
TENON_INLINE Floats orElse(const Floats &v, Part part, float other) {
  Floats result = splat(other);
  forEachLane(part, [&](int64_t lane) TENON_INLINE_BODY { result[lane] = v[lane]; });
  return result;
}

template <typename Extent> TENON_INLINE void store(float *to, const Floats &v, Extent extent) { storeLanes(to, v, extent); }
template <typename Extent> TENON_INLINE void store(double *to, const Doubles &v, Extent extent) { storeLanes(to, v, extent); }
template <typename Extent> TENON_INLINE void storeHalves(uint16_t *to, const Ints &v, Extent extent) {
  storeLanes(to, __builtin_convertvector(v, Halves), extent);
}
template <typename Extent> TENON_INLINE void store(_Float16 *to, const Floats &v, Extent extent) {
  storeLanes(to, __builtin_convertvector(v, HalfFloats), extent);
}

TENON_INLINE Ints shiftRight(const Ints &v, uint32_t by) {
  return reinterpret_cast<Ints>(reinterpret_cast<Words>(v) >> by);
}

TENON_INLINE float sumOf(const Floats &v) {
  float sum = 0;
  for (int64_t lane = 0; lane < fixedLanes; ++lane)
    sum += v[lane];
  return sum;
}
TENON_INLINE float greatestOf(const Floats &v) {
  float greatest = -__builtin_inff();
  for (int64_t lane = 0; lane < fixedLanes; ++lane)
    greatest = greatest < v[lane] ? v[lane] : greatest;
  return greatest;
}
TENON_INLINE bool isAnySet(const Ints &v) {
  int32_t all = 0;
  for (int64_t lane = 0; lane < fixedLanes; ++lane)
    all |= v[lane];
  return all != 0;
}
TENON_INLINE float firstOf(const Floats &v) { return v[0]; }

#endif

/// Rounds to nearest, ties to even; NaN stays NaN.
template <typename Extent> TENON_INLINE void store(BFloat16 *to, const Floats &v, Extent extent) {
  Ints bits = asInts(v), lowestKept = shiftRight(bits, 16) & 1;
  Ints rounded = shiftRight(bits + lowestKept + 0x7fff, 16), quiet = shiftRight(bits | 0x400000, 16);
  storeHalves(&to->bits, (bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded, extent);
}

/// How often loops are unrolled, by the registers that an iteration takes. Vectors of x86-64 are long enough as they are.
#ifdef __x86_64__
inline constexpr int shortLoop = 1, mediumLoop = 1, longLoop = 1;
#else
inline constexpr int shortLoop = 4, mediumLoop = 2, longLoop = 1;
#endif

/// Lanes of the vectors whose elements are `Real`.
template <typename Real> TENON_INLINE int64_t numLanesOf() {
  return numLanes() * static_cast<int64_t>(sizeof(float)) / static_cast<int64_t>(sizeof(Real));
}

/// Calls body(first, Whole()) for each whole vector of `count` elements, and body(first, Part) for those behind them. `Real` is
/// the type of registers.
template <int unrolling = shortLoop, typename Real = float, typename Body>
TENON_INLINE void forEachVector(int64_t count, const Body &body) {
  int64_t first = 0, lanes = numLanesOf<Real>();
#pragma clang loop unroll_count(unrolling)
  for (; first + lanes <= count; first += lanes)
    body(first, Whole());
  if (first < count)
    body(first, Part{count - first});
}

TENON_LOOPS_END

#endif // TENON_RUNTIME_LIBRARY_LOOPS_VECTORS_H
