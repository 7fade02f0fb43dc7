// RUN: tenon-opt %s --fuse-epilogues --canonicalize --split-input-file 2>/dev/null | FileCheck %s
// RUN: tenon-opt %s --pass-pipeline='builtin.module(func.func(fuse-epilogues{keep-rounding=false},canonicalize))' --split-input-file 2>/dev/null \
// RUN:   | FileCheck %s --check-prefix=FAST
// RUN: tenon-opt %s --fuse-epilogues --split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=WHY

#id2 = affine_map<(d0, d1) -> (d0, d1)>
#col = affine_map<(d0, d1) -> (d1)>

// Tests that a vector of columns becomes the bias, that an activation, a residual and a factor become steps, and that the
// product waits for the residual.
// CHECK-LABEL: @matmul
// CHECK-SAME: %[[X:[^:]*]]: tensor<4x8xf32>, %[[W:[^:]*]]: tensor<8x16xf32>, %[[B:[^:]*]]: tensor<16xf32>, %[[R:[^:]*]]: tensor<4x16xf32>
// CHECK: %[[LATE:.*]] = linalg.generic
// CHECK: %[[M:.*]] = tenon.matmul ins(%[[X]], %[[W]] : {{.*}}) bias(%[[B]] : tensor<16xf32>) extras(%[[LATE]] : tensor<4x16xf32>)
// CHECK-SAME: epilogue [#tenon.epilogue<activation gelu_erf>, #tenon.epilogue<add>, #tenon.epilogue<scale 5.000000e-01>]
// CHECK-NEXT: return %[[M]]
func.func @matmul(%x: tensor<4x8xf32>, %w: tensor<8x16xf32>, %b: tensor<16xf32>, %r: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %half = arith.constant 0.5 : f32
  %e = tensor.empty() : tensor<4x16xf32>
  %m = tenon.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%e : tensor<4x16xf32>) epilogue [] -> tensor<4x16xf32>
  %v = linalg.generic {indexing_maps = [#col, #id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%b, %m : tensor<16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) {
  ^bb0(%c: f32, %a: f32, %o: f32):
    %s = arith.addf %c, %a : f32
    linalg.yield %s : f32
  } -> tensor<4x16xf32>
  %late = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%r : tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.exp %a : f32
    linalg.yield %s : f32
  } -> tensor<4x16xf32>
  %g = linalg.generic {indexing_maps = [#id2, #id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%v, %late : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = tenon.activation gelu_erf %a : f32
    %t = arith.addf %s, %c : f32
    %u = arith.mulf %t, %half : f32
    linalg.yield %u : f32
  } -> tensor<4x16xf32>
  return %g : tensor<4x16xf32>
}

// -----

#id3 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>

// Tests that the reshape of a linear layer on [B, S, K] moves behind the epilogue, and that the residual is reshaped instead.
// CHECK-LABEL: @across_a_reshape
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x8xf32>, %[[W:[^:]*]]: tensor<8x16xf32>, %[[B:[^:]*]]: tensor<16xf32>, %[[R:[^:]*]]: tensor<2x?x16xf32>
// CHECK: %[[ROWS:.*]] = tensor.dim %[[X]]
// CHECK: %[[FLAT:.*]] = tenon.reshape %[[R]] sizes(%[[ROWS]]) : tensor<2x?x16xf32> to tensor<?x16xf32>
// CHECK: %[[M:.*]] = tenon.matmul {{.*}} extras(%[[FLAT]], %[[B]] : tensor<?x16xf32>, tensor<16xf32>)
// CHECK-SAME: epilogue [#tenon.epilogue<add>, #tenon.epilogue<mul>]
// CHECK: %[[V:.*]] = tenon.reshape %[[M]]
// CHECK-NEXT: return %[[V]]
func.func @across_a_reshape(%x: tensor<?x8xf32>, %w: tensor<8x16xf32>, %b: tensor<16xf32>, %r: tensor<2x?x16xf32>)
    -> tensor<2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %s = tensor.dim %r, %c1 : tensor<2x?x16xf32>
  %e = tensor.empty(%n) : tensor<?x16xf32>
  %m = tenon.matmul ins(%x, %w : tensor<?x8xf32>, tensor<8x16xf32>) outs(%e : tensor<?x16xf32>) epilogue [] -> tensor<?x16xf32>
  %v = tenon.reshape %m sizes(%s) : tensor<?x16xf32> to tensor<2x?x16xf32>
  %e3 = tensor.empty(%s) : tensor<2x?x16xf32>
  %y = linalg.generic {indexing_maps = [#id3, #id3, affine_map<(d0, d1, d2) -> (d2)>, #id3],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%v, %r, %b : tensor<2x?x16xf32>, tensor<2x?x16xf32>, tensor<16xf32>) outs(%e3 : tensor<2x?x16xf32>) {
  ^bb0(%a: f32, %c: f32, %d: f32, %o: f32):
    %t = arith.addf %a, %c : f32
    %u = arith.mulf %t, %d : f32
    linalg.yield %u : f32
  } -> tensor<2x?x16xf32>
  return %y : tensor<2x?x16xf32>
}

