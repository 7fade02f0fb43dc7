// RUN: tenon-opt %s --group-attention-heads --canonicalize | FileCheck %s

// Tests that heads of keys and values that were repeated are read where they lie, whatever of their sizes is dynamic.
// CHECK-LABEL: @repeated
// CHECK-SAME: %[[Q:[a-z0-9]*]]: tensor<?x8x1x16xf32>, %[[K:[a-z0-9]*]]: tensor<?x2x?x16xf32>, %[[V:[a-z0-9]*]]: tensor<?x2x?x16xf32>
// CHECK-NOT: tenon.broadcast
// CHECK: tenon.attention ins(%[[Q]], %{{.*}}, %{{.*}} : tensor<?x8x1x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
func.func @repeated(%q: tensor<?x8x1x16xf32>, %k: tensor<?x2x?x16xf32>, %v: tensor<?x2x?x16xf32>, %b: index, %s: index) -> tensor<?x8x1x16xf32> {
  %k1 = tenon.reshape %k sizes(%b, %s) : tensor<?x2x?x16xf32> to tensor<?x2x1x?x16xf32>
  %k2 = tenon.broadcast %k1 sizes(%b, %s) : tensor<?x2x1x?x16xf32> to tensor<?x2x4x?x16xf32>
  %k3 = tenon.reshape %k2 sizes(%b, %s) : tensor<?x2x4x?x16xf32> to tensor<?x8x?x16xf32>
  %v1 = tenon.reshape %v sizes(%b, %s) : tensor<?x2x?x16xf32> to tensor<?x2x1x?x16xf32>
  %v2 = tenon.broadcast %v1 sizes(%b, %s) : tensor<?x2x1x?x16xf32> to tensor<?x2x4x?x16xf32>
  %v3 = tenon.reshape %v2 sizes(%b, %s) : tensor<?x2x4x?x16xf32> to tensor<?x8x?x16xf32>
  %e = tensor.empty(%b) : tensor<?x8x1x16xf32>
  %r = tenon.attention ins(%q, %k3, %v3 : tensor<?x8x1x16xf32>, tensor<?x8x?x16xf32>, tensor<?x8x?x16xf32>) outs(%e : tensor<?x8x1x16xf32>) scale 0.25 -> tensor<?x8x1x16xf32>
  return %r : tensor<?x8x1x16xf32>
}

// Tests that heads which alternate (the group is the inner dimension) stay repeated.
// CHECK-LABEL: @alternating
// CHECK: tenon.broadcast
// CHECK: tenon.attention ins({{.*}} : tensor<2x8x1x16xf32>, tensor<2x8x40x16xf32>, tensor<2x8x40x16xf32>)
func.func @alternating(%q: tensor<2x8x1x16xf32>, %k: tensor<2x2x40x16xf32>) -> tensor<2x8x1x16xf32> {
  %k1 = tenon.reshape %k : tensor<2x2x40x16xf32> to tensor<2x1x2x40x16xf32>
  %k2 = tenon.broadcast %k1 : tensor<2x1x2x40x16xf32> to tensor<2x4x2x40x16xf32>
  %k3 = tenon.reshape %k2 : tensor<2x4x2x40x16xf32> to tensor<2x8x40x16xf32>
  %e = tensor.empty() : tensor<2x8x1x16xf32>
  %r = tenon.attention ins(%q, %k3, %k3 : tensor<2x8x1x16xf32>, tensor<2x8x40x16xf32>, tensor<2x8x40x16xf32>) outs(%e : tensor<2x8x1x16xf32>) scale 0.25 -> tensor<2x8x1x16xf32>
  return %r : tensor<2x8x1x16xf32>
}
