//===- ExpandMathTest.cpp - the expansions against libm ----===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// f32 is compared with libm in f64, f64 with libm in long double (on x86-64, where it is wider). Each function has a
// table row with the bound it states; the worst case found is printed. Sweeps: every `stride`-th bit pattern of f32
// (the stride is a prime, so that all low bits occur), the special values, and the neighbourhood of values where
// formulas change.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "FunctionCompiler.h"

#include <algorithm>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <vector>

using namespace tenon;

namespace {

constexpr int lanes = 16;
constexpr double inf = std::numeric_limits<double>::infinity();

/// A binary format: digits of the mantissa, and exponents as std::numeric_limits counts them.
struct Format {
  const char *name;
  int digits, minExponent, maxExponent;
};
constexpr Format f16{"f16", 11, -13, 16}, bf16{"bf16", 8, -125, 128}, f32{"f32", 24, -125, 128},
    f64{"f64", 53, -1021, 1024};

/// |value - exact| in units in the last place of `scale` in `format`; subnormals share the smallest unit, infinity
/// stands for the first number that is too large.
template <typename Wide> double ulpError(Format format, Wide value, Wide exact, Wide scale) {
  if (std::isnan(exact) || std::isnan(value))
    return std::isnan(exact) && std::isnan(value) ? 0 : inf;
  Wide limit = std::ldexp(Wide(1), format.maxExponent);
  auto bounded = [&](Wide x) { return std::abs(x) < limit ? x : std::copysign(limit, x); };
  int exponent = scale == 0 ? format.minExponent : std::ilogb(bounded(scale)) + 1;
  exponent = std::clamp(exponent, format.minExponent, format.maxExponent);
  return static_cast<double>(std::abs(bounded(value) - bounded(exact)) / std::ldexp(Wide(1), exponent - format.digits));
}

std::vector<float> sweepOfFloats() {
  // TENON_SWEEP_STRIDE=1 takes every float (some minutes a function).
  const char *asked = std::getenv("TENON_SWEEP_STRIDE");
  uint64_t stride = asked ? std::strtoull(asked, nullptr, 10) : 4003;
  std::vector<float> values;
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += stride)
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  return values;
}

/// Special values and the neighbourhoods of the places where formulas, quadrants and results change.
std::vector<float> edges() {
  std::vector<float> centres = {0.0f,
                                0.25f,
                                0.41421357f,
                                0.5f,
                                0.70710677f,
                                0.78539819f,
                                1.0f,
                                1.41421354f,
                                1.57079637f,
                                2.0f,
                                2.414213562f,
                                3.14159274f,
                                3.93f,
                                4.0f,
                                6.28318548f,
                                9.02f,
                                10.0f,
                                17.0f,
                                20.0f,
                                22.0f,
                                28.0f,
                                87.3365479f,
                                88.3762589f,
                                88.7228394f,
                                89.0f,
                                103.972084f,
                                104.0f,
                                126.0f,
                                127.0f,
                                128.0f,
                                149.0f,
                                150.0f,
                                16777216.0f,
                                131072.0f,
                                1e10f,
                                1e20f,
                                3.40282347e38f,
                                1.17549435e-38f,
                                1.40129846e-45f,
                                5.96046448e-8f,
                                2.44140625e-4f};
  std::vector<float> values = {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()};
  for (float centre : centres)
    for (int step = -300; step <= 300; ++step)
      values.push_back(std::bit_cast<float>(std::bit_cast<uint32_t>(centre) + static_cast<uint32_t>(step)));
  for (int k = 1; k < 4000; ++k) // beside multiples of pi/2 sine and cosine are smallest
    values.push_back(static_cast<float>(k * 1.57079632679489661923));
  for (size_t i = 0, count = values.size(); i < count; ++i)
    values.push_back(-values[i]);
  return values;
}

template <typename T> void padToLanes(std::vector<T> &values) {
  while (values.size() % lanes != 0)
    values.push_back(T(1));
}

struct Worst {
  double ulp = 0, at = 0, y = 0, got = 0, exact = 0;

  void take(double error, double x, double y, double value, double reference) {
    if (!(error <= ulp))
      *this = {error, x, y, value, reference};
  }
};

