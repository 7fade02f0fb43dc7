// RUN: tenon-opt %s --form-kernels --canonicalize --split-input-file 2>/dev/null | FileCheck %s
// RUN: tenon-opt %s --form-kernels --split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=WHY

#id2 = affine_map<(d0, d1) -> (d0, d1)>
#keep = affine_map<(d0, d1) -> (d0, 0)>

// Tests that softmax is one kernel, whose row scalars and exponentials stay inside, and whose dynamic size is passed on.
// CHECK-LABEL: func.func @softmax
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>
// CHECK: %[[ROWS:.*]] = tensor.dim %[[X]]
// CHECK: %[[INIT:.*]] = tensor.empty(%[[ROWS]])
// CHECK: %[[R:.*]] = tenon.launch @[[KERNEL:.*]] ins(%[[X]] : {{.*}}) outs(%[[INIT]] : {{.*}}) sizes(%[[ROWS]])
// CHECK-NEXT: return %[[R]]
// CHECK: func.func private @[[KERNEL]](%[[IN:.*]]: tensor<?x64xf32>, %[[OUT:.*]]: tensor<?x64xf32>, %[[SIZE:.*]]: index)
// CHECK-SAME: tenon.kernel
// CHECK: linalg.fill
// CHECK: arith.maximumf
// CHECK: arith.subf
// CHECK: linalg.fill
// CHECK: arith.addf
// CHECK: linalg.generic {{.*}} outs(%[[OUT]]
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.divf
func.func @softmax(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>
  %e = tensor.empty(%n) : tensor<?x64xf32>
  %e1 = tensor.empty(%n) : tensor<?x1xf32>
  %inf = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%inf : f32) outs(%e1 : tensor<?x1xf32>) -> tensor<?x1xf32>
  %m = linalg.generic {indexing_maps = [#id2, #keep], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x64xf32>) outs(%f : tensor<?x1xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.maximumf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<?x1xf32>
  %d = linalg.generic {indexing_maps = [#id2, #keep, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%x, %m : tensor<?x64xf32>, tensor<?x1xf32>) outs(%e : tensor<?x64xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.subf %a, %c : f32
    %t = math.exp %s : f32
    linalg.yield %t : f32
  } -> tensor<?x64xf32>
  %g = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x1xf32>) -> tensor<?x1xf32>
  %q = linalg.generic {indexing_maps = [#id2, #keep], iterator_types = ["parallel", "reduction"]}
      ins(%d : tensor<?x64xf32>) outs(%g : tensor<?x1xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<?x1xf32>
  %r = linalg.generic {indexing_maps = [#id2, #keep, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%d, %q : tensor<?x64xf32>, tensor<?x1xf32>) outs(%e : tensor<?x64xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.divf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests that reductions along different dimensions are two kernels, and that equal kernels are one function.
// CHECK-LABEL: func.func @two_directions
// CHECK: tenon.launch @[[ROWS:kernel_addf.*]] ins
// CHECK: tenon.launch @[[COLUMNS:kernel_addf.*]] ins
// CHECK: tenon.launch @[[ROWS]] ins
// CHECK: func.func private @[[ROWS]](
// CHECK: func.func private @[[COLUMNS]](
// CHECK-NOT: func.func
// WHY: remark: form-kernels: starts another kernel than its operand; it reduces other dimensions
func.func @two_directions(%x: tensor<32x64xf32>, %y: tensor<32x64xf32>) -> (tensor<32xf32>, tensor<64xf32>, tensor<32xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<32x64xf32>
  %er = tensor.empty() : tensor<32xf32>
  %ec = tensor.empty() : tensor<64xf32>
  %fr = linalg.fill ins(%zero : f32) outs(%er : tensor<32xf32>) -> tensor<32xf32>
  %fc = linalg.fill ins(%zero : f32) outs(%ec : tensor<64xf32>) -> tensor<64xf32>
  %p = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.exp %a : f32
    linalg.yield %s : f32
  } -> tensor<32x64xf32>
  %r = linalg.generic {indexing_maps = [#id2, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<32x64xf32>) outs(%fr : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<32xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d1)>],
                       iterator_types = ["reduction", "parallel"]}
      ins(%x, %r : tensor<32x64xf32>, tensor<32xf32>) outs(%fc : tensor<64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    %t = arith.addf %s, %b : f32
    linalg.yield %t : f32
  } -> tensor<64xf32>
  %r2 = linalg.generic {indexing_maps = [#id2, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
      ins(%y : tensor<32x64xf32>) outs(%fr : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<32xf32>
  return %r, %c, %r2 : tensor<32xf32>, tensor<64xf32>, tensor<32xf32>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests that pointwise ops with one iteration space are one kernel with as many outputs as are used outside, and that the
// kernel is named after the graph's nodes.
// CHECK-LABEL: func.func @pointwise
// CHECK: %[[R:.*]]:2 = tenon.launch @kernel_gelu_layer_0_scale ins(%{{.*}} : tensor<4x8xf32>) outs({{.*}} : tensor<4x8xf32>, tensor<4x8xf32>)
// CHECK-NEXT: return %[[R]]#0, %[[R]]#1
// CHECK-NOT: tenon.launch
func.func @pointwise(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %e = tensor.empty() : tensor<4x8xf32>
  %p = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = tenon.activation gelu_erf %a : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32> loc("gelu_3")
  %q = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32> loc("Layer.0/scale")
  return %p, %q : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests that a kernel does not wait for a library call that waits for it.
// CHECK-LABEL: func.func @through_a_library_call
// CHECK: tenon.launch
// CHECK: tenon.matmul
// CHECK: tenon.launch
// WHY: it depends on the kernel through 'tenon.matmul'
func.func @through_a_library_call(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %e = tensor.empty() : tensor<8x8xf32>
  %p = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.exp %a : f32
    linalg.yield %s : f32
  } -> tensor<8x8xf32>
  %m = tenon.matmul ins(%p, %x : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) epilogue [] -> tensor<8x8xf32>
  %q = linalg.generic {indexing_maps = [#id2, #id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%p, %m : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.divf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<8x8xf32>
  return %q : tensor<8x8xf32>
}

// -----

// Tests that dimensions of size one leave the loops, and that a gather stays behind the check of its indices.
// CHECK-LABEL: func.func @embedding
// CHECK: tenon.check_index
// CHECK: tenon.launch @kernel_extract
// CHECK: func.func private @kernel_extract
// CHECK: iterator_types = ["parallel", "parallel"]
func.func @embedding(%ids: tensor<1x16xi64>, %table: tensor<100x32xf32>) -> tensor<1x16x32xf32> {
  %c100 = arith.constant 100 : index
  tenon.check_index %ids, %c100, "embedding" : tensor<1x16xi64>
  %e = tensor.empty() : tensor<1x16x32xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%ids : tensor<1x16xi64>) outs(%e : tensor<1x16x32xf32>) {
  ^bb0(%id: i64, %o: f32):
    %row = arith.index_cast %id : i64 to index
    %column = linalg.index 2 : index
    %v = tensor.extract %table[%row, %column] : tensor<100x32xf32>
    linalg.yield %v : f32
  } -> tensor<1x16x32xf32>
  return %r : tensor<1x16x32xf32>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests that what a pointwise op reads through a broadcast is computed inside it where that is cheap...
// CHECK-LABEL: func.func @cheap_producer
// CHECK: tenon.launch
// CHECK-NOT: tenon.launch
// CHECK: return
func.func @cheap_producer(%x: tensor<32x64xf32>, %b: tensor<64xf32>) -> tensor<32x64xf32> {
  %e = tensor.empty() : tensor<32x64xf32>
  %eb = tensor.empty() : tensor<64xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%b : tensor<64xf32>) outs(%eb : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.negf %a : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  %r = linalg.generic {indexing_maps = [#id2, affine_map<(d0, d1) -> (d1)>, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%x, %p : tensor<32x64xf32>, tensor<64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<32x64xf32>
  return %r : tensor<32x64xf32>
}

// ...and that it has its own kernel where it is not.
// CHECK-LABEL: func.func @dear_producer
// CHECK: tenon.launch
// CHECK: tenon.launch
// WHY: it has another iteration space
func.func @dear_producer(%x: tensor<32x64xf32>, %b: tensor<64xf32>) -> tensor<32x64xf32> {
  %e = tensor.empty() : tensor<32x64xf32>
  %eb = tensor.empty() : tensor<64xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%b : tensor<64xf32>) outs(%eb : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.tanh %a : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  %r = linalg.generic {indexing_maps = [#id2, affine_map<(d0, d1) -> (d1)>, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%x, %p : tensor<32x64xf32>, tensor<64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<32x64xf32>
  return %r : tensor<32x64xf32>
}

// -----

// Tests that a whole reduction does not make wide pointwise work serial.
// CHECK-LABEL: func.func @few_units
// CHECK: tenon.launch
// CHECK: tenon.launch
// WHY: it would leave 1 parallel units
func.func @few_units(%x: tensor<1000000xf32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1000000xf32>
  %e0 = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : tensor<1000000xf32>) outs(%e : tensor<1000000xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.exp %a : f32
    linalg.yield %s : f32
  } -> tensor<1000000xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]}
      ins(%p : tensor<1000000xf32>) outs(%f : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}

// -----

// Tests that a tensor of scalars is written by a kernel, which gets the sizes it is made of.
// CHECK-LABEL: func.func @main
// CHECK: %[[SIZE:.*]] = tensor.dim
// CHECK: tenon.launch @[[KERNEL:.*]] ins() outs(%{{.*}} : tensor<i64>) sizes(%[[SIZE]])
// CHECK: func.func private @[[KERNEL]](%{{.*}}: tensor<i64>, %{{.*}}: index) -> tensor<i64>
// CHECK: linalg.generic
func.func @main(%x: tensor<?x3xf32>) -> tensor<i64> {
  %c0 = arith.constant 0 : index
  %size = tensor.dim %x, %c0 : tensor<?x3xf32>
  %number = arith.index_cast %size : index to i64
  %r = tensor.from_elements %number : tensor<i64>
  return %r : tensor<i64>
}

// -----

// Tests that numbers which turned out to be one constant tensor are written by a kernel: a tensor constant has no memory.
// CHECK-LABEL: func.func @known_numbers
// CHECK: tenon.launch @[[KERNEL:.*]] ins() outs
// CHECK: func.func private @[[KERNEL]]
// CHECK-DAG: arith.constant 3 : i64
// CHECK-DAG: arith.constant 7 : i64
// CHECK: linalg.generic
// CHECK: arith.select
func.func @known_numbers() -> tensor<2xi64> {
  %r = arith.constant dense<[3, 7]> : tensor<2xi64>
  return %r : tensor<2xi64>
}
