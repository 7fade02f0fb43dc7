// RUN: tenon-opt %s -split-input-file -assign-layouts | FileCheck %s

// Tests that a convolution's result and what a kernel makes of it are channels last, and that what is returned is not.
// CHECK-LABEL: func.func @main
// CHECK: tenon.conv {{.*}}tenon.layout = [array<i64: 0, 2, 3, 1>]
// CHECK: tenon.launch @relu ins(%{{.*}}) outs(%{{.*}}) {tenon.layout = [array<i64: 0, 2, 3, 1>]}
// CHECK: tenon.launch @relu
// CHECK-NOT: tenon.layout
module {
  tenon.global @w : tensor<4x4x1x1xf32> weight {record = "data/weights/weight_0"}
  func.func private @relu(%a: tensor<1x4x2x3xf32>, %o: tensor<1x4x2x3xf32>) -> tensor<1x4x2x3xf32> attributes {tenon.kernel}
  func.func @main(%x: tensor<1x4x2x3xf32>) -> tensor<1x4x2x3xf32> {
    %w = tenon.load_global @w : tensor<4x4x1x1xf32>
    %e = tensor.empty() : tensor<1x4x2x3xf32>
    %0 = tenon.conv ins(%x, %w : tensor<1x4x2x3xf32>, tensor<4x4x1x1xf32>) outs(%e : tensor<1x4x2x3xf32>) stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] epilogue [] -> tensor<1x4x2x3xf32>
    %1 = tenon.launch @relu ins(%0 : tensor<1x4x2x3xf32>) outs(%e : tensor<1x4x2x3xf32>) -> tensor<1x4x2x3xf32>
    %2 = tenon.launch @relu ins(%1 : tensor<1x4x2x3xf32>) outs(%e : tensor<1x4x2x3xf32>) -> tensor<1x4x2x3xf32>
    return %2 : tensor<1x4x2x3xf32>
  }
}

// -----

// Tests that attention writes its heads where the permute that joins them reads rows.
// CHECK-LABEL: func.func @main
// CHECK: tenon.attention {{.*}}tenon.layout = [array<i64: 0, 2, 1, 3>]
module {
  func.func @main(%q: tensor<1x2x4x8xf32>) -> tensor<1x4x16xf32> {
    %e = tensor.empty() : tensor<1x2x4x8xf32>
    %0 = tenon.attention ins(%q, %q, %q : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) outs(%e : tensor<1x2x4x8xf32>) scale 1.0 -> tensor<1x2x4x8xf32>
    %1 = tenon.permute %0 [0, 2, 1, 3] : tensor<1x2x4x8xf32> to tensor<1x4x2x8xf32>
    %2 = tenon.reshape %1 : tensor<1x4x2x8xf32> to tensor<1x4x16xf32>
    return %2 : tensor<1x4x16xf32>
  }
}