void report(const char *name, Format format, const Worst &worst, double bound) {
  std::printf("%-42s %-5s %8.3f of %4.2f ulp at %-14.8g %-14.8g got %.9g, exactly %.9g\n", name, format.name, worst.ulp,
              bound, worst.at, worst.y, worst.got, worst.exact);
  INFO(name << " at " << worst.at << ", " << worst.y << ": got " << worst.got << ", exactly " << worst.exact);
  CHECK(worst.ulp <= bound);
}

double sigmoidOf(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }

struct Function {
  const char *op;
  double bound; ///< ulp
  double (*exact)(double);
};

// The bounds that Functions.h states.
const Function functionsF32[] = {
    {"math.exp %x", 1.0, [](double x) { return std::exp(x); }},
    {"math.exp2 %x", 1.0, [](double x) { return std::exp2(x); }},
    {"math.expm1 %x", 1.5, [](double x) { return std::expm1(x); }},
    {"math.sinh %x", 0.51, [](double x) { return std::sinh(x); }},
    {"math.cosh %x", 0.51, [](double x) { return std::cosh(x); }},
    {"math.tanh %x", 3.0, [](double x) { return std::tanh(x); }},
    {"math.log %x", 1.0, [](double x) { return std::log(x); }},
    {"math.log2 %x", 0.51, [](double x) { return std::log2(x); }},
    {"math.log10 %x", 0.51, [](double x) { return std::log10(x); }},
    {"math.log1p %x", 1.5, [](double x) { return std::log1p(x); }},
    {"math.asinh %x", 0.51, [](double x) { return std::asinh(x); }},
    {"math.acosh %x", 0.51, [](double x) { return std::acosh(x); }},
    {"math.atanh %x", 0.51, [](double x) { return std::atanh(x); }},
    {"math.sin %x", 2.0, [](double x) { return std::sin(x); }},
    {"math.cos %x", 2.0, [](double x) { return std::cos(x); }},
    {"math.tan %x", 0.51, [](double x) { return std::tan(x); }},
    {"math.atan %x", 0.51, [](double x) { return std::atan(x); }},
    {"math.asin %x", 0.51, [](double x) { return std::asin(x); }},
    {"math.acos %x", 0.51, [](double x) { return std::acos(x); }},
    {"math.erf %x", 6.0, [](double x) { return std::erf(x); }},
    {"math.erfc %x", 0.51, [](double x) { return std::erfc(x); }},
    {"math.rsqrt %x", 1.5, [](double x) { return 1 / std::sqrt(x); }},
};

/// What the unit of an error is taken of.
enum class Scale {
  Result,
  Argument, ///< where it is larger than the result: PyTorch's formula cancels
  Product,  ///< the result, but at least x times the smallest normal: x is multiplied by what may be subnormal
};

struct Activation {
  const char *op;
  double bound; ///< ulp
  Scale scale;
  double (*exact)(double);
};

const Activation activationsF32[] = {
    {"tenon.activation relu %x", 0, Scale::Result, [](double x) { return x < 0 ? 0 : x; }},
    {"tenon.activation gelu_erf %x", 2.5, Scale::Argument,
     [](double x) { return x / 2 * (1 + std::erf(x * std::sqrt(0.5))); }},
    {"tenon.activation gelu_tanh %x", 2.0, Scale::Argument,
     [](double x) { return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x))); }},
    {"tenon.activation sigmoid %x", 2.5, Scale::Result, sigmoidOf},
    {"tenon.activation tanh %x", 3.0, Scale::Result, [](double x) { return std::tanh(x); }},
    {"tenon.activation silu %x", 3.0, Scale::Product, [](double x) { return x * sigmoidOf(x); }},
    {"tenon.activation hardsigmoid %x", 1.5, Scale::Result,
     [](double x) { return std::isnan(x) ? x : std::clamp(x + 3, 0.0, 6.0) / 6; }},
    {"tenon.activation hardswish %x", 2.5, Scale::Result,
     [](double x) { return std::isnan(x) ? x : x * (std::clamp(x + 3, 0.0, 6.0) / 6); }},
    {"tenon.activation leaky_relu %x {alpha = 0.25 : f64}", 0.5, Scale::Result,
     [](double x) { return x > 0 ? x : x * 0.25; }},
    {"tenon.activation elu %x {alpha = 1.5 : f64}", 2.5, Scale::Result,
     [](double x) { return x > 0 ? x : 1.5 * std::expm1(x); }},
    {"tenon.activation clip %x {alpha = -1.0 : f64, beta = 6.0 : f64}", 0, Scale::Result,
     [](double x) { return std::isnan(x) ? x : std::clamp(x, -1.0, 6.0); }},
    {"tenon.activation softplus %x {alpha = 1.0 : f64, beta = 20.0 : f64}", 3.0, Scale::Result,
     [](double x) { return x > 20 ? x : std::log1p(std::exp(x)); }},
    {"tenon.activation softplus %x {alpha = 2.0 : f64, beta = 8.0 : f64}", 3.0, Scale::Result,
     [](double x) { return 2 * x > 8 ? x : std::log1p(std::exp(2 * x)) / 2; }},
    {"tenon.activation mish %x", 5.0, Scale::Product, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
};

