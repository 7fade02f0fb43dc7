//===- KernelValuesTest.cpp - kernels compute what plain loops compute ----------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Sizes lie around the vector length (4 and 16 floats here) and its multiples; buffers have guards on both sides. Sums are
// compared with f64 loops; a sum of n floats may be off by n/2 roundings of its absolute terms, blocked sums by far fewer.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "test/kernel/KernelJit.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <limits>

using namespace tenon::test;

namespace {

const char *maps = R"(
#ij = affine_map<(i, j) -> (i, j)>
#ji = affine_map<(i, j) -> (j, i)>
#i = affine_map<(i, j) -> (i)>
#j = affine_map<(i, j) -> (j)>
#i0 = affine_map<(i, j) -> (i, 0)>
#nchw = affine_map<(n, c, h, w) -> (n, c, h, w)>
#nc = affine_map<(n, c, h, w) -> (n, c)>
)";

std::string number(int64_t value) { return std::to_string(value); }

float wave(size_t i) { return std::sin(0.37f * static_cast<float>(i)) * 3.0f; }
float otherWave(size_t i) { return std::cos(0.11f * static_cast<float>(i)) + 0.25f; }

bool isClose(double value, double expected, double tolerance) {
  return std::abs(value - expected) <= tolerance * (1.0 + std::abs(expected));
}

constexpr double epsilon = 1.1920929e-7;

#define VECTOR_BITS GENERATE(128u, 512u)
#define ROW_SIZES GENERATE(1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130, 1000)

} // namespace

TEST_CASE("pointwise kernels handle every tail") {
  unsigned bits = VECTOR_BITS;
  int64_t n = GENERATE(0, 1, 3, 4, 5, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 1024, 1025, 5000);
  JitKernel kernel(substitute(R"(
func.func private @k(%a: memref<$Nxf32>, %b: memref<$Nxf32>, %o: memref<$Nxf32>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<$Nxf32> to tensor<$Nxf32>
  %tb = bufferization.to_tensor %b restrict : memref<$Nxf32> to tensor<$Nxf32>
  %e = tensor.empty() : tensor<$Nxf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                       iterator_types = ["parallel"]}
      ins(%ta, %tb : tensor<$Nxf32>, tensor<$Nxf32>) outs(%e : tensor<$Nxf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %p, %y : f32
    linalg.yield %s : f32
  } -> tensor<$Nxf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<$Nxf32>, memref<$Nxf32>) -> ()
  return
})", {{"N", number(n)}}), bits);
  Buffer<float> a(n, wave), b(n, otherWave), out(n);
  kernel.run({a.data(), b.data(), out.data()}, {}, GENERATE(1, 3));
  REQUIRE(out.guardsHold());
  for (int64_t i = 0; i < n; ++i)
    REQUIRE(out[i] == a[i] * b[i] + b[i]);
}

