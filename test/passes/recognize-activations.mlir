// RUN: tenon-opt %s --recognize-activations --canonicalize --split-input-file 2>/dev/null | FileCheck %s
// RUN: tenon-opt %s --pass-pipeline='builtin.module(func.func(recognize-activations{keep-rounding=false},canonicalize))' --split-input-file 2>/dev/null \
// RUN:   | FileCheck %s --check-prefix=FAST

#id = affine_map<(d0) -> (d0)>

// Tests that GELU as GPT-2 writes it, six ops of the graph, is one activation.
// CHECK-LABEL: @gelu_tanh
// CHECK-SAME: %[[X:.*]]: tensor<64xf32>
// CHECK: linalg.generic {{.*}} ins(%[[X]] : tensor<64xf32>)
// CHECK: tenon.activation gelu_tanh
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @gelu_tanh(%x: tensor<64xf32>) -> tensor<64xf32> {
  %e = tensor.empty() : tensor<64xf32>
  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %three = arith.constant 3.0 : f32
  %k = arith.constant 4.471500e-02 : f32
  %root = arith.constant 0.797884583 : f32
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %t = arith.mulf %p, %half : f32
    linalg.yield %t : f32
  } -> tensor<64xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %t = math.powf %p, %three : f32
    linalg.yield %t : f32
  } -> tensor<64xf32>
  %c = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %b : tensor<64xf32>, tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %q, %k : f32
    %u = arith.addf %p, %t : f32
    linalg.yield %u : f32
  } -> tensor<64xf32>
  %d = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%c : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %t = arith.mulf %p, %root : f32
    %u = tenon.activation tanh %t : f32
    linalg.yield %u : f32
  } -> tensor<64xf32>
  %f = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%d : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %t = arith.addf %p, %one : f32
    linalg.yield %t : f32
  } -> tensor<64xf32>
  %g = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%a, %f : tensor<64xf32>, tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    linalg.yield %t : f32
  } -> tensor<64xf32>
  return %g : tensor<64xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>

// Tests that x * sigmoid(x) is silu...
// CHECK-LABEL: @silu
// CHECK: tenon.activation silu
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @silu(%x: tensor<64xf32>) -> tensor<64xf32> {
  %e = tensor.empty() : tensor<64xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %t = tenon.activation sigmoid %p : f32
    linalg.yield %t : f32
  } -> tensor<64xf32>
  %g = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%a, %x : tensor<64xf32>, tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    linalg.yield %t : f32
  } -> tensor<64xf32>
  return %g : tensor<64xf32>
}

// ...that x * sigmoid(1.702 x), which is close to GELU, is not it...
// CHECK-LABEL: @nearly_gelu
// CHECK: tenon.activation sigmoid
// CHECK: arith.mulf
func.func @nearly_gelu(%x: tensor<64xf32>) -> tensor<64xf32> {
  %e = tensor.empty() : tensor<64xf32>
  %k = arith.constant 1.702 : f32
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %s = arith.mulf %p, %k : f32
    %t = tenon.activation sigmoid %s : f32
    %u = arith.mulf %t, %p : f32
    linalg.yield %u : f32
  } -> tensor<64xf32>
  return %a : tensor<64xf32>
}

// ...and that nothing is recognised where a part has another reader.
// CHECK-LABEL: @sigmoid_is_returned
// CHECK: tenon.activation sigmoid
// CHECK: arith.mulf
func.func @sigmoid_is_returned(%x: tensor<64xf32>) -> (tensor<64xf32>, tensor<64xf32>) {
  %e = tensor.empty() : tensor<64xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %t = tenon.activation sigmoid %p : f32
    linalg.yield %t : f32
  } -> tensor<64xf32>
  %g = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%a, %x : tensor<64xf32>, tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    linalg.yield %t : f32
  } -> tensor<64xf32>
  return %a, %g : tensor<64xf32>, tensor<64xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>

// Tests that a factor which is computed from an input is no constant of a formula.
// CHECK-LABEL: @factor_is_an_input
// CHECK: arith.mulf
func.func @factor_is_an_input(%x: tensor<64xf32>, %n: tensor<i64>) -> tensor<64xf32> {
  %e = tensor.empty() : tensor<64xf32>
  %s = tensor.extract %n[] : tensor<i64>
  %g = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %f = arith.sitofp %s : i64 to f32
    %t = arith.mulf %p, %f : f32
    linalg.yield %t : f32
  } -> tensor<64xf32>
  return %g : tensor<64xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>

// Tests that x * sigmoid(x) stays two ops in bf16, where the sigmoid is rounded; fast numerics make one of them.
// CHECK-LABEL: @half_width
// CHECK: tenon.activation sigmoid
// CHECK: arith.mulf
// FAST-LABEL: @half_width
// FAST: tenon.activation silu
// FAST-NOT: arith.mulf
func.func @half_width(%x: tensor<64xbf16>) -> tensor<64xbf16> {
  %e = tensor.empty() : tensor<64xbf16>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<64xbf16>) outs(%e : tensor<64xbf16>) {
  ^bb0(%p: bf16, %o: bf16):
    %t = tenon.activation sigmoid %p : bf16
    linalg.yield %t : bf16
  } -> tensor<64xbf16>
  %b = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %a : tensor<64xbf16>, tensor<64xbf16>) outs(%e : tensor<64xbf16>) {
  ^bb0(%p: bf16, %q: bf16, %o: bf16):
    %s = arith.extf %p : bf16 to f32
    %t = arith.extf %q : bf16 to f32
    %u = arith.mulf %s, %t : f32
    %v = arith.truncf %u : f32 to bf16
    linalg.yield %v : bf16
  } -> tensor<64xbf16>
  return %b : tensor<64xbf16>
}