struct BinaryFunction {
  const char *op;
  double bound;
  double (*exact)(double, double);
};

const BinaryFunction binaryF32[] = {
    {"math.powf %x, %y", 0.51, [](double x, double y) { return std::pow(x, y); }},
    {"math.atan2 %x, %y", 0.51, [](double y, double x) { return std::atan2(y, x); }},
    {"arith.remf %x, %y", 0, [](double x, double y) { return std::fmod(x, y); }},
};

struct LongFunction {
  const char *op;
  double bound;
  long double (*exact)(long double);
  double largest = inf; ///< |x| up to which the bound holds
};

const LongFunction functionsF64[] = {
    {"math.exp %x", 1.0, [](long double x) { return std::exp(x); }},
    {"math.exp2 %x", 1.0, [](long double x) { return std::exp2(x); }},
    {"math.expm1 %x", 2.0, [](long double x) { return std::expm1(x); }},
    {"math.sinh %x", 2.5, [](long double x) { return std::sinh(x); }},
    {"math.cosh %x", 2.0, [](long double x) { return std::cosh(x); }},
    {"math.tanh %x", 3.0, [](long double x) { return std::tanh(x); }},
    {"math.log %x", 1.0, [](long double x) { return std::log(x); }},
    {"math.log2 %x", 2.0, [](long double x) { return std::log2(x); }},
    {"math.log10 %x", 2.0, [](long double x) { return std::log10(x); }},
    {"math.log1p %x", 2.0, [](long double x) { return std::log1p(x); }},
    {"math.asinh %x", 3.5, [](long double x) { return std::asinh(x); }},
    {"math.acosh %x", 3.5, [](long double x) { return std::acosh(x); }},
    {"math.atanh %x", 3.5, [](long double x) { return std::atanh(x); }},
    {"math.sin %x", 2.0, [](long double x) { return std::sin(x); }, 0x1p40},
    {"math.cos %x", 2.0, [](long double x) { return std::cos(x); }, 0x1p40},
    {"math.tan %x", 3.5, [](long double x) { return std::tan(x); }, 0x1p40},
    {"math.atan %x", 2.0, [](long double x) { return std::atan(x); }},
    {"math.asin %x", 4.0, [](long double x) { return std::asin(x); }},
    {"math.acos %x", 4.0, [](long double x) { return std::acos(x); }},
    {"math.erf %x", 2.5, [](long double x) { return std::erf(x); }},
    {"math.erfc %x", 6.0, [](long double x) { return std::erfc(x); }},
    {"math.rsqrt %x", 1.5, [](long double x) { return 1 / std::sqrt(x); }},
};

template <typename T>
std::vector<T> evaluate(const CompiledFunction &function, const std::vector<T> &x, const std::vector<T> &y = {}) {
  std::vector<T> result(x.size());
  function(x.data(), y.data(), result.data(), static_cast<int64_t>(x.size()));
  return result;
}

