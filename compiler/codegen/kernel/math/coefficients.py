#!/usr/bin/env python3
"""Prints Coefficients.h: minimax polynomials and rationals of the math expansions, and constants split for exact products.

Remez exchange on a dense Chebyshev grid, in 70-digit decimal arithmetic from the standard library; references are series and
continued fractions below. Usage: coefficients.py > Coefficients.h (then clang-format). The measured error of every fit is in
the comment above it; rounding of the coefficients to the format is not part of it (the sweep in test/math/ is).
"""
import struct
from decimal import Decimal as D, getcontext

getcontext().prec = 70
ONE, HALF = D(1), D("0.5")


def arctan_inverse(n):
    """atan(1/n), n an integer > 1."""
    total, power, k = D(0), ONE / n, 0
    while abs(power) > D(10) ** -75:
        total += power / (2 * k + 1) * (-1) ** k
        power /= n * n
        k += 1
    return total


PI = 4 * (4 * arctan_inverse(5) - arctan_inverse(239))
LN2 = D(2).ln()


def series(x, term, ratio):
    """Sum of term(0) = `term`, term(k + 1) = term(k) * ratio(k)."""
    total, k = D(0), 0
    while abs(term) > D(10) ** -72:
        total += term
        term *= ratio(k)
        k += 1
    return total


def sin(x):
    return series(x, x, lambda k: -x * x / ((2 * k + 2) * (2 * k + 3)))


def cos(x):
    return series(x, ONE, lambda k: -x * x / ((2 * k + 1) * (2 * k + 2)))


def atan(x):
    """|x| < 1/2."""
    return sum((-1) ** k * x ** (2 * k + 1) / (2 * k + 1) for k in range(120))


def erf(x):
    return 2 / PI.sqrt() * (-x * x).exp() * series(x, x, lambda k: 2 * x * x / (2 * k + 3))


def scaled_erfc(x):
    """exp(x^2) erfc(x), x >= 0."""
    if x < 4:
        return (x * x).exp() * (1 - erf(x))
    tail = x
    for k in range(400, 0, -1):
        tail = x + D(k) / 2 / tail
    return 1 / (PI.sqrt() * tail)


def solve(rows, right):
    """Gaussian elimination with partial pivoting."""
    n = len(rows)
    rows = [row + [value] for row, value in zip(rows, right)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(i + 1, n):
            factor = rows[r][i] / rows[i][i]
            rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i])]
    solution = [D(0)] * n
    for i in reversed(range(n)):
        solution[i] = (rows[i][n] - sum(rows[i][j] * solution[j] for j in range(i + 1, n))) / rows[i][i]
    return solution


