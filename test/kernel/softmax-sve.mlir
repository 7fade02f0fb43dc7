// RUN: tenon-opt %s -pass-pipeline='builtin.module(tenon-vectorize-kernels{scalable=true},func.func(tenon-expand-math),tenon-kernels-to-llvm)' \
// RUN:   | mlir-translate --mlir-to-llvmir | llc -mtriple=aarch64 -mattr=+sve2 | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
// Tests that a softmax row is vector-length agnostic machine code: one predicate per tail, fused steps of the exponential, and
// no call.
// CHECK-LABEL: softmax:
// CHECK-NOT: {{[[:space:]]bl[[:space:]]}}
// CHECK-DAG: whilelo
// CHECK-DAG: ld1w
// CHECK-DAG: {{fmla|fmad}}
// CHECK-DAG: fmaxv
// CHECK-NOT: {{[[:space:]]bl[[:space:]]}}
// CHECK: .Lfunc_end
func.func private @softmax(%a: memref<8x100xf32>, %o: memref<8x100xf32>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<8x100xf32> to tensor<8x100xf32>
  %ninf = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %er = tensor.empty() : tensor<8xf32>
  %e = tensor.empty() : tensor<8x100xf32>
  %fm = linalg.fill ins(%ninf : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
  %fs = linalg.fill ins(%zero : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
  %m = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%ta : tensor<8x100xf32>) outs(%fm : tensor<8xf32>) {
  ^bb0(%x: f32, %z: f32):
    %s = arith.maximumf %x, %z : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  %x = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%ta, %m : tensor<8x100xf32>, tensor<8xf32>) outs(%e : tensor<8x100xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %s = arith.subf %x, %y : f32
    %t = math.exp %s : f32
    linalg.yield %t : f32
  } -> tensor<8x100xf32>
  %s = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<8x100xf32>) outs(%fs : tensor<8xf32>) {
  ^bb0(%xx: f32, %z: f32):
    %ss = arith.addf %xx, %z : f32
    linalg.yield %ss : f32
  } -> tensor<8xf32>
  %r = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<8x100xf32>, tensor<8xf32>) outs(%e : tensor<8x100xf32>) {
  ^bb0(%xx: f32, %y: f32, %z: f32):
    %ss = arith.divf %xx, %y : f32
    linalg.yield %ss : f32
  } -> tensor<8x100xf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<8x100xf32>, memref<8x100xf32>) -> ()
  return
}