/// Checks a unary f32 op on all of `x`.
void checkUnary(const char *op, double bound, Scale scaleOf, double (*exactOf)(double), const std::vector<float> &x,
                int width) {
  std::vector<float> result = evaluate(CompiledFunction(op, "f32", width), x);
  Worst worst;
  for (size_t i = 0; i < x.size(); ++i) {
    double exact = exactOf(x[i]);
    double least = scaleOf == Scale::Argument  ? std::abs(x[i])
                   : scaleOf == Scale::Product ? std::abs(x[i]) * 0x1p-126
                                               : 0;
    double scale = std::isfinite(exact) ? std::max(std::abs(exact), least) : exact;
    worst.take(ulpError<double>(f32, result[i], exact, scale), x[i], 0, result[i], exact);
  }
  report(op, f32, worst, bound);
}

std::vector<float> allFloats() {
  std::vector<float> x = sweepOfFloats(), more = edges();
  x.insert(x.end(), more.begin(), more.end());
  padToLanes(x);
  return x;
}

/// The mantissa of `x` with another exponent.
float withExponent(float x, int exponent) {
  int ignored;
  return std::ldexp(std::frexp(x, &ignored), exponent);
}

/// Bit patterns of all kinds, and the ranges where functions are neither linear nor saturated.
std::vector<double> doubles() {
  std::vector<double> x = {0.0, -0.0, inf, -inf, std::numeric_limits<double>::quiet_NaN(), 1.0, -1.0};
  uint64_t bits = 0;
  for (int i = 0; i < 200000; ++i)
    x.push_back(std::bit_cast<double>(bits += 0x9e3779b97f4a7c15));
  for (double range : {1.0, 4.0, 30.0, 750.0})
    for (int i = -50000; i < 50000; ++i)
      x.push_back(range * (i + 0.61803398875) / 50000);
  padToLanes(x);
  return x;
}

} // namespace

TEST_CASE("f32 functions hold their bounds") {
  std::vector<float> x = allFloats();
  for (const Function &function : functionsF32)
    checkUnary(function.op, function.bound, Scale::Result, function.exact, x, lanes);
}

TEST_CASE("f32 activations hold their bounds") {
  std::vector<float> x = allFloats();
  for (const Activation &activation : activationsF32)
    checkUnary(activation.op, activation.bound, activation.scale, activation.exact, x, lanes);
}

TEST_CASE("scalars go the same way") {
  for (const Function &function : functionsF32)
    checkUnary(function.op, function.bound, Scale::Result, function.exact, edges(), 0);
}

