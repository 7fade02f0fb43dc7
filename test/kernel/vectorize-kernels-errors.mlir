// RUN: tenon-opt %s -split-input-file -verify-diagnostics -tenon-vectorize-kernels

#ij = affine_map<(i, j) -> (i, j)>
#ji = affine_map<(i, j) -> (j, i)>

func.func private @both_ways(%a: memref<4x4xf32>, %o: memref<4x4xf32>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<4x4xf32> to tensor<4x4xf32>
  %e = tensor.empty() : tensor<4x4xf32>
  %r = linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%ta : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%x: f32, %z: f32):
    %s = arith.negf %x : f32
    linalg.yield %s : f32
  } -> tensor<4x4xf32>
  %s = linalg.generic {indexing_maps = [#ij, #ji, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%r, %r : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %s = arith.addf %x, %y : f32
    linalg.yield %s : f32
  } -> tensor<4x4xf32>
  // expected-error @below {{two loops walk one dimension of the kernel's domain; split the kernel}}
  bufferization.materialize_in_destination %s in restrict writable %o : (tensor<4x4xf32>, memref<4x4xf32>) -> ()
  return
}

// -----

#shifted = affine_map<(i) -> (i + 1)>
#id = affine_map<(i) -> (i)>

func.func private @shifted(%a: memref<5xf32>, %o: memref<4xf32>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<5xf32> to tensor<5xf32>
  %e = tensor.empty() : tensor<4xf32>
  // expected-error @below {{kernels know dimensions and constant zero}}
  %r = linalg.generic {indexing_maps = [#shifted, #id], iterator_types = ["parallel"]}
      ins(%ta : tensor<5xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%x: f32, %z: f32):
    linalg.yield %x : f32
  } -> tensor<4xf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<4xf32>, memref<4xf32>) -> ()
  return
}
