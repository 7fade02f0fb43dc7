//===- Coefficients.h - coefficients of the math expansions; printed by coefficients.py ---------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Polynomials are listed from the constant term up. "Error" is of the whole function, relative to it, before
// coefficients are rounded to their format.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_KERNEL_MATH_COEFFICIENTS_H
#define TENON_COMPILER_CODEGEN_KERNEL_MATH_COEFFICIENTS_H

#include <cstdint>

namespace tenon::coefficients {

// ln 2: the first part times an integer below 2^9 is exact.
inline constexpr double ln2F32[] = {0x1.62e4000000000p-1, 0x1.7f7d1c0000000p-20};

// ln 2: the first part times an integer below 2^11 is exact.
inline constexpr double ln2F64[] = {0x1.62e42fefa3800p-1, 0x1.ef35793c76730p-45};

// pi / 2 in parts of 24 bits, subtracted with fma.
inline constexpr double halfPiF32[] = {0x1.921fb60000000p+0, -0x1.777a5c0000000p-25, -0x1.ee59da0000000p-50,
                                       0x1.98a2e00000000p-77};

// pi / 2 in parts of 53 bits, subtracted with fma.
inline constexpr double halfPiF64[] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110};

// 1 / ln 2.
inline constexpr double log2eF64[] = {0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56};

// 1 / ln 10.
inline constexpr double log10eF64[] = {0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57};

// log10 2: the first part times an integer below 2^11 is exact.
inline constexpr double log10of2F64[] = {0x1.34413509f7800p-2, 0x1.fef311f12b358p-46};

// The bits of 2 / pi, eight zero bits before them.
inline constexpr uint64_t twoOverPi[] = {0xa2f9836e4e4415, 0x29fc2757d1f534dd, 0xc0db6295993c4390, 0x41fe5163abe52840};

// exp(r) = 1 + r + r^2 P(r), |r| <= ln 2 / 2. Error 2^-28.3.
inline constexpr double expF32[] = {0x1.fffffc0000000p-2, 0x1.5554900000000p-3, 0x1.5558fc0000000p-5,
                                    0x1.123b660000000p-7, 0x1.6a219a0000000p-10};

// As before, one degree more: relative to expm1, which can be as small as r. Error 2^-32.0.
inline constexpr double expm1F32[] = {0x1.0000000000000p-1, 0x1.5555560000000p-3,  0x1.5554ac0000000p-5,
                                      0x1.11108e0000000p-7, 0x1.6d76520000000p-10, 0x1.a1a3400000000p-13};

// 2^r = 1 + r P(r), |r| <= 1/2. Error 2^-29.0.
inline constexpr double exp2F32[] = {0x1.62e4300000000p-1, 0x1.ebfbe00000000p-3,  0x1.c6aed00000000p-5,
                                     0x1.3b29aa0000000p-7, 0x1.5f47ac0000000p-10, 0x1.448fa40000000p-13};

// sin(r) = r + r^3 P(r^2), |r| <= pi / 4. Error 2^-28.0.
inline constexpr double sinF32[] = {-0x1.5555460000000p-3, 0x1.1107580000000p-7, -0x1.994c160000000p-13};

// cos(r) = 1 - r^2 / 2 + r^4 P(r^2), |r| <= pi / 4. Error 2^-33.3.
inline constexpr double cosF32[] = {0x1.55554a0000000p-5, -0x1.6c0c840000000p-10, 0x1.99fffe0000000p-16};

// exp(r) = 1 + r + r^2 P(r), |r| <= ln 2 / 2. Error 2^-57.9.
inline constexpr double expF64[] = {
    0x1.000000000000ap-1,  0x1.55555555554f7p-3,  0x1.55555555506ecp-5,  0x1.1111111128375p-7,  0x1.6c16c184885ebp-10,
    0x1.a01a012880827p-13, 0x1.a01998fde51c8p-16, 0x1.71df27c733099p-19, 0x1.28ae7875f3ba8p-22, 0x1.ad7e33b57c7b6p-26};

// As before, one degree more: relative to expm1, which can be as small as r. Error 2^-61.7.
inline constexpr double expm1F64[] = {0x1.0000000000000p-1,  0x1.5555555555559p-3,  0x1.555555555555ap-5,
                                      0x1.111111110f622p-7,  0x1.6c16c16c143b6p-10, 0x1.a01a01b0240fcp-13,
                                      0x1.a01a01b0eaff0p-16, 0x1.71ddf7a4cae26p-19, 0x1.27e4c52b8c969p-22,
                                      0x1.af6009d93048ap-26, 0x1.1f961f5b24584p-29};

// 2^r = 1 + r P(r), |r| <= 1/2. Error 2^-58.0.
inline constexpr double exp2F64[] = {0x1.62e42fefa39efp-1,  0x1.ebfbdff82c5a5p-3,  0x1.c6b08d704a0d7p-5,
                                     0x1.3b2ab6fb9ff54p-7,  0x1.5d87fe78a0e9ep-10, 0x1.4309130f2fc64p-13,
                                     0x1.ffcbfc7c2d47dp-17, 0x1.62bfc6cc1ae34p-20, 0x1.b524ce15dafd2p-24,
                                     0x1.e61ca96316718p-28, 0x1.ea181099b6e52p-32};