TEST_CASE("zeros keep their sign") {
  std::vector<float> x(lanes, -0.0f);
  for (const char *op : {"sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "expm1", "log1p", "erf"}) {
    INFO(op);
    float result = evaluate(CompiledFunction("math." + std::string(op) + " %x", "f32", lanes), x)[0];
    CHECK(result == 0);
    CHECK(std::signbit(result));
  }
}

TEST_CASE("f32 functions of two operands hold their bounds") {
  std::vector<float> values = {0.0f,
                               0.5f,
                               1.0f,
                               1.5f,
                               2.0f,
                               3.0f,
                               0.33333334f,
                               7.0f,
                               1e-3f,
                               1e10f,
                               3e38f,
                               1e-40f,
                               16777215.0f,
                               16777218.0f,
                               std::numeric_limits<float>::infinity(),
                               std::numeric_limits<float>::quiet_NaN()};
  for (size_t i = 0, count = values.size(); i < count; ++i)
    values.push_back(-values[i]);
  std::vector<float> x, y;
  for (float a : values)
    for (float b : values)
      x.push_back(a), y.push_back(b);
  uint32_t bits = 1;
  for (int i = 0; i < 400000; ++i) { // all kinds, then results in range
    float a = std::bit_cast<float>(bits += 0x9e3779b9), b = std::bit_cast<float>(bits += 0x9e3779b9);
    x.push_back(i % 2 ? a : std::abs(withExponent(a, i % 40 - 20)));
    y.push_back(i % 2 ? b : withExponent(b, i % 9 - 2));
  }
  padToLanes(x), padToLanes(y);
  for (const BinaryFunction &function : binaryF32) {
    std::vector<float> result = evaluate(CompiledFunction(function.op, "f32", lanes), x, y);
    Worst worst;
    for (size_t i = 0; i < x.size(); ++i) {
      double exact = function.exact(x[i], y[i]);
      worst.take(ulpError<double>(f32, result[i], exact, exact), x[i], y[i], result[i], exact);
      if (exact == 0)
        worst.take(std::signbit(exact) == std::signbit(result[i]) ? 0 : inf, x[i], y[i], result[i], exact);
    }
    report(function.op, f32, worst, function.bound);
  }
}

TEST_CASE("f64 functions hold their bounds") {
  if (std::numeric_limits<long double>::digits <= std::numeric_limits<double>::digits)
    SKIP("long double is no wider than double here");
  std::vector<double> x = doubles();
  for (const LongFunction &function : functionsF64) {
    std::vector<double> result = evaluate(CompiledFunction(function.op, "f64", lanes), x);
    Worst worst;
    for (size_t i = 0; i < x.size(); ++i) {
      if (std::isfinite(x[i]) && std::abs(x[i]) > function.largest)
        continue;
      long double exact = function.exact(x[i]);
      worst.take(ulpError<long double>(f64, result[i], exact, exact), x[i], 0, result[i], static_cast<double>(exact));
    }
    report(function.op, f64, worst, function.bound);
  }
}

TEST_CASE("f64 pow holds its bound") {
  if (std::numeric_limits<long double>::digits <= std::numeric_limits<double>::digits)
    SKIP("long double is no wider than double here");
  std::vector<double> values = {0, 0.5, 1, 1.5, 2, 3, 7, 1e-3, 1e10, 1e300, 1e-310, 9007199254740991.0, 0x1p60, 1 + 0x1p-52,
                                1 - 0x1p-53, std::sqrt(0.5), std::sqrt(2.0), inf, std::numeric_limits<double>::quiet_NaN()};
  for (size_t i = 0, count = values.size(); i < count; ++i)
    values.push_back(-values[i]);
  std::vector<double> x, y;
  for (double a : values)
    for (double b : values)
      x.push_back(a), y.push_back(b);
  uint64_t bits = 1;
  auto next = [&] { return bits += 0x9e3779b97f4a7c15; };
  auto fraction = [&] { return static_cast<double>(next() >> 11) * 0x1p-53; };
  for (int i = 0; i < 100000; ++i) { // all kinds; results all over the format; bases near one
    x.push_back(std::bit_cast<double>(next())), y.push_back(std::bit_cast<double>(next()));
    double base = std::ldexp(1 + fraction(), i % 2000 - 1000);
    x.push_back(base), y.push_back(1074 * (2 * fraction() - 1) / std::max(std::abs(std::log2(base)), 0.01));
    x.push_back(1 + std::ldexp(fraction() - 0.5, -(i % 40))), y.push_back(std::ldexp(fraction() - 0.5, i % 50));
  }
  padToLanes(x), padToLanes(y);
  for (int width : {0, lanes}) {
    std::vector<double> result = evaluate(CompiledFunction("math.powf %x, %y", "f64", width), x, y);
    Worst worst;
    for (size_t i = 0; i < x.size(); ++i) {
      long double exact = std::pow(static_cast<long double>(x[i]), static_cast<long double>(y[i]));
      worst.take(ulpError<long double>(f64, result[i], exact, exact), x[i], y[i], result[i], static_cast<double>(exact));
      if (exact == 0)
        worst.take(std::signbit(exact) == std::signbit(result[i]) ? 0 : inf, x[i], y[i], result[i], 0);
    }
    report("math.powf %x, %y", f64, worst, 1.5);
  }
}

TEST_CASE("f64 remainders are exact") {
  std::vector<double> values = {0, 1, 1.5, 3, 7, 1e-3, 1e300, 0x1p52, 0x1p53 - 1, 0x1p53 + 2, 0x1.fffffffffffffp+1023,
                                0x1p-1022, 0x1p-1074, 3 * 0x1p-1074, 0x0.fffffffffffffp-1022, 0x1.8p-1022, inf,
                                std::numeric_limits<double>::quiet_NaN()};
  for (size_t i = 0, count = values.size(); i < count; ++i)
    values.push_back(-values[i]);
  std::vector<double> x, y;
  for (double a : values)
    for (double b : values)
      x.push_back(a), y.push_back(b);
  uint64_t bits = 1;
  auto next = [&] { return bits += 0x9e3779b97f4a7c15; };
  for (int i = 0; i < 100000; ++i) { // all kinds; quotients around the precision; multiples of the divisor
    x.push_back(std::bit_cast<double>(next())), y.push_back(std::bit_cast<double>(next()));
    double divisor = std::ldexp(1 + static_cast<double>(next() >> 11) * 0x1p-53, i % 2000 - 1000);
    x.push_back(std::ldexp(1 + static_cast<double>(next() >> 11) * 0x1p-53, i % 2000 - 1000 + i % 120));
    y.push_back(divisor);
    x.push_back(divisor * (i % 1000)), y.push_back(divisor);
  }
  padToLanes(x), padToLanes(y);
  for (int width : {0, lanes}) {
    std::vector<double> result = evaluate(CompiledFunction("arith.remf %x, %y", "f64", width), x, y);
    Worst worst;
    for (size_t i = 0; i < x.size(); ++i) {
      double exact = std::fmod(x[i], y[i]);
      bool isSame = std::isnan(exact) ? std::isnan(result[i])
                                      : std::bit_cast<uint64_t>(exact) == std::bit_cast<uint64_t>(result[i]);
      worst.take(isSame ? 0 : inf, x[i], y[i], result[i], exact);
    }
    report("arith.remf %x, %y", f64, worst, 0);
  }
}

TEST_CASE("f16 and bf16 are rounded once from f32") {
  struct Narrow {
    Format format;
    double (*widen)(uint16_t);
  };
  const Narrow narrows[] = {
      {f16, [](uint16_t bits) { return static_cast<double>(std::bit_cast<_Float16>(bits)); }},
      {bf16, [](uint16_t bits) { return static_cast<double>(std::bit_cast<float>(uint32_t(bits) << 16)); }},
  };
  std::vector<uint16_t> x(1 << 16);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<uint16_t>(i);
  for (const Narrow &narrow : narrows)
    for (const Function &function : functionsF32) {
      std::vector<uint16_t> result = evaluate(CompiledFunction(function.op, narrow.format.name, lanes), x);
      Worst worst;
      for (size_t i = 0; i < x.size(); ++i) {
        double value = narrow.widen(x[i]), exact = function.exact(value), got = narrow.widen(result[i]);
        bool mayBeFlushed = narrow.format.digits == bf16.digits && std::abs(exact) < 0x1p-126;
        if (mayBeFlushed && got == 0)
          continue;
        worst.take(ulpError(narrow.format, got, exact, exact), value, 0, got, exact);
      }
      report(function.op, narrow.format, worst, 0.501);
    }
}

TEST_CASE("no calls are left on any target") {
  struct Case {
    const char *arch, *cpu, *type, *call;
  };
  const Case cases[] = {
      {"aarch64", "neoverse-v1", "vector<[4]xf32>", "\tbl\t"},
      {"aarch64", "neoverse-n1", "vector<4xf32>", "\tbl\t"},
      {"aarch64", "neoverse-v2", "f32", "\tbl\t"},
      {"aarch64", "neoverse-v2", "vector<[2]xf64>", "\tbl\t"},
      {"aarch64", "neoverse-v2", "vector<[8]xf16>", "\tbl\t"},
      {"x86_64", "generic", "vector<8xf32>", "\tcall"},
      {"x86_64", "znver5", "vector<16xf32>", "\tcall"},
      {"x86_64", "generic", "f32", "\tcall"},
      {"x86_64", "generic", "vector<8xbf16>", "\tcall"},
  };
  for (const Case &c : cases) {
    auto check = [&](const char *op) {
      INFO(op << " on " << c.type << " for " << c.cpu);
      std::string assembly = assemblyOf(op, c.type, c.arch, c.cpu);
      CHECK(assembly.find("apply:") != std::string::npos);
      CHECK(assembly.find(c.call) == std::string::npos);
      for (size_t jump = assembly.find("\tjmp\t"); jump != std::string::npos; jump = assembly.find("\tjmp\t", jump + 1))
        CHECK(assembly.substr(jump + 5, 2) == ".L"); // no tail call
    };
    for (const Function &function : functionsF32)
      check(function.op);
    for (const Activation &activation : activationsF32)
      check(activation.op);
    for (const BinaryFunction &function : binaryF32)
      check(function.op);
  }
}