def horner(coefficients, x):
    total = D(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def extrema(errors):
    """Indices of the largest error of every run of equal sign."""
    best = [0]
    for i in range(1, len(errors)):
        if (errors[i] < 0) == (errors[best[-1]] < 0):
            if abs(errors[i]) > abs(errors[best[-1]]):
                best[-1] = i
        else:
            best.append(i)
    return best


def minimax(f, weight, low, high, degree, denominator=0):
    """(P, Q, error): minimises max |weight (f - P/Q)| on [low, high], Q(0) = 1."""
    unknowns = degree + denominator + 2
    count = 40 * unknowns
    low, high = D(low), D(high)
    grid = [(low + high) / 2 + (high - low) / 2 * cos(PI * (2 * i + 1) / (2 * count)) for i in range(count)]
    values, weights = [f(x) for x in grid], [abs(weight(x)) for x in grid]
    reference = [min(count - 1, (2 * i + 1) * count // (2 * unknowns)) for i in range(unknowns)]
    q = [ONE] + [D(0)] * denominator
    for step in range(60):
        rows = [[grid[i] ** j for j in range(degree + 1)] + [-values[i] * grid[i] ** j for j in range(1, denominator + 1)] +
                [(-1) ** k * horner(q, grid[i]) / weights[i]] for k, i in enumerate(reference)]
        solution = solve(rows, [values[i] for i in reference])
        p, q, level = solution[:degree + 1], [ONE] + solution[degree + 1:-1], abs(solution[-1])
        errors = [w * (v - horner(p, x) / horner(q, x)) for x, v, w in zip(grid, values, weights)]
        peak = max(map(abs, errors))
        if peak < level * D("1.02") and step > 2:
            break
        points = extrema(errors)
        while len(points) > unknowns:
            points.pop(0 if abs(errors[points[0]]) < abs(errors[points[-1]]) else -1)
        if len(points) == unknowns:
            reference = points
    return p, q, peak


def scale_for_rounding(p, q, low, high):
    """P and Q times the common factor with which rounding their coefficients to f32 changes P/Q least."""
    points = [float(low) + (float(high) - float(low)) * (i / 200) ** 2 for i in range(201)]
    exact = [float(horner(p, D(x)) / horner(q, D(x))) for x in points]

    def change(factor):
        rounded = [[to_float(c * factor) for c in coefficients] for coefficients in (p, q)]
        return max(abs(horner_float(rounded[0], x) / horner_float(rounded[1], x) / y - 1) for x, y in zip(points, exact))

    best = min((1 + D(i) / 4096 for i in range(4096)), key=change)
    return [c * best for c in p], [c * best for c in q]


def horner_float(coefficients, x):
    total = 0.0
    for c in reversed(coefficients):
        total = total * x + c
    return total


def to_float(x):
    return struct.unpack("f", struct.pack("f", float(x)))[0]


def literal(x):
    return float(x).hex() if x else "0"


def array(name, values, single):
    rounded = [literal(to_float(v) if single else v) for v in values]
    return f"inline constexpr double {name}[] = {{{', '.join(rounded)}}};"


def fit(name, comment, f, weight, low, high, degree, single, denominator=0):
    p, q, error = minimax(f, weight, low, high, degree, denominator)
    if denominator:
        p, q = scale_for_rounding(p, q, low, high)
    print(f"\n// {comment} Error 2^{float(error.ln() / LN2):.1f}.")
    print(array(name, p, single))
    if denominator:
        print(array(name + "Denominator", q, single))


def split(name, comment, value, bits, single):
    """`value` as parts of at most `bits` significant bits each (the last one: of the format)."""
    parts, rest = [], value
    for keep in bits:
        exponent = int((abs(rest).ln() / LN2).to_integral_value(rounding="ROUND_FLOOR")) + 1
        unit = D(2) ** (exponent - keep)
        parts.append((rest / unit).to_integral_value() * unit)
        rest -= parts[-1]
    print(f"\n// {comment}")
    print(array(name, parts, single))


def words(name, comment, value, count):
    """The first 64 * count bits of the fraction `value`, eight zero bits before it."""
    bits = int((value * D(2) ** (64 * count - 8)).to_integral_value(rounding="ROUND_FLOOR"))
    print(f"\n// {comment}")
    print(f"inline constexpr uint64_t {name}[] = "
          f"{{{', '.join(hex(bits >> (64 * (count - 1 - i)) & (2**64 - 1)) for i in range(count))}}};")


def exp_tail(r):
    return sum(r ** k / factorial(k + 2) for k in range(40))


def factorial(n):
    return n * factorial(n - 1) if n > 1 else ONE


def log_tail(f):
    """(log(1 + f) - f + f^2 / 2) / f^3"""
    return ((1 + f).ln() - f + f * f / 2) / f ** 3


def atanh_tail(z):
    """(2 atanh(s) - 2 s) / s^3, z = s^2"""
    return sum(2 * z ** k / (2 * k + 3) for k in range(60))


def sin_tail(z):
    r = z.sqrt()
    return (sin(r) - r) / r ** 3


def cos_tail(z):
    return (cos(z.sqrt()) - 1 + z / 2) / z ** 2


def atan_tail(z):
    x = z.sqrt()
    return (atan(x) - x) / x ** 3


def erf_over_x(z):
    return erf(z.sqrt()) / z.sqrt()


def erfc_of_t(t):
    x = ERFC_CENTRE * (1 + t) / (1 - t)
    return (1 + 2 * x) * scaled_erfc(x)


ERFC_CENTRE = D("3.75")
HALF_LN2, QUARTER_PI = D("0.3475"), D("0.7860")
LOG_LOW, LOG_HIGH = HALF.sqrt() - 1, D(2).sqrt() - 1
ATAN_MAX = (D(2).sqrt() - 1) ** 2

HEADER = """\
//===- Coefficients.h - coefficients of the math expansions; printed by coefficients.py -------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Polynomials are listed from the constant term up. "Error" is of the whole function, relative to it, before coefficients
// are rounded to their format.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_KERNEL_MATH_COEFFICIENTS_H
#define TENON_COMPILER_CODEGEN_KERNEL_MATH_COEFFICIENTS_H

#include <cstdint>

namespace tenon::coefficients {"""


def main():
    print(HEADER)
    split("ln2F32", "ln 2: the first part times an integer below 2^9 is exact.", LN2, [15, 24], True)
    split("ln2F64", "ln 2: the first part times an integer below 2^11 is exact.", LN2, [42, 53], False)
    split("halfPiF32", "pi / 2 in parts of 24 bits, subtracted with fma.", PI / 2, [24, 24, 24, 24], True)
    split("halfPiF64", "pi / 2 in parts of 53 bits, subtracted with fma.", PI / 2, [53, 53, 53], False)
    split("log2eF64", "1 / ln 2.", 1 / LN2, [53, 53], False)
    split("log10eF64", "1 / ln 10.", 1 / D(10).ln(), [53, 53], False)
    split("log10of2F64", "log10 2: the first part times an integer below 2^11 is exact.", D(2).log10(), [42, 53], False)
    words("twoOverPi", "The bits of 2 / pi, eight zero bits before them.", 2 / PI, 4)
    for single, name, exp_degree, exp2_degree, sin_degree, cos_degree in ((True, "F32", 4, 5, 2, 2),
                                                                         (False, "F64", 9, 10, 5, 5)):
        fit("exp" + name, "exp(r) = 1 + r + r^2 P(r), |r| <= ln 2 / 2.", exp_tail, lambda r: r * r / r.exp(), -HALF_LN2,
            HALF_LN2, exp_degree, single)
        fit("expm1" + name, "As before, one degree more: relative to expm1, which can be as small as r.", exp_tail,
            lambda r: r, -HALF_LN2, HALF_LN2, exp_degree + 1, single)
        fit("exp2" + name, "2^r = 1 + r P(r), |r| <= 1/2.", lambda r: ((r * LN2).exp() - 1) / r, lambda r: r, -HALF, HALF,
            exp2_degree, single)
        fit("sin" + name, "sin(r) = r + r^3 P(r^2), |r| <= pi / 4.", sin_tail, lambda z: z, 0, QUARTER_PI ** 2, sin_degree,
            single)
        fit("cos" + name, "cos(r) = 1 - r^2 / 2 + r^4 P(r^2), |r| <= pi / 4.", cos_tail, lambda z: z * z, 0,
            QUARTER_PI ** 2, cos_degree, single)
    fit("logF32", "log(1 + f) = f - f^2 / 2 + f^3 P(f), 1 + f in [sqrt 1/2, sqrt 2].", log_tail, lambda f: f * f, LOG_LOW,
        LOG_HIGH, 8, True)
    fit("logF64", "log(1 + f) = 2 s + s^3 P(s^2), s = f / (2 + f), the same range.", atanh_tail, lambda z: z / 2, 0,
        (LOG_HIGH / (2 + LOG_HIGH)) ** 2, 6, False)
    fit("atanF64", "atan(x) = x + x^3 P(x^2), |x| <= tan(pi / 8).", atan_tail, lambda z: z, 0, ATAN_MAX, 11, False)
    fit("erfF32", "erf(x) = x P(x^2) / Q(x^2), |x| <= 3.93.", erf_over_x, lambda z: 1 / erf_over_x(z), 0, D("3.93") ** 2, 6,
        True, 5)
    fit("erfF64", "erf(x) = x P(x^2), |x| <= 1/2.", erf_over_x, lambda z: 1, 0, D("0.25"), 10, False)
    fit("erfcF64", "(1 + 2 x) exp(x^2) erfc(x) = P(t), t = (x - 3.75) / (x + 3.75), x in [1/2, 28].", erfc_of_t,
        lambda t: 1 / erfc_of_t(t), (HALF - ERFC_CENTRE) / (HALF + ERFC_CENTRE), (28 - ERFC_CENTRE) / (28 + ERFC_CENTRE), 21,
        False)
    print("\n} // namespace tenon::coefficients\n\n#endif // TENON_COMPILER_CODEGEN_KERNEL_MATH_COEFFICIENTS_H")


if __name__ == "__main__":
    main()
