// RUN: tenon-opt %s --fold-views-into-generics --split-input-file | FileCheck %s

#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests that a broadcast becomes a map without the added dimension.
// CHECK-DAG: #[[$ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$ROW:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: @broadcast
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>, %[[BIAS:.*]]: tensor<8xf32>
// CHECK-NOT: tenon.broadcast
// CHECK: linalg.generic {indexing_maps = [#[[$ID]], #[[$ROW]], #[[$ID]]]
// CHECK-SAME: ins(%[[X]], %[[BIAS]]
func.func @broadcast(%x: tensor<4x8xf32>, %bias: tensor<8xf32>) -> tensor<4x8xf32> {
  %b = tenon.broadcast %bias : tensor<8xf32> to tensor<4x8xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %r = linalg.generic {indexing_maps = [#id2, #id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests that a permutation and a reshape that adds a dimension of size one become maps.
// CHECK-DAG: #[[$SWAPPED:.*]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-DAG: #[[$UNIT:.*]] = affine_map<(d0, d1) -> (0, d0, d1)>
// CHECK-LABEL: @permute_and_unit_reshape
// CHECK-SAME: %[[X:.*]]: tensor<8x?xf32>, %[[Y:.*]]: tensor<1x?x8xf32>
// CHECK: linalg.generic {indexing_maps = [#[[$SWAPPED]], #[[$UNIT]], #{{.*}}]
// CHECK-SAME: ins(%[[X]], %[[Y]]
func.func @permute_and_unit_reshape(%x: tensor<8x?xf32>, %y: tensor<1x?x8xf32>) -> tensor<?x8xf32> {
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c1 : tensor<8x?xf32>
  %p = tenon.permute %x [1, 0] : tensor<8x?xf32> to tensor<?x8xf32>
  %q = tenon.reshape %y sizes(%n) : tensor<1x?x8xf32> to tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %r = linalg.generic {indexing_maps = [#id2, #id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%p, %q : tensor<?x8xf32>, tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests that a reshape that merges dimensions stays: no map says it.
// CHECK-LABEL: @merging_reshape
// CHECK: tenon.reshape
func.func @merging_reshape(%x: tensor<2x2x8xf32>) -> tensor<4x8xf32> {
  %q = tenon.reshape %x : tensor<2x2x8xf32> to tensor<4x8xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %r = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.negf %a : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// -----

// Tests that a broadcast stays where it alone gives a reduction its length.
// CHECK-LABEL: @broadcast_bounds_a_loop
// CHECK: tenon.broadcast
func.func @broadcast_bounds_a_loop(%x: tensor<4x1xf32>, %init: tensor<4xf32>) -> tensor<4xf32> {
  %b = tenon.broadcast %x : tensor<4x1xf32> to tensor<4x8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%b : tensor<4x8xf32>) outs(%init : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// Tests that a generic which only yields its operand is the operand, or a permutation of it.
// CHECK-LABEL: @identities
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>
// CHECK-NEXT: %[[P:.*]] = tenon.permute %[[X]] [1, 0]
// CHECK-NEXT: return %[[X]], %[[P]]
func.func @identities(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<8x4xf32>) {
  %e = tensor.empty() : tensor<4x8xf32>
  %same = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                          iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<4x8xf32>
  %f = tensor.empty() : tensor<8x4xf32>
  %swapped = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>],
                             iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%f : tensor<8x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<8x4xf32>
  return %same, %swapped : tensor<4x8xf32>, tensor<8x4xf32>
}
