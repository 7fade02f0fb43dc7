//===- openblas/Lapack.h - the routines of LAPACK that OpenBLAS brings along ------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Debian's OpenBLAS exports LAPACK with Fortran's interface and installs no header for it. Matrices are columns one after the
// other, everything is passed by address, and the lengths of strings follow the arguments. Lapack<Type> has the routines of a
// type under the names of the real ones (orgqr also stands for ungqr, syevd for heevd).
//
// Inside a parallel region OpenBLAS stays on its thread; outside it takes the run's team, like all that opens OpenMP regions.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_OPENBLAS_LAPACK_H
#define TENON_RUNTIME_LIBRARY_OPENBLAS_LAPACK_H

#include <complex>
#include <stddef.h>

namespace tenon::library {

using Flag = const char *; // one letter
using Int = const int *;

/// What the routines of a type take. `info` is where a routine says that it failed.
template <typename Type> struct LapackSignatures {
  using Matrix = Type *;
  using Input = const Type *;
  using Gemm = void(Flag transA, Flag transB, Int m, Int n, Int k, Input alpha, Input a, Int lda, Input b, Int ldb, Input beta,
                    Matrix c, Int ldc, size_t, size_t);
  using Trsm = void(Flag side, Flag uplo, Flag trans, Flag diag, Int m, Int n, Input alpha, Input a, Int lda, Matrix b, Int ldb,
                    size_t, size_t, size_t, size_t);
  using Potrf = void(Flag uplo, Int n, Matrix a, Int lda, int *info, size_t);
  using Potrs = void(Flag uplo, Int n, Int nrhs, Input a, Int lda, Matrix b, Int ldb, int *info, size_t);
  using Getrf = void(Int m, Int n, Matrix a, Int lda, int *pivots, int *info);
  using Getrs = void(Flag trans, Int n, Int nrhs, Input a, Int lda, Int pivots, Matrix b, Int ldb, int *info, size_t);
  using Geqrf = void(Int m, Int n, Matrix a, Int lda, Matrix tau, Matrix work, Int lwork, int *info);
  using Orgqr = void(Int m, Int n, Int k, Matrix a, Int lda, Input tau, Matrix work, Int lwork, int *info);
  using Ormqr = void(Flag side, Flag trans, Int m, Int n, Int k, Input a, Int lda, Input tau, Matrix c, Int ldc, Matrix work,
                     Int lwork, int *info, size_t, size_t);
  using Sytrf = void(Flag uplo, Int n, Matrix a, Int lda, int *pivots, Matrix work, Int lwork, int *info, size_t);
  using Sytrs = void(Flag uplo, Int n, Int nrhs, Input a, Int lda, Int pivots, Matrix b, Int ldb, int *info, size_t);
};

/// The routines whose complex form takes other arguments: real workspace beside the complex one.
template <typename Type> struct SpectralSignatures {
  using Syevd = void(Flag jobz, Flag uplo, Int n, Type *a, Int lda, Type *w, Type *work, Int lwork, int *iwork, Int liwork,
                     int *info, size_t, size_t);
  using Gesdd = void(Flag jobz, Int m, Int n, Type *a, Int lda, Type *s, Type *u, Int ldu, Type *vt, Int ldvt, Type *work,
                     Int lwork, int *iwork, int *info, size_t);
  using Geev = void(Flag jobvl, Flag jobvr, Int n, Type *a, Int lda, Type *wr, Type *wi, Type *vl, Int ldvl, Type *vr, Int ldvr,
                    Type *work, Int lwork, int *info, size_t, size_t);
};
template <typename Part> struct SpectralSignatures<std::complex<Part>> {
  using Type = std::complex<Part>;
  using Syevd = void(Flag jobz, Flag uplo, Int n, Type *a, Int lda, Part *w, Type *work, Int lwork, Part *rwork, Int lrwork,
                     int *iwork, Int liwork, int *info, size_t, size_t);
  using Gesdd = void(Flag jobz, Int m, Int n, Type *a, Int lda, Part *s, Type *u, Int ldu, Type *vt, Int ldvt, Type *work,
                     Int lwork, Part *rwork, int *iwork, int *info, size_t);
  using Geev = void(Flag jobvl, Flag jobvr, Int n, Type *a, Int lda, Type *w, Type *vl, Int ldvl, Type *vr, Int ldvr, Type *work,
                    Int lwork, Part *rwork, int *info, size_t, size_t);
};

template <typename Type> struct Lapack;

// `x` is the type's letter; `o` and `sy` are how names of routines for its orthogonal and its symmetric matrices begin.
#define TENON_LAPACK(Type, x, o, sy)                                                                                   \
  extern "C" {                                                                                                         \
  LapackSignatures<Type>::Gemm x##gemm_;                                                                               \
  LapackSignatures<Type>::Trsm x##trsm_;                                                                               \
  LapackSignatures<Type>::Potrf x##potrf_, x##potri_;                                                                  \
  LapackSignatures<Type>::Potrs x##potrs_;                                                                             \
  LapackSignatures<Type>::Getrf x##getrf_;                                                                             \
  LapackSignatures<Type>::Getrs x##getrs_;                                                                             \
  LapackSignatures<Type>::Geqrf x##geqrf_;                                                                             \
  LapackSignatures<Type>::Orgqr o##gqr_;                                                                               \
  LapackSignatures<Type>::Ormqr o##mqr_;                                                                               \
  LapackSignatures<Type>::Sytrf x##sytrf_, sy##trf_;                                                                \
  LapackSignatures<Type>::Sytrs x##sytrs_, sy##trs_;                                                                \
  SpectralSignatures<Type>::Syevd sy##evd_;                                                                         \
  SpectralSignatures<Type>::Gesdd x##gesdd_;                                                                           \
  SpectralSignatures<Type>::Geev x##geev_;                                                                             \
  }                                                                                                                    \
  template <> struct Lapack<Type> {                                                                                    \
    static constexpr auto &gemm = x##gemm_;                                                                            \
    static constexpr auto &trsm = x##trsm_;                                                                            \
    static constexpr auto &potrf = x##potrf_;                                                                          \
    static constexpr auto &potri = x##potri_;                                                                          \
    static constexpr auto &potrs = x##potrs_;                                                                          \
    static constexpr auto &getrf = x##getrf_;                                                                          \
    static constexpr auto &getrs = x##getrs_;                                                                          \
    static constexpr auto &geqrf = x##geqrf_;                                                                          \
    static constexpr auto &orgqr = o##gqr_;                                                                            \
    static constexpr auto &ormqr = o##mqr_;                                                                            \
    static constexpr auto &sytrf = x##sytrf_;                                                                          \
    static constexpr auto &sytrs = x##sytrs_;                                                                          \
    static constexpr auto &hetrf = sy##trf_;                                                                        \
    static constexpr auto &hetrs = sy##trs_;                                                                        \
    static constexpr auto &syevd = sy##evd_;                                                                        \
    static constexpr auto &gesdd = x##gesdd_;                                                                          \
    static constexpr auto &geev = x##geev_;                                                                            \
  };
TENON_LAPACK(float, s, sor, ssy)
TENON_LAPACK(double, d, dor, dsy)
TENON_LAPACK(std::complex<float>, c, cun, che)
TENON_LAPACK(std::complex<double>, z, zun, zhe)
#undef TENON_LAPACK

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_OPENBLAS_LAPACK_H