// -----

#id4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// Tests that of two convolutions that are added the later one takes the sum and the activation that follows.
// CHECK-LABEL: @residual_block
// CHECK: %[[A:.*]] = tenon.conv
// CHECK-SAME: bias(%{{.*}} : tensor<8xf32>)
// CHECK: %[[C:.*]] = tenon.conv
// CHECK-SAME: extras(%[[A]] : tensor<1x8x4x4xf32>)
// CHECK-SAME: epilogue [#tenon.epilogue<add>, #tenon.epilogue<activation relu>]
// CHECK-NEXT: return %[[C]]
func.func @residual_block(%x: tensor<1x8x4x4xf32>, %w: tensor<8x8x1x1xf32>, %b: tensor<8xf32>) -> tensor<1x8x4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x4x4xf32>
  %a = tenon.conv ins(%x, %w : tensor<1x8x4x4xf32>, tensor<8x8x1x1xf32>) outs(%e : tensor<1x8x4x4xf32>)
      stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] epilogue [] -> tensor<1x8x4x4xf32>
  %v = linalg.generic {indexing_maps = [#id4, affine_map<(d0, d1, d2, d3) -> (d1)>, #id4],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%a, %b : tensor<1x8x4x4xf32>, tensor<8xf32>) outs(%e : tensor<1x8x4x4xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.addf %p, %q : f32
    linalg.yield %t : f32
  } -> tensor<1x8x4x4xf32>
  %c = tenon.conv ins(%x, %w : tensor<1x8x4x4xf32>, tensor<8x8x1x1xf32>) outs(%e : tensor<1x8x4x4xf32>)
      stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] epilogue [] -> tensor<1x8x4x4xf32>
  %s = linalg.generic {indexing_maps = [#id4, #id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %v : tensor<1x8x4x4xf32>, tensor<1x8x4x4xf32>) outs(%e : tensor<1x8x4x4xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.addf %p, %q : f32
    linalg.yield %t : f32
  } -> tensor<1x8x4x4xf32>
  %r = linalg.generic {indexing_maps = [#id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s : tensor<1x8x4x4xf32>) outs(%e : tensor<1x8x4x4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %t = arith.maximumf %p, %zero : f32
    linalg.yield %t : f32
  } -> tensor<1x8x4x4xf32>
  return %r : tensor<1x8x4x4xf32>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests that nothing is fused where the product has another reader...
// CHECK-LABEL: @second_reader
// CHECK: tenon.matmul {{.*}} epilogue []
// CHECK: linalg.generic
func.func @second_reader(%x: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>) {
  %e = tensor.empty() : tensor<8x8xf32>
  %m = tenon.matmul ins(%x, %x : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) epilogue [] -> tensor<8x8xf32>
  %r = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%m : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%p: f32, %o: f32):
    %t = tenon.activation silu %p : f32
    linalg.yield %t : f32
  } -> tensor<8x8xf32>
  return %m, %r : tensor<8x8xf32>, tensor<8x8xf32>
}