TEST_CASE("operands broadcast and permute") {
  unsigned bits = VECTOR_BITS;
  int64_t m = GENERATE(1, 3, 17), n = ROW_SIZES;
  JitKernel kernel(substitute(std::string(maps) + R"(
func.func private @k(%a: memref<$Mx$Nxf32>, %row: memref<$Nxf32>, %column: memref<$Mx1xf32>, %t: memref<$Nx$Mxf32>,
                     %o: memref<$Mx$Nxf32>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<$Mx$Nxf32> to tensor<$Mx$Nxf32>
  %tr = bufferization.to_tensor %row restrict : memref<$Nxf32> to tensor<$Nxf32>
  %tc = bufferization.to_tensor %column restrict : memref<$Mx1xf32> to tensor<$Mx1xf32>
  %tt = bufferization.to_tensor %t restrict : memref<$Nx$Mxf32> to tensor<$Nx$Mxf32>
  %e = tensor.empty() : tensor<$Mx$Nxf32>
  %r = linalg.generic {indexing_maps = [#ij, #j, #i0, #ji, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%ta, %tr, %tc, %tt : tensor<$Mx$Nxf32>, tensor<$Nxf32>, tensor<$Mx1xf32>, tensor<$Nx$Mxf32>)
      outs(%e : tensor<$Mx$Nxf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32, %w: f32, %u: f32):
    %p = arith.addf %x, %y : f32
    %q = arith.addf %p, %z : f32
    %s = arith.mulf %q, %w : f32
    linalg.yield %s : f32
  } -> tensor<$Mx$Nxf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<$Mx$Nxf32>, memref<$Mx$Nxf32>) -> ()
  return
})", {{"M", number(m)}, {"N", number(n)}}), bits);
  Buffer<float> a(m * n, wave), row(n, otherWave), column(m, wave), t(n * m, otherWave), out(m * n);
  kernel.run({a.data(), row.data(), column.data(), t.data(), out.data()}, {}, 2);
  REQUIRE(out.guardsHold());
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      REQUIRE(out[i * n + j] == (a[i * n + j] + row[j] + column[i]) * t[j * m + i]);
}

static const char *softmax = R"(
func.func private @k(%a: memref<$Mx$Nxf32>, %o: memref<$Mx$Nxf32>$SIZES) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<$Mx$Nxf32> to tensor<$Mx$Nxf32>
  %low = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %er = tensor.empty($DM) : tensor<$Mxf32>
  %e = tensor.empty($DMN) : tensor<$Mx$Nxf32>
  %fm = linalg.fill ins(%low : f32) outs(%er : tensor<$Mxf32>) -> tensor<$Mxf32>
  %fs = linalg.fill ins(%zero : f32) outs(%er : tensor<$Mxf32>) -> tensor<$Mxf32>
  %max = linalg.generic {indexing_maps = [#ij, #i], iterator_types = ["parallel", "reduction"]}
      ins(%ta : tensor<$Mx$Nxf32>) outs(%fm : tensor<$Mxf32>) {
  ^bb0(%x: f32, %z: f32):
    %s = arith.maximumf %x, %z : f32
    linalg.yield %s : f32
  } -> tensor<$Mxf32>
  %exp = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%ta, %max : tensor<$Mx$Nxf32>, tensor<$Mxf32>) outs(%e : tensor<$Mx$Nxf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %s = arith.subf %x, %y : f32
    %t = math.exp %s : f32
    linalg.yield %t : f32
  } -> tensor<$Mx$Nxf32>
  %sum = linalg.generic {indexing_maps = [#ij, #i], iterator_types = ["parallel", "reduction"]}
      ins(%exp : tensor<$Mx$Nxf32>) outs(%fs : tensor<$Mxf32>) {
  ^bb0(%x: f32, %z: f32):
    %s = arith.addf %x, %z : f32
    linalg.yield %s : f32
  } -> tensor<$Mxf32>
  %r = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%exp, %sum : tensor<$Mx$Nxf32>, tensor<$Mxf32>) outs(%e : tensor<$Mx$Nxf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %s = arith.divf %x, %y : f32
    linalg.yield %s : f32
  } -> tensor<$Mx$Nxf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<$Mx$Nxf32>, memref<$Mx$Nxf32>) -> ()
  return
})";

static void checkSoftmax(const JitKernel &kernel, int64_t m, int64_t n, const std::vector<int64_t> &sizes) {
  Buffer<float> a(m * n, wave), out(m * n);
  kernel.run({a.data(), out.data()}, sizes, 2);
  REQUIRE(out.guardsHold());
  for (int64_t i = 0; i < m; ++i) {
    double sum = 0, max = *std::max_element(&a[i * n], &a[i * n] + n);
    for (int64_t j = 0; j < n; ++j)
      sum += std::exp(a[i * n + j] - max);
    for (int64_t j = 0; j < n; ++j)
      REQUIRE(isClose(out[i * n + j] * sum, std::exp(a[i * n + j] - max), 8 * epsilon));
  }
}

TEST_CASE("softmax over rows of any length") {
  unsigned bits = VECTOR_BITS;
  int64_t m = GENERATE(1, 3), n = ROW_SIZES;
  checkSoftmax(JitKernel(substitute(maps + std::string(softmax), {{"M", number(m)}, {"N", number(n)}, {"SIZES", ""},
                                                                  {"DMN", ""}, {"DM", ""}}),
                         bits),
               m, n, {});
}

TEST_CASE("softmax of dynamic sizes") {
  static JitKernel kernel(substitute(maps + std::string(softmax), {{"M", "?"}, {"N", "?"}, {"SIZES", ", %m: index, %n: index"},
                                                                   {"DMN", "%m, %n"}, {"DM", "%m"}}));
  int64_t m = GENERATE(0, 1, 3), n = ROW_SIZES;
  checkSoftmax(kernel, m, n, {m, n, m, n, m, n}); // the two arguments, then both buffers' sizes
}

