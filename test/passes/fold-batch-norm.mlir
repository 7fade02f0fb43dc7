// RUN: tenon-opt %s --fold-batch-norm --canonicalize --split-input-file 2>/dev/null | FileCheck %s
// RUN: tenon-opt %s --pass-pipeline='builtin.module(func.func(fold-batch-norm{keep-rounding=false},canonicalize))' --split-input-file 2>/dev/null \
// RUN:   | FileCheck %s --check-prefix=FAST
// RUN: tenon-opt %s --fold-batch-norm --split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=WHY

#id4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> (d1)>

// Tests that the scale multiplies the weight along its output channels, and that scale and shift go into the bias.
// CHECK-DAG: #[[$OUT:.*]] = affine_map<(d0, d1, d2, d3) -> (d0)>
// CHECK-LABEL: @conv
// CHECK-DAG: %[[W:.*]] = tenon.load_global @w
// CHECK-DAG: %[[S:.*]] = tenon.load_global @scale
// CHECK-DAG: %[[T:.*]] = tenon.load_global @shift
// CHECK: %[[W2:.*]] = linalg.generic {indexing_maps = [#{{.*}}, #[[$OUT]], #{{.*}}]{{.*}} ins(%[[W]], %[[S]]
// CHECK: arith.mulf
// CHECK: %[[B2:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[S]], %[[T]]
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: %[[C:.*]] = tenon.conv ins(%{{.*}}, %[[W2]] : {{.*}}) bias(%[[B2]] : tensor<16xf32>)
// CHECK-NEXT: return %[[C]]
tenon.global @w : tensor<16x8x1x1xf32> weight {record = "w"}
tenon.global @bias : tensor<16xf32> weight {record = "b"}
tenon.global @scale : tensor<16xf32> weight {record = "s"}
tenon.global @shift : tensor<16xf32> weight {record = "t"}
func.func @conv(%x: tensor<1x8x4x4xf32>) -> tensor<1x16x4x4xf32> {
  %w = tenon.load_global @w : tensor<16x8x1x1xf32>
  %b = tenon.load_global @bias : tensor<16xf32>
  %s = tenon.load_global @scale : tensor<16xf32>
  %t = tenon.load_global @shift : tensor<16xf32>
  %e = tensor.empty() : tensor<1x16x4x4xf32>
  %c = tenon.conv ins(%x, %w : tensor<1x8x4x4xf32>, tensor<16x8x1x1xf32>) bias(%b : tensor<16xf32>)
      outs(%e : tensor<1x16x4x4xf32>) stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] epilogue [] -> tensor<1x16x4x4xf32>
  %y = linalg.generic {indexing_maps = [#id4, #channel, #channel, #id4],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %s, %t : tensor<1x16x4x4xf32>, tensor<16xf32>, tensor<16xf32>) outs(%e : tensor<1x16x4x4xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %a = arith.addf %m, %r : f32
    linalg.yield %a : f32
  } -> tensor<1x16x4x4xf32>
  return %y : tensor<1x16x4x4xf32>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>

// Tests that a matmul takes a scale of its columns, without a bias where there is no shift...
// CHECK-LABEL: @matmul
// CHECK: %[[W2:.*]] = linalg.generic
// CHECK: %[[M:.*]] = tenon.matmul ins(%{{.*}}, %[[W2]] : {{.*}}) outs
// CHECK-NEXT: return %[[M]]
tenon.global @w : tensor<8x16xf32> weight {record = "w"}
tenon.global @scale : tensor<16xf32> weight {record = "s"}
func.func @matmul(%x: tensor<4x8xf32>) -> tensor<4x16xf32> {
  %w = tenon.load_global @w : tensor<8x16xf32>
  %s = tenon.load_global @scale : tensor<16xf32>
  %e = tensor.empty() : tensor<4x16xf32>
  %m = tenon.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%e : tensor<4x16xf32>) epilogue [] -> tensor<4x16xf32>
  %y = linalg.generic {indexing_maps = [#id2, #column, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%m, %s : tensor<4x16xf32>, tensor<16xf32>) outs(%e : tensor<4x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %a = arith.mulf %p, %q : f32
    linalg.yield %a : f32
  } -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

// ...and that it does not where the scale is an input.
// CHECK-LABEL: @scale_is_an_input
// CHECK: tenon.matmul
// CHECK: linalg.generic
// WHY: remark: fold-batch-norm: affine map not folded; the scale or shift is no constant vector of channels
func.func @scale_is_an_input(%x: tensor<4x8xf32>, %s: tensor<16xf32>) -> tensor<4x16xf32> {
  %w = tenon.load_global @w : tensor<8x16xf32>
  %e = tensor.empty() : tensor<4x16xf32>
  %m = tenon.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%e : tensor<4x16xf32>) epilogue [] -> tensor<4x16xf32>
  %y = linalg.generic {indexing_maps = [#id2, #column, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%m, %s : tensor<4x16xf32>, tensor<16xf32>) outs(%e : tensor<4x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %a = arith.mulf %p, %q : f32
    linalg.yield %a : f32
  } -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>

// Tests that weights in bf16 are not scaled, since that would round them again; fast numerics do it.
// CHECK-LABEL: @half_width
// CHECK: %[[W:.*]] = tenon.load_global @w
// CHECK: tenon.matmul ins(%{{.*}}, %[[W]]
// WHY: fold-batch-norm: affine map not folded; the scaled weights would be rounded to half width once more
// FAST-LABEL: @half_width
// FAST: linalg.generic
// FAST: %[[M:.*]] = tenon.matmul
// FAST-NEXT: return %[[M]]
tenon.global @w : tensor<8x16xbf16> weight {record = "w"}
tenon.global @scale : tensor<16xbf16> weight {record = "s"}
func.func @half_width(%x: tensor<4x8xbf16>) -> tensor<4x16xbf16> {
  %w = tenon.load_global @w : tensor<8x16xbf16>
  %s = tenon.load_global @scale : tensor<16xbf16>
  %e = tensor.empty() : tensor<4x16xbf16>
  %m = tenon.matmul ins(%x, %w : tensor<4x8xbf16>, tensor<8x16xbf16>) outs(%e : tensor<4x16xbf16>) epilogue [] -> tensor<4x16xbf16>
  %v = linalg.generic {indexing_maps = [#id2, #column, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%m, %s : tensor<4x16xbf16>, tensor<16xbf16>) outs(%e : tensor<4x16xbf16>) {
  ^bb0(%a: bf16, %c: bf16, %o: bf16):
    %p = arith.extf %a : bf16 to f32
    %q = arith.extf %c : bf16 to f32
    %t = arith.mulf %p, %q : f32
    %u = arith.truncf %t : f32 to bf16
    linalg.yield %u : bf16
  } -> tensor<4x16xbf16>
  return %v : tensor<4x16xbf16>
}
