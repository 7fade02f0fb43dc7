// RUN: tenon-opt %s --recognize-attention --canonicalize --split-input-file 2>/dev/null | FileCheck %s

#row = affine_map<(d0, d1, d2) -> (d0, d1)>
#all = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#mask = affine_map<(d0, d1, d2) -> (d1, d2)>

// Tests that softmax(q x k^T * 0.25 + bias) x v is one attention with the bias as its mask.
// CHECK-LABEL: @biased
// CHECK-SAME: %[[Q:.*]]: tensor<4x9x16xf32>, %[[K:.*]]: tensor<4x16x7xf32>, %[[V:.*]]: tensor<4x7x5xf32>, %[[BIAS:.*]]: tensor<9x7xf32>
// CHECK-DAG: %[[HEADS:.*]] = tenon.reshape %[[Q]] : tensor<4x9x16xf32> to tensor<1x4x9x16xf32>
// CHECK-DAG: tenon.permute %[[K]] [0, 2, 1]
// CHECK: %[[R:.*]] = tenon.attention ins(%[[HEADS]]{{.*}}) mask(%[[BIAS]] : tensor<9x7xf32>){{.*}} scale 2.500000e-01 {emptyRowsAreNan = true}
// CHECK-NOT: tenon.matmul
// CHECK: tenon.reshape %[[R]] : tensor<1x4x9x5xf32> to tensor<4x9x5xf32>
func.func @biased(%q: tensor<4x9x16xf32>, %k: tensor<4x16x7xf32>, %v: tensor<4x7x5xf32>, %bias: tensor<9x7xf32>) -> tensor<4x9x5xf32> {
  %quarter = arith.constant 0.25 : f32
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<4x9x7xf32>
  %er = tensor.empty() : tensor<4x9xf32>
  %eo = tensor.empty() : tensor<4x9x5xf32>
  %s = tenon.matmul ins(%q, %k : tensor<4x9x16xf32>, tensor<4x16x7xf32>) outs(%e : tensor<4x9x7xf32>) epilogue [] -> tensor<4x9x7xf32>
  %scaled = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%s : tensor<4x9x7xf32>) outs(%e : tensor<4x9x7xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.mulf %a, %quarter : f32
    linalg.yield %t : f32
  } -> tensor<4x9x7xf32>
  %biased = linalg.generic {indexing_maps = [#all, #mask, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%scaled, %bias : tensor<4x9x7xf32>, tensor<9x7xf32>) outs(%e : tensor<4x9x7xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.addf %a, %b : f32
    linalg.yield %t : f32
  } -> tensor<4x9x7xf32>
  %start = linalg.fill ins(%lowest : f32) outs(%er : tensor<4x9xf32>) -> tensor<4x9xf32>
  %max = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%biased : tensor<4x9x7xf32>) outs(%start : tensor<4x9xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.maximumf %o, %a : f32
    linalg.yield %t : f32
  } -> tensor<4x9xf32>
  %exp = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%biased, %max : tensor<4x9x7xf32>, tensor<4x9xf32>) outs(%e : tensor<4x9x7xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = arith.subf %a, %b : f32
    %t = math.exp %d : f32
    linalg.yield %t : f32
  } -> tensor<4x9x7xf32>
  %none = linalg.fill ins(%zero : f32) outs(%er : tensor<4x9xf32>) -> tensor<4x9xf32>
  %sum = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%exp : tensor<4x9x7xf32>) outs(%none : tensor<4x9xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.addf %o, %a : f32
    linalg.yield %t : f32
  } -> tensor<4x9xf32>
  %weights = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%exp, %sum : tensor<4x9x7xf32>, tensor<4x9xf32>) outs(%e : tensor<4x9x7xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.divf %a, %b : f32
    linalg.yield %t : f32
  } -> tensor<4x9x7xf32>
  %r = tenon.matmul ins(%weights, %v : tensor<4x9x7xf32>, tensor<4x7x5xf32>) outs(%eo : tensor<4x9x5xf32>) epilogue [] -> tensor<4x9x5xf32>
  return %r : tensor<4x9x5xf32>
}

// -----

#row = affine_map<(d0, d1, d2) -> (d0, d1)>
#all = affine_map<(d0, d1, d2) -> (d0, d1, d2)>

// Tests that weights which are a result of their own are computed, and the products stay.
// CHECK-LABEL: @weights_are_returned
// CHECK-COUNT-2: tenon.matmul
// CHECK-NOT: tenon.attention
func.func @weights_are_returned(%q: tensor<4x9x16xf32>, %k: tensor<4x16x7xf32>, %v: tensor<4x7x5xf32>) -> (tensor<4x9x5xf32>, tensor<4x9x7xf32>) {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<4x9x7xf32>
  %er = tensor.empty() : tensor<4x9xf32>
  %eo = tensor.empty() : tensor<4x9x5xf32>
  %s = tenon.matmul ins(%q, %k : tensor<4x9x16xf32>, tensor<4x16x7xf32>) outs(%e : tensor<4x9x7xf32>) epilogue [] -> tensor<4x9x7xf32>
  %start = linalg.fill ins(%lowest : f32) outs(%er : tensor<4x9xf32>) -> tensor<4x9xf32>
  %max = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%s : tensor<4x9x7xf32>) outs(%start : tensor<4x9xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.maximumf %o, %a : f32
    linalg.yield %t : f32
  } -> tensor<4x9xf32>
  %exp = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%s, %max : tensor<4x9x7xf32>, tensor<4x9xf32>) outs(%e : tensor<4x9x7xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = arith.subf %a, %b : f32
    %t = math.exp %d : f32
    linalg.yield %t : f32
  } -> tensor<4x9x7xf32>
  %none = linalg.fill ins(%zero : f32) outs(%er : tensor<4x9xf32>) -> tensor<4x9xf32>
  %sum = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%exp : tensor<4x9x7xf32>) outs(%none : tensor<4x9xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.addf %o, %a : f32
    linalg.yield %t : f32
  } -> tensor<4x9xf32>
  %weights = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%exp, %sum : tensor<4x9x7xf32>, tensor<4x9xf32>) outs(%e : tensor<4x9x7xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.divf %a, %b : f32
    linalg.yield %t : f32
  } -> tensor<4x9x7xf32>
  %r = tenon.matmul ins(%weights, %v : tensor<4x9x7xf32>, tensor<4x7x5xf32>) outs(%eo : tensor<4x9x5xf32>) epilogue [] -> tensor<4x9x5xf32>
  return %r, %weights : tensor<4x9x5xf32>, tensor<4x9x7xf32>
}