// sin(r) = r + r^3 P(r^2), |r| <= pi / 4. Error 2^-58.0.
inline constexpr double sinF64[] = {-0x1.5555555555549p-3, 0x1.111111110f851p-7,   -0x1.a01a019c0c256p-13,
                                    0x1.71de3572c7e85p-19, -0x1.ae5e62380a9b6p-26, 0x1.5d91cd247bb3ap-33};

// cos(r) = 1 - r^2 / 2 + r^4 P(r^2), |r| <= pi / 4. Error 2^-64.2.
inline constexpr double cosF64[] = {0x1.555555555554cp-5,   -0x1.6c16c16c15151p-10, 0x1.a01a019cad28ep-16,
                                    -0x1.27e4f8067b826p-22, 0x1.1ee9e9777dd0cp-29,  -0x1.8fad4cc2658eep-37};

// log(1 + f) = f - f^2 / 2 + f^3 P(f), 1 + f in [sqrt 1/2, sqrt 2]. Error 2^-30.4.
inline constexpr double logF32[] = {0x1.5555460000000p-2,  -0x1.ffffee0000000p-3, 0x1.99a5460000000p-3,
                                    -0x1.5562e40000000p-3, 0x1.2332b60000000p-3,  -0x1.fb431a0000000p-4,
                                    0x1.e651080000000p-4,  -0x1.e2ea2e0000000p-4, 0x1.1b42800000000p-4};

// log(1 + f) = 2 s + s^3 P(s^2), s = f / (2 + f), the same range. Error 2^-59.5.
inline constexpr double logF64[] = {0x1.5555555555592p-1, 0x1.999999997fdbdp-2, 0x1.24924941f0cdfp-2,
                                    0x1.c71c5209a7bc8p-3, 0x1.74663ed86552bp-3, 0x1.39a1bc67034fep-3,
                                    0x1.2f0551d730b17p-3};

// atan(x) = x + x^3 P(x^2), |x| <= tan(pi / 8). Error 2^-64.3.
inline constexpr double atanF64[] = {-0x1.5555555555554p-2, 0x1.999999999965bp-3,  -0x1.2492492475db3p-3,
                                     0x1.c71c71b77ba82p-4,  -0x1.745d14c038e1ap-4, 0x1.3b136eb862713p-4,
                                     -0x1.110c7a689463ap-4, 0x1.e1728e6a5bcdcp-5,  -0x1.ab80f116f2684p-5,
                                     0x1.70fac7784a5dcp-5,  -0x1.12562dcaa1c73p-5, 0x1.f260d2f7fa83cp-7};

// erf(x) = x P(x^2) / Q(x^2), |x| <= 3.93. Error 2^-29.0.
inline constexpr double erfF32[] = {0x1.047ab20000000p+1,  0x1.55ec700000000p-2,  0x1.90c80c0000000p-4,
                                    0x1.c5e6140000000p-8,  0x1.64a12e0000000p-11, 0x1.1795c00000000p-17,
                                    -0x1.8e664a0000000p-26};
inline constexpr double erfF32Denominator[] = {0x1.cdb0000000000p+0, 0x1.cb4d7c0000000p-1, 0x1.a4a4b80000000p-3,
                                               0x1.c8128c0000000p-6, 0x1.33df7a0000000p-9, 0x1.d8c7ea0000000p-14};

// erf(x) = x P(x^2), |x| <= 1/2. Error 2^-72.8.
inline constexpr double erfF64[] = {0x1.20dd750429b6dp+0,   -0x1.812746b0379e7p-2,  0x1.ce2f21a042be0p-4,
                                    -0x1.b82ce312889f4p-6,  0x1.565bcd0e5f662p-8,   -0x1.c02db3f9dc6dcp-11,
                                    0x1.f9a324a4c2b69p-14,  -0x1.f4d1d03b11489p-17, 0x1.b9d1a7143760ep-20,
                                    -0x1.5d76fa69542b6p-23, 0x1.c610aea3b4a74p-27};

// (1 + 2 x) exp(x^2) erfc(x) = P(t), t = (x - 3.75) / (x + 3.75), x in [1/2, 28]. Error 2^-57.7.
inline constexpr double erfcF64[] = {
    0x1.3ccda0b5d5dc2p+0,  -0x1.1f367683f89a7p-3,  0x1.d5f294815b03fp-9,   0x1.510169d0967cap-4,
    -0x1.bda9309a2b1bap-4, 0x1.7a14188a9a5f8p-4,   -0x1.e0d0fa6d76840p-5,  0x1.d0b0037d92252p-6,
    -0x1.3f603c518e6a9p-7, 0x1.cc3a0e4d4f3d7p-10,  0x1.33fb429df9937p-12,  -0x1.303fa261e9a97p-12,
    0x1.b13f80c834d86p-15, 0x1.778b87e7c3a9fp-16,  -0x1.7fca12e97dc8fp-17, -0x1.0566b71af3357p-20,
    0x1.d2923cce767d4p-20, -0x1.e4ade050c0335p-25, -0x1.02555b62384c7p-22, 0x1.7a890eb13dd0ep-26,
    0x1.a7cfbc9a5a38ep-26, -0x1.7dcee65e474f5p-29};

} // namespace tenon::coefficients

#endif // TENON_COMPILER_CODEGEN_KERNEL_MATH_COEFFICIENTS_H