TEST_CASE("layer norm computes the row's moments once") {
  unsigned bits = VECTOR_BITS;
  int64_t m = GENERATE(1, 3), n = ROW_SIZES;
  JitKernel kernel(substitute(std::string(maps) + R"(
func.func private @k(%a: memref<$Mx$Nxf32>, %w: memref<$Nxf32>, %o: memref<$Mx$Nxf32>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<$Mx$Nxf32> to tensor<$Mx$Nxf32>
  %tw = bufferization.to_tensor %w restrict : memref<$Nxf32> to tensor<$Nxf32>
  %zero = arith.constant 0.0 : f32
  %er = tensor.empty() : tensor<$Mxf32>
  %e = tensor.empty() : tensor<$Mx$Nxf32>
  %f = linalg.fill ins(%zero : f32) outs(%er : tensor<$Mxf32>) -> tensor<$Mxf32>
  %sum = linalg.generic {indexing_maps = [#ij, #i], iterator_types = ["parallel", "reduction"]}
      ins(%ta : tensor<$Mx$Nxf32>) outs(%f : tensor<$Mxf32>) {
  ^bb0(%x: f32, %z: f32):
    %s = arith.addf %x, %z : f32
    linalg.yield %s : f32
  } -> tensor<$Mxf32>
  %mean = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%sum : tensor<$Mxf32>) outs(%er : tensor<$Mxf32>) {
  ^bb0(%x: f32, %z: f32):
    %n = arith.constant $N.0 : f32
    %s = arith.divf %x, %n : f32
    linalg.yield %s : f32
  } -> tensor<$Mxf32>
  %squares = linalg.generic {indexing_maps = [#ij, #i, #i], iterator_types = ["parallel", "reduction"]}
      ins(%ta, %mean : tensor<$Mx$Nxf32>, tensor<$Mxf32>) outs(%f : tensor<$Mxf32>) {
  ^bb0(%x: f32, %mu: f32, %z: f32):
    %d = arith.subf %x, %mu : f32
    %q = arith.mulf %d, %d : f32
    %s = arith.addf %z, %q : f32
    linalg.yield %s : f32
  } -> tensor<$Mxf32>
  %r = linalg.generic {indexing_maps = [#ij, #i, #i, #j, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%ta, %mean, %squares, %tw : tensor<$Mx$Nxf32>, tensor<$Mxf32>, tensor<$Mxf32>, tensor<$Nxf32>)
      outs(%e : tensor<$Mx$Nxf32>) {
  ^bb0(%x: f32, %mu: f32, %q: f32, %g: f32, %z: f32):
    %n = arith.constant $N.0 : f32
    %eps = arith.constant 1.0e-5 : f32
    %v = arith.divf %q, %n : f32
    %ve = arith.addf %v, %eps : f32
    %rs = math.rsqrt %ve : f32
    %d = arith.subf %x, %mu : f32
    %s = arith.mulf %d, %rs : f32
    %t = arith.mulf %s, %g : f32
    linalg.yield %t : f32
  } -> tensor<$Mx$Nxf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<$Mx$Nxf32>, memref<$Mx$Nxf32>) -> ()
  return
})", {{"M", number(m)}, {"N", number(n)}}), bits);
  Buffer<float> a(m * n, wave), w(n, otherWave), out(m * n);
  kernel.run({a.data(), w.data(), out.data()});
  REQUIRE(out.guardsHold());
  for (int64_t i = 0; i < m; ++i) {
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < n; ++j)
      mean += a[i * n + j] / double(n);
    for (int64_t j = 0; j < n; ++j)
      variance += (a[i * n + j] - mean) * (a[i * n + j] - mean) / double(n);
    double scale = 1 / std::sqrt(variance + 1e-5);
    for (int64_t j = 0; j < n; ++j) // the mean's rounding error grows by the scale
      REQUIRE(isClose(out[i * n + j], (a[i * n + j] - mean) * scale * w[j], (8 + 4 * scale) * epsilon));
  }
}

TEST_CASE("means over height and width, in both layouts") {
  unsigned bits = VECTOR_BITS;
  bool channelsLast = GENERATE(false, true);
  int64_t n = 2, c = GENERATE(1, 3, 16, 17, 40, 200), h = GENERATE(1, 7), w = GENERATE(7, 20);
  std::string type = substitute(channelsLast ? "memref<$Nx$Cx$Hx$Wxf32, strided<[$A, 1, $B, $C]>>" : "memref<$Nx$Cx$Hx$Wxf32>",
                                {{"N", number(n)}, {"A", number(h * w * c)}, {"B", number(w * c)},
                                 {"H", number(h)}, {"W", number(w)}, {"C", number(c)}});
  JitKernel kernel(substitute(std::string(maps) + R"(
func.func private @k(%a: $TYPE, %o: memref<$Nx$Cxf32>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : $TYPE to tensor<$Nx$Cx$Hx$Wxf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<$Nx$Cxf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<$Nx$Cxf32>) -> tensor<$Nx$Cxf32>
  %sum = linalg.generic {indexing_maps = [#nchw, #nc], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%ta : tensor<$Nx$Cx$Hx$Wxf32>) outs(%f : tensor<$Nx$Cxf32>) {
  ^bb0(%x: f32, %z: f32):
    %s = arith.addf %x, %z : f32
    linalg.yield %s : f32
  } -> tensor<$Nx$Cxf32>
  %mean = linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%sum : tensor<$Nx$Cxf32>) outs(%e : tensor<$Nx$Cxf32>) {
  ^bb0(%x: f32, %z: f32):
    %n = arith.constant $SIZE.0 : f32
    %s = arith.divf %x, %n : f32
    linalg.yield %s : f32
  } -> tensor<$Nx$Cxf32>
  bufferization.materialize_in_destination %mean in restrict writable %o : (tensor<$Nx$Cxf32>, memref<$Nx$Cxf32>) -> ()
  return
})", {{"TYPE", type}, {"SIZE", number(h * w)}, {"N", number(n)}, {"C", number(c)}, {"H", number(h)}, {"W", number(w)}}), bits);
  Buffer<float> a(n * c * h * w, wave), out(n * c);
  kernel.run({a.data(), out.data()}, {}, 2);
  REQUIRE(out.guardsHold());
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < c; ++k) {
      double sum = 0;
      for (int64_t s = 0; s < h * w; ++s)
        sum += channelsLast ? a[(i * h * w + s) * c + k] : a[(i * c + k) * h * w + s];
      REQUIRE(isClose(out[i * c + k], sum / double(h * w), h * w * epsilon));
    }
}

TEST_CASE("embedding reads the rows that its indices name") {
  unsigned bits = VECTOR_BITS;
  int64_t t = GENERATE(1, 5), d = ROW_SIZES, v = 11;
  JitKernel kernel(substitute(std::string(maps) + R"(
func.func private @k(%ids: memref<$Txi64>, %table: memref<$Vx$Dxf32>, %o: memref<$Tx$Dxf32>) attributes {tenon.kernel} {
  %ti = bufferization.to_tensor %ids restrict : memref<$Txi64> to tensor<$Txi64>
  %tt = bufferization.to_tensor %table restrict : memref<$Vx$Dxf32> to tensor<$Vx$Dxf32>
  %e = tensor.empty() : tensor<$Tx$Dxf32>
  %r = linalg.generic {indexing_maps = [#i, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%ti : tensor<$Txi64>) outs(%e : tensor<$Tx$Dxf32>) {
  ^bb0(%id: i64, %z: f32):
    %zero = arith.constant 0 : i64
    %size = arith.constant $V : i64
    %negative = arith.cmpi slt, %id, %zero : i64
    %wrapped = arith.addi %id, %size : i64
    %row = arith.select %negative, %wrapped, %id : i64
    %i = arith.index_cast %row : i64 to index
    %j = linalg.index 1 : index
    %s = tensor.extract %tt[%i, %j] : tensor<$Vx$Dxf32>
    linalg.yield %s : f32
  } -> tensor<$Tx$Dxf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<$Tx$Dxf32>, memref<$Tx$Dxf32>) -> ()
  return
})", {{"T", number(t)}, {"V", number(v)}, {"D", number(d)}}), bits);
  Buffer<int64_t> ids(t, [&](size_t i) { return int64_t(i * 7) % v - (i % 2 ? v : 0); });
  Buffer<float> table(v * d, wave), out(t * d);
  kernel.run({ids.data(), table.data(), out.data()});
  REQUIRE(out.guardsHold());
  for (int64_t i = 0; i < t; ++i)
    for (int64_t j = 0; j < d; ++j)
      REQUIRE(out[i * d + j] == table[(ids[i] + (ids[i] < 0 ? v : 0)) * d + j]);
}

TEST_CASE("gathers along the vector dimension") {
  unsigned bits = VECTOR_BITS;
  int64_t n = ROW_SIZES;
  JitKernel kernel(substitute(R"(
#id = affine_map<(i) -> (i)>
func.func private @k(%ids: memref<$Nxi32>, %table: memref<50x3xf32>, %o: memref<$Nxf32>) attributes {tenon.kernel} {
  %ti = bufferization.to_tensor %ids restrict : memref<$Nxi32> to tensor<$Nxi32>
  %tt = bufferization.to_tensor %table restrict : memref<50x3xf32> to tensor<50x3xf32>
  %e = tensor.empty() : tensor<$Nxf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%ti : tensor<$Nxi32>) outs(%e : tensor<$Nxf32>) {
  ^bb0(%id: i32, %z: f32):
    %one = arith.constant 1 : index
    %i = arith.index_cast %id : i32 to index
    %s = tensor.extract %tt[%i, %one] : tensor<50x3xf32>
    %p = linalg.index 0 : index
    %q = arith.index_cast %p : index to i64
    %f = arith.sitofp %q : i64 to f32
    %u = arith.addf %s, %f : f32
    linalg.yield %u : f32
  } -> tensor<$Nxf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<$Nxf32>, memref<$Nxf32>) -> ()
  return
})", {{"N", number(n)}}), bits);
  Buffer<int32_t> ids(n, [](size_t i) { return int32_t(i * 13 % 50); });
  Buffer<float> table(150, wave), out(n);
  kernel.run({ids.data(), table.data(), out.data()});
  REQUIRE(out.guardsHold());
  for (int64_t i = 0; i < n; ++i)
    REQUIRE(out[i] == table[ids[i] * 3 + 1] + float(i));
}

static float fromBF16(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

TEST_CASE("half-width floats compute in f32 and round once") {
  unsigned bits = VECTOR_BITS;
  int64_t n = ROW_SIZES;
  JitKernel kernel(substitute(R"(
#id = affine_map<(i) -> (i)>
func.func private @k(%a: memref<$Nxbf16>, %b: memref<$Nxf16>, %o: memref<$Nxbf16>, %p: memref<$Nxf16>, %m: memref<$Nxi1>)
    attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<$Nxbf16> to tensor<$Nxbf16>
  %tb = bufferization.to_tensor %b restrict : memref<$Nxf16> to tensor<$Nxf16>
  %eo = tensor.empty() : tensor<$Nxbf16>
  %ep = tensor.empty() : tensor<$Nxf16>
  %em = tensor.empty() : tensor<$Nxi1>
  %r:3 = linalg.generic {indexing_maps = [#id, #id, #id, #id, #id], iterator_types = ["parallel"]}
      ins(%ta, %tb : tensor<$Nxbf16>, tensor<$Nxf16>) outs(%eo, %ep, %em : tensor<$Nxbf16>, tensor<$Nxf16>, tensor<$Nxi1>) {
  ^bb0(%x: bf16, %y: f16, %u: bf16, %v: f16, %w: i1):
    %xw = arith.extf %x : bf16 to f32
    %yw = arith.extf %y : f16 to f32
    %s = arith.addf %xw, %yw : f32
    %third = arith.constant 0.3333 : f32
    %t = arith.mulf %s, %third : f32
    %c = arith.cmpf ogt, %t, %third : f32
    %tb16 = arith.truncf %t : f32 to bf16
    %tf16 = arith.truncf %t : f32 to f16
    linalg.yield %tb16, %tf16, %c : bf16, f16, i1
  } -> (tensor<$Nxbf16>, tensor<$Nxf16>, tensor<$Nxi1>)
  bufferization.materialize_in_destination %r#0 in restrict writable %o : (tensor<$Nxbf16>, memref<$Nxbf16>) -> ()
  bufferization.materialize_in_destination %r#1 in restrict writable %p : (tensor<$Nxf16>, memref<$Nxf16>) -> ()
  bufferization.materialize_in_destination %r#2 in restrict writable %m : (tensor<$Nxi1>, memref<$Nxi1>) -> ()
  return
})", {{"N", number(n)}}), bits);
  Buffer<uint16_t> a(n, [](size_t i) { return uint16_t(0x3f00 + i * 37 % 256); }), out(n);
  Buffer<_Float16> b(n, [](size_t i) { return static_cast<_Float16>(wave(i)); }), other(n);
  Buffer<uint8_t> mask(n);
  if (n > 2)
    a[2] = 0x7fc1; // a NaN
  kernel.run({a.data(), b.data(), out.data(), other.data(), mask.data()});
  REQUIRE((out.guardsHold() && other.guardsHold() && mask.guardsHold()));
  for (int64_t i = 0; i < n; ++i) {
    float expected = (fromBF16(a[i]) + static_cast<float>(b[i])) * 0.3333f;
    REQUIRE(mask[i] == (expected > 0.3333f));
    if (i == 2) {
      REQUIRE((std::isnan(fromBF16(out[i])) && std::isnan(static_cast<float>(other[i]))));
      continue;
    }
    REQUIRE(static_cast<float>(other[i]) == static_cast<float>(static_cast<_Float16>(expected)));
    // The nearest of the two bf16 neighbours.
    uint32_t wide;
    std::memcpy(&wide, &expected, sizeof wide);
    float down = fromBF16(uint16_t(wide >> 16)), up = fromBF16(uint16_t((wide >> 16) + 1));
    float nearest = std::abs(expected - down) <= std::abs(up - expected) ? down : up;
    REQUIRE(std::abs(fromBF16(out[i]) - expected) == std::abs(nearest - expected));
  }
}

// Nearest, ties to even, by comparing both neighbours in f64.
static float roundedToBF16(float value) {
  if (!std::isfinite(value))
    return value;
  uint32_t wide;
  std::memcpy(&wide, &value, sizeof wide);
  uint16_t below = uint16_t(wide >> 16), above = uint16_t(below + 1);
  double last = double(value) - fromBF16(below), next = std::ldexp(1.0, std::max(-126, std::ilogb(fromBF16(below))) - 7);
  bool goesUp = std::abs(last) * 2 > next || (std::abs(last) * 2 == next && (below & 1) != 0);
  return fromBF16(goesUp ? above : below);
}

static float roundedToF16(float value) { return static_cast<float>(static_cast<_Float16>(value)); }

TEST_CASE("half-width floats are rounded between fused ops where the model rounds") {
  bool isBF16 = GENERATE(true, false), keepsRounding = GENERATE(true, false);
  unsigned bits = VECTOR_BITS;
  int64_t n = 515;
  JitKernel kernel(substitute(R"(
#id = affine_map<(i) -> (i)>
func.func private @k(%a: memref<$Nxf32>, %b: memref<$Nxf32>, %o: memref<$Nx$T>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<$Nxf32> to tensor<$Nxf32>
  %tb = bufferization.to_tensor %b restrict : memref<$Nxf32> to tensor<$Nxf32>
  %e = tensor.empty() : tensor<$Nx$T>
  %sum = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%ta, %tb : tensor<$Nxf32>, tensor<$Nxf32>) outs(%e : tensor<$Nx$T>) {
  ^bb0(%x: f32, %y: f32, %z: $T):
    %s = arith.addf %x, %y : f32
    %h = arith.truncf %s : f32 to $T
    linalg.yield %h : $T
  } -> tensor<$Nx$T>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%sum, %ta : tensor<$Nx$T>, tensor<$Nxf32>) outs(%e : tensor<$Nx$T>) {
  ^bb0(%x: $T, %y: f32, %z: $T):
    %w = arith.extf %x : $T to f32
    %s = arith.subf %w, %y : f32
    %h = arith.truncf %s : f32 to $T
    linalg.yield %h : $T
  } -> tensor<$Nx$T>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<$Nx$T>, memref<$Nx$T>) -> ()
  return
})", {{"N", number(n)}, {"T", isBF16 ? "bf16" : "f16"}}), bits, keepsRounding);
  Buffer<float> a(n, wave), b(n, otherWave);
  Buffer<uint16_t> out(n);
  auto set = [&](size_t i, float x, float y) { a[i] = x, b[i] = y; };
  set(0, 1.0f, 0.00390625f);       // halfway between two bf16: down to the even one
  set(1, 1.0078125f, 0.00390625f); // halfway: up to the even one
  set(2, 0.0f, 1e-39f);            // subnormal in f32 and bf16
  set(3, 0.0f, 3e-7f);             // subnormal in f16
  set(4, std::numeric_limits<float>::quiet_NaN(), 1.0f);
  set(5, 0.0f, std::numeric_limits<float>::infinity());
  set(6, -0.0f, -0.0f);
  auto rounded = [&](float value) { return isBF16 ? roundedToBF16(value) : roundedToF16(value); };
  kernel.run({a.data(), b.data(), out.data()});
  REQUIRE(out.guardsHold());
  size_t numDifferent = 0;
  for (int64_t i = 0; i < n; ++i) {
    float sum = a[i] + b[i], strict = rounded(rounded(sum) - a[i]), fast = rounded(sum - a[i]);
    _Float16 half;
    std::memcpy(&half, &out[i], sizeof half);
    float actual = isBF16 ? fromBF16(out[i]) : static_cast<float>(half), expected = keepsRounding ? strict : fast;
    CAPTURE(i, a[i], b[i]);
    REQUIRE((actual == expected || (std::isnan(actual) && std::isnan(expected))));
    numDifferent += strict != fast && !std::isnan(strict);
  }
  REQUIRE(numDifferent > 100);
}

TEST_CASE("masks are bytes in memory") {
  int64_t n = ROW_SIZES;
  JitKernel kernel(substitute(R"(
#id = affine_map<(i) -> (i)>
#none = affine_map<(i) -> ()>
func.func private @k(%m: memref<$Nxi1>, %a: memref<$Nxi8>, %o: memref<$Nxi64>, %all: memref<i1>) attributes {tenon.kernel} {
  %tm = bufferization.to_tensor %m restrict : memref<$Nxi1> to tensor<$Nxi1>
  %ta = bufferization.to_tensor %a restrict : memref<$Nxi8> to tensor<$Nxi8>
  %e = tensor.empty() : tensor<$Nxi64>
  %true = arith.constant true
  %e0 = tensor.empty() : tensor<i1>
  %f = linalg.fill ins(%true : i1) outs(%e0 : tensor<i1>) -> tensor<i1>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%tm, %ta : tensor<$Nxi1>, tensor<$Nxi8>) outs(%e : tensor<$Nxi64>) {
  ^bb0(%c: i1, %x: i8, %z: i64):
    %w = arith.extui %x : i8 to i64
    %minus = arith.constant -1 : i64
    %s = arith.select %c, %w, %minus : i64
    linalg.yield %s : i64
  } -> tensor<$Nxi64>
  %every = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]}
      ins(%tm : tensor<$Nxi1>) outs(%f : tensor<i1>) {
  ^bb0(%c: i1, %z: i1):
    %s = arith.andi %c, %z : i1
    linalg.yield %s : i1
  } -> tensor<i1>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<$Nxi64>, memref<$Nxi64>) -> ()
  bufferization.materialize_in_destination %every in restrict writable %all : (tensor<i1>, memref<i1>) -> ()
  return
})", {{"N", number(n)}}));
  for (int64_t cleared : {int64_t(-1), n - 1}) {
    Buffer<uint8_t> mask(n, [&](size_t i) { return int64_t(i) != cleared; }), a(n, [](size_t i) { return uint8_t(i * 31); });
    Buffer<uint8_t> all(1);
    Buffer<int64_t> out(n);
    kernel.run({mask.data(), a.data(), out.data(), all.data()});
    REQUIRE((out.guardsHold() && all.guardsHold()));
    REQUIRE(all[0] == (cleared < 0));
    for (int64_t i = 0; i < n; ++i)
      REQUIRE(out[i] == (mask[i] ? int64_t(a[i]) : -1));
  }
}

TEST_CASE("argmax keeps the first of equals, over rows and over columns") {
  bool overRows = GENERATE(true, false);
  int64_t m = GENERATE(1, 3, 19), n = ROW_SIZES;
  JitKernel kernel(substitute(std::string(maps) + R"(
func.func private @k(%a: memref<$Mx$Nxf32>, %v: memref<$Kxf32>, %o: memref<$Kxi64>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<$Mx$Nxf32> to tensor<$Mx$Nxf32>
  %low = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0 : i64
  %ev = tensor.empty() : tensor<$Kxf32>
  %ei = tensor.empty() : tensor<$Kxi64>
  %fv = linalg.fill ins(%low : f32) outs(%ev : tensor<$Kxf32>) -> tensor<$Kxf32>
  %fi = linalg.fill ins(%zero : i64) outs(%ei : tensor<$Kxi64>) -> tensor<$Kxi64>
  %r:2 = linalg.generic {indexing_maps = [#ij, $MAP, $MAP], iterator_types = [$ITERATORS]}
      ins(%ta : tensor<$Mx$Nxf32>) outs(%fv, %fi : tensor<$Kxf32>, tensor<$Kxi64>) {
  ^bb0(%x: f32, %value: f32, %index: i64):
    %p = linalg.index $DIM : index
    %i = arith.index_cast %p : index to i64
    %c = arith.cmpf ogt, %x, %value : f32
    %s = arith.select %c, %x, %value : f32
    %t = arith.select %c, %i, %index : i64
    linalg.yield %s, %t : f32, i64
  } -> (tensor<$Kxf32>, tensor<$Kxi64>)
  bufferization.materialize_in_destination %r#0 in restrict writable %v : (tensor<$Kxf32>, memref<$Kxf32>) -> ()
  bufferization.materialize_in_destination %r#1 in restrict writable %o : (tensor<$Kxi64>, memref<$Kxi64>) -> ()
  return
})", {{"MAP", overRows ? "#i" : "#j"}, {"ITERATORS", overRows ? "\"parallel\", \"reduction\"" : "\"reduction\", \"parallel\""},
      {"DIM", overRows ? "1" : "0"}, {"K", number(overRows ? m : n)}, {"M", number(m)}, {"N", number(n)}}));
  int64_t kept = overRows ? m : n, length = overRows ? n : m;
  Buffer<float> a(m * n, [](size_t i) { return float(i * 7919 % 23); }), values(kept);
  Buffer<int64_t> out(kept);
  kernel.run({a.data(), values.data(), out.data()});
  REQUIRE((values.guardsHold() && out.guardsHold()));
  for (int64_t k = 0; k < kept; ++k) {
    auto at = [&](int64_t i) { return overRows ? a[k * n + i] : a[i * n + k]; };
    int64_t best = 0;
    for (int64_t i = 1; i < length; ++i)
      best = at(i) > at(best) ? i : best;
    REQUIRE(out[k] == best);
    REQUIRE(values[k] == at(best));
  }
}

TEST_CASE("maximumf keeps NaN from any lane") {
  int64_t n = ROW_SIZES;
  JitKernel kernel(substitute(R"(
func.func private @k(%a: memref<$Nxf32>, %o: memref<f32>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<$Nxf32> to tensor<$Nxf32>
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%low : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%ta : tensor<$Nxf32>) outs(%f : tensor<f32>) {
  ^bb0(%x: f32, %z: f32):
    %s = arith.maximumf %x, %z : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<f32>, memref<f32>) -> ()
  return
})", {{"N", number(n)}}));
  for (int64_t place : {int64_t(-1), int64_t(0), n / 2, n - 1}) {
    Buffer<float> a(n, [](size_t i) { return -1.0f - float(i); }), out(1);
    if (place >= 0)
      a[place] = std::numeric_limits<float>::quiet_NaN();
    kernel.run({a.data(), out.data()});
    REQUIRE(out.guardsHold());
    REQUIRE((place >= 0 ? std::isnan(out[0]) : out[0] == -1.0f));
  }
}

TEST_CASE("dynamic sizes and strides come from the size table") {
  static JitKernel kernel(std::string(maps) + R"(
func.func private @k(%a: memref<?x?xf32, strided<[?, 1]>>, %b: memref<?xf32>, %o: memref<?x?xf32>, %m: index, %n: index)
    attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<?x?xf32, strided<[?, 1]>> to tensor<?x?xf32>
  %tb = bufferization.to_tensor %b restrict : memref<?xf32> to tensor<?xf32>
  %e = tensor.empty(%m, %n) : tensor<?x?xf32>
  %r = linalg.generic {indexing_maps = [#ij, #j, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%ta, %tb : tensor<?x?xf32>, tensor<?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %s = arith.addf %x, %y : f32
    %w = arith.index_cast %n : index to i32
    %f = arith.sitofp %w : i32 to f32
    %t = arith.addf %s, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x?xf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<?x?xf32>, memref<?x?xf32>) -> ()
  return
})");
  int64_t m = GENERATE(0, 1, 3, 17), n = GENERATE(0, 1, 15, 16, 17, 65, 130), pitch = n + 5;
  Buffer<float> a(m * pitch + 1, wave), b(n + 1, otherWave), out(m * n);
  kernel.run({a.data(), b.data(), out.data()}, {m, n, m, n, pitch, n, m, n}, 2);
  REQUIRE(out.guardsHold());
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      REQUIRE(out[i * n + j] == a[i * pitch + j] + b[j] + float(n));
}