// ...where the operand has a value per row...
// CHECK-LABEL: @value_per_row
// CHECK: tenon.matmul {{.*}} epilogue []
// WHY: remark: fuse-epilogues: not fused further; the product is followed by an operand that is broadcast over other dimensions
func.func @value_per_row(%x: tensor<4x8xf32>, %w: tensor<8x16xf32>, %b: tensor<4x1xf32>) -> tensor<4x16xf32> {
  %e = tensor.empty() : tensor<4x16xf32>
  %m = tenon.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%e : tensor<4x16xf32>) epilogue [] -> tensor<4x16xf32>
  %r = linalg.generic {indexing_maps = [#id2, affine_map<(d0, d1) -> (d0, 0)>, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%m, %b : tensor<4x16xf32>, tensor<4x1xf32>) outs(%e : tensor<4x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.addf %p, %q : f32
    linalg.yield %t : f32
  } -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// ...where it is transposed...
// CHECK-LABEL: @transposed
// CHECK: tenon.matmul {{.*}} epilogue []
// WHY: remark: fuse-epilogues: not fused further; the product is followed by a transposed operand
func.func @transposed(%x: tensor<8x8xf32>, %b: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %e = tensor.empty() : tensor<8x8xf32>
  %m = tenon.matmul ins(%x, %x : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) epilogue [] -> tensor<8x8xf32>
  %r = linalg.generic {indexing_maps = [#id2, affine_map<(d0, d1) -> (d1, d0)>, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%m, %b : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.addf %p, %q : f32
    linalg.yield %t : f32
  } -> tensor<8x8xf32>
  return %r : tensor<8x8xf32>
}

// ...and where the op is no step that libraries know.
// CHECK-LABEL: @no_step
// CHECK: tenon.matmul {{.*}} epilogue []
// WHY: remark: fuse-epilogues: not fused further; the product is followed by 'math.sin', which is no epilogue step
func.func @no_step(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %e = tensor.empty() : tensor<8x8xf32>
  %m = tenon.matmul ins(%x, %x : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) epilogue [] -> tensor<8x8xf32>
  %r = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%m : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%p: f32, %o: f32):
    %t = math.sin %p : f32
    linalg.yield %t : f32
  } -> tensor<8x8xf32>
  return %r : tensor<8x8xf32>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests that a product in bf16 takes a ReLU, which gives the same before and after rounding, and no addition: eager rounds the
// product before it adds. Fast numerics take both.
// CHECK-LABEL: @half_width
// CHECK: tenon.matmul {{.*}} epilogue [#tenon.epilogue<activation relu>]
// CHECK: linalg.generic
// CHECK: arith.addf
// WHY: fuse-epilogues: not fused further; the product is rounded to half width before the op that follows
// FAST-LABEL: @half_width
// FAST: tenon.matmul {{.*}} epilogue [#tenon.epilogue<activation relu>, #tenon.epilogue<add>]
// FAST-NOT: linalg.generic
func.func @half_width(%x: tensor<4x8xbf16>, %w: tensor<8x16xbf16>, %r: tensor<4x16xbf16>) -> tensor<4x16xbf16> {
  %zero = arith.constant 0.0 : bf16
  %e = tensor.empty() : tensor<4x16xbf16>
  %m = tenon.matmul ins(%x, %w : tensor<4x8xbf16>, tensor<8x16xbf16>) outs(%e : tensor<4x16xbf16>) epilogue [] -> tensor<4x16xbf16>
  %v = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%m : tensor<4x16xbf16>) outs(%e : tensor<4x16xbf16>) {
  ^bb0(%a: bf16, %o: bf16):
    %s = arith.maximumf %a, %zero : bf16
    linalg.yield %s : bf16
  } -> tensor<4x16xbf16>
  %g = linalg.generic {indexing_maps = [#id2, #id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%v, %r : tensor<4x16xbf16>, tensor<4x16xbf16>) outs(%e : tensor<4x16xbf16>) {
  ^bb0(%a: bf16, %c: bf16, %o: bf16):
    %p = arith.extf %a : bf16 to f32
    %q = arith.extf %c : bf16 to f32
    %s = arith.addf %p, %q : f32
    %t = arith.truncf %s : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<4x16xbf16>
  return %g : tensor<4x16xbf16>
}
