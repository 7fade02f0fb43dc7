// RUN: tenon-opt %s --hoist-constants --canonicalize --split-input-file 2>/dev/null | FileCheck %s
// RUN: tenon-opt %s --hoist-constants --split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=WHY

#id1 = affine_map<(d0) -> (d0)>
#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests that what is made of weights is computed in @init, that its intermediate values get no global, and that a view of it
// stays in @main.
// CHECK: tenon.global @[[HOISTED:.*]] : tensor<8xf32> hoisted
// CHECK-NOT: hoisted
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[S:.*]] = tenon.load_global @[[HOISTED]] : tensor<8xf32>
// CHECK-NEXT: %[[B:.*]] = tenon.broadcast %[[S]]
// CHECK-NEXT: return %[[B]]
// CHECK-LABEL: func.func @init()
// CHECK: %[[W:.*]] = tenon.load_global @w
// CHECK: %[[V:.*]] = linalg.generic {{.*}} ins(%[[W]]
// CHECK: math.rsqrt
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[V]]
// CHECK: tenon.store_global %[[R]], @[[HOISTED]]
// CHECK-NEXT: return
tenon.global @w : tensor<8xf32> weight {record = "data/weights/weight_0"}
func.func @main() -> tensor<4x8xf32> {
  %w = tenon.load_global @w : tensor<8xf32>
  %e = tensor.empty() : tensor<8xf32>
  %v = linalg.generic {indexing_maps = [#id1, #id1], iterator_types = ["parallel"]}
      ins(%w : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.rsqrt %a : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  %r = linalg.generic {indexing_maps = [#id1, #id1], iterator_types = ["parallel"]}
      ins(%v : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.negf %a : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  %b = tenon.broadcast %r : tensor<8xf32> to tensor<4x8xf32>
  return %b : tensor<4x8xf32>
}

// -----

#id1 = affine_map<(d0) -> (d0)>

// Tests that state, inputs and fills that start a reduction stay.
// CHECK-LABEL: func.func @main
// CHECK: linalg.fill
// CHECK: linalg.generic
// CHECK-NOT: @init
tenon.global @cache : tensor<8xf32> state
func.func @main() -> tensor<f32> {
  %w = tenon.load_global @cache : tensor<8xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %v = linalg.generic {indexing_maps = [#id1, affine_map<(d0) -> ()>], iterator_types = ["reduction"]}
      ins(%w : tensor<8xf32>) outs(%f : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %v : tensor<f32>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests that a large value made of a small weight stays in @main, and that what it is made of is hoisted.
// CHECK: tenon.global @{{.*}} : tensor<1024xf32> hoisted
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK-LABEL: func.func @init
// CHECK: math.tanh
// WHY: remark: hoist-constants: computed in every run; its result is 4194304 bytes made of 4096
tenon.global @w : tensor<1024xf32> weight {record = "data/weights/weight_0"}
func.func @main() -> tensor<1024x1024xf32> {
  %w = tenon.load_global @w : tensor<1024xf32>
  %e1 = tensor.empty() : tensor<1024xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%w : tensor<1024xf32>) outs(%e1 : tensor<1024xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.tanh %a : f32
    linalg.yield %s : f32
  } -> tensor<1024xf32>
  %e = tensor.empty() : tensor<1024x1024xf32>
  %v = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%t : tensor<1024xf32>) outs(%e : tensor<1024x1024xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.exp %a : f32
    linalg.yield %s : f32
  } -> tensor<1024x1024xf32>
  return %v : tensor<1024x1024xf32>
}

// -----

// Tests that a check of constant indices runs once, at load, and one of inputs in every run.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: tensor<4xi64>
// CHECK: tenon.check_index %[[X]]
// CHECK-NOT: tenon.check_index
// CHECK-LABEL: func.func @init
// CHECK: %[[I:.*]] = tenon.load_global @ids
// CHECK: tenon.check_index %[[I]]
tenon.global @ids : tensor<4xi64> weight {record = "data/constants/ids"}
func.func @main(%x: tensor<4xi64>) -> tensor<4xi64> {
  %c8 = arith.constant 8 : index
  %i = tenon.load_global @ids : tensor<4xi64>
  tenon.check_index %i, %c8, "index" : tensor<4xi64>
  tenon.check_index %x, %c8, "index" : tensor<4xi64>
  return %x : tensor<4xi64>
}

// -----

// Tests that constant matrices are factored, and checked, at load.
// CHECK-LABEL: func.func @main
// CHECK-NOT: tenon.decompose
// CHECK-NOT: tenon.check_info
// CHECK-LABEL: func.func @init
// CHECK: %[[FACTORS:.*]]:2 = tenon.decompose cholesky
// CHECK: tenon.check_info %[[FACTORS]]#1
// CHECK: tenon.store_global %[[FACTORS]]#0
tenon.global @matrix : tensor<3x3xf32> weight {record = "data/weights/matrix"}
func.func @main() -> tensor<3x3xf32> {
  %a = tenon.load_global @matrix : tensor<3x3xf32>
  %l = tensor.empty() : tensor<3x3xf32>
  %i = tensor.empty() : tensor<i32>
  %f:2 = tenon.decompose cholesky ins(%a : tensor<3x3xf32>) outs(%l, %i : tensor<3x3xf32>, tensor<i32>) -> tensor<3x3xf32>, tensor<i32>
  tenon.check_info %f#1, "matrix {1} fails at {0}; pass another" : tensor<i32>
  return %f#0 : tensor<3x3xf32>
}
