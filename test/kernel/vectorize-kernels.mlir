// RUN: tenon-opt %s -split-input-file -tenon-vectorize-kernels -canonicalize -cse | FileCheck %s
// RUN: tenon-opt %s -split-input-file -pass-pipeline='builtin.module(tenon-vectorize-kernels{scalable=true},canonicalize,cse)' \
// RUN:   | FileCheck %s --check-prefix=SVE
// RUN: tenon-opt %s -split-input-file -pass-pipeline='builtin.module(tenon-vectorize-kernels{keep-rounding=false},canonicalize,cse)' \
// RUN:   | FileCheck %s --check-prefix=FAST

#ij = affine_map<(i, j) -> (i, j)>
#j = affine_map<(i, j) -> (j)>

// Tests that an operand which repeats per row keeps rows apart, that the main loop is unrolled and that one masked tail ends it.
// CHECK-LABEL: func.func @broadcast_add
// CHECK-SAME: (%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %[[BEGIN:.*]]: index, %[[END:.*]]: index)
// CHECK-SAME: tenon.extent = 8 : i64, tenon.extent_sizes = array<i64>
// CHECK-DAG: %[[A:.*]] = tenon.bind_buffer %{{.*}}[0] : !llvm.ptr -> memref<8000xf32>
// CHECK-DAG: %[[B:.*]] = tenon.bind_buffer %{{.*}}[1] : !llvm.ptr -> memref<1000xf32>
// CHECK: scf.for %{{.*}} = %[[BEGIN]] to %[[END]]
// CHECK:   scf.for %[[J:.*]] = %c0 to %c960 step %c64
// CHECK-COUNT-4: arith.addf {{.*}} : vector<16xf32>
// CHECK:   scf.for %{{.*}} = %c960 to %c992 step %c16
// CHECK-NOT: scf.for
// CHECK:   %[[MASK:.*]] = vector.constant_mask [8] : vector<16xi1>
// CHECK:   vector.maskedstore %{{.*}}, %[[MASK]], %{{.*}}
// SVE-LABEL: func.func @broadcast_add
// SVE: vector.load {{.*}} vector<[4]xf32>
// SVE: %[[MASK:.*]] = vector.create_mask
// SVE: vector.maskedstore %{{.*}}, %[[MASK]], %{{.*}} vector<[4]xf32>
func.func private @broadcast_add(%a: memref<8x1000xf32>, %b: memref<1000xf32>, %o: memref<8x1000xf32>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<8x1000xf32> to tensor<8x1000xf32>
  %tb = bufferization.to_tensor %b restrict : memref<1000xf32> to tensor<1000xf32>
  %e = tensor.empty() : tensor<8x1000xf32>
  %r = linalg.generic {indexing_maps = [#ij, #j, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%ta, %tb : tensor<8x1000xf32>, tensor<1000xf32>) outs(%e : tensor<8x1000xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %s = arith.addf %x, %y : f32
    linalg.yield %s : f32
  } -> tensor<8x1000xf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<8x1000xf32>, memref<8x1000xf32>) -> ()
  return
}

// -----

#nchw = affine_map<(n, c, h, w) -> (n, c, h, w)>
#last = strided<[60, 1, 20, 5]>

// Tests that dimensions which every buffer walks as one become one, whatever their logical order: 2 * 3 * 4 * 5 elements.
// CHECK-LABEL: func.func @channels_last
// CHECK-SAME: tenon.extent = 1 : i64
// CHECK: arith.muli %{{.*}}, %c1024
// CHECK: vector.load %{{.*}} : memref<120xf32>, vector<16xf32>
func.func private @channels_last(%a: memref<2x5x3x4xf32, #last>, %o: memref<2x5x3x4xf32, #last>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<2x5x3x4xf32, #last> to tensor<2x5x3x4xf32>
  %e = tensor.empty() : tensor<2x5x3x4xf32>
  %r = linalg.generic {indexing_maps = [#nchw, #nchw], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%ta : tensor<2x5x3x4xf32>) outs(%e : tensor<2x5x3x4xf32>) {
  ^bb0(%x: f32, %z: f32):
    %s = arith.negf %x : f32
    linalg.yield %s : f32
  } -> tensor<2x5x3x4xf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<2x5x3x4xf32>, memref<2x5x3x4xf32, #last>) -> ()
  return
}

// -----

#nchw = affine_map<(n, c, h, w) -> (n, c, h, w)>
#nc = affine_map<(n, c, h, w) -> (n, c)>
#last = strided<[6272, 1, 896, 128]>

// Tests that channels stay lanes where they are contiguous: one loop over the 49 points, accumulators in vectors, and no
// reduction across lanes.
// CHECK-LABEL: func.func @sum_channels_last
// CHECK: scf.for %{{.*}} = %c0 to %c49 step %c1 iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-COUNT-4: arith.addf {{.*}} : vector<16xf32>
// CHECK-NOT: vector.reduction
func.func private @sum_channels_last(%a: memref<2x128x7x7xf32, #last>, %o: memref<2x128xf32>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<2x128x7x7xf32, #last> to tensor<2x128x7x7xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x128xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x128xf32>) -> tensor<2x128xf32>
  %r = linalg.generic {indexing_maps = [#nchw, #nc], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%ta : tensor<2x128x7x7xf32>) outs(%f : tensor<2x128xf32>) {
  ^bb0(%x: f32, %z: f32):
    %s = arith.addf %x, %z : f32
    linalg.yield %s : f32
  } -> tensor<2x128xf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<2x128xf32>, memref<2x128xf32>) -> ()
  return
}

// -----

#ij = affine_map<(i, j) -> (i, j)>
#i = affine_map<(i, j) -> (i)>

// Tests that a row of a table is loaded, not gathered: only its number varies.
// CHECK-LABEL: func.func @embedding
// CHECK: scf.for %[[UNIT:.*]] =
// CHECK:   %[[ID:.*]] = memref.load %{{.*}}[%[[UNIT]]]
// CHECK:   arith.index_cast %[[ID]]
// CHECK:   scf.for
// CHECK:     vector.load
// CHECK-NOT: vector.gather
// SVE-LABEL: func.func @embedding
// SVE-NOT: vector.gather
func.func private @embedding(%ids: memref<6xi64>, %t: memref<50x768xf32>, %o: memref<6x768xf32>) attributes {tenon.kernel} {
  %ti = bufferization.to_tensor %ids restrict : memref<6xi64> to tensor<6xi64>
  %tt = bufferization.to_tensor %t restrict : memref<50x768xf32> to tensor<50x768xf32>
  %e = tensor.empty() : tensor<6x768xf32>
  %r = linalg.generic {indexing_maps = [#i, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%ti : tensor<6xi64>) outs(%e : tensor<6x768xf32>) {
  ^bb0(%id: i64, %z: f32):
    %row = arith.index_cast %id : i64 to index
    %j = linalg.index 1 : index
    %s = tensor.extract %tt[%row, %j] : tensor<50x768xf32>
    linalg.yield %s : f32
  } -> tensor<6x768xf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<6x768xf32>, memref<6x768xf32>) -> ()
  return
}

// -----

#id = affine_map<(i) -> (i)>

// Tests that bf16 is loaded as the upper half of an f32, and that the output's dynamic size is the extent.
// CHECK-LABEL: func.func @widen
// CHECK-SAME: tenon.extent = 1 : i64, tenon.extent_sizes = array<i64: 2>
// CHECK: tenon.bind_buffer %{{.*}}[0] ({{.*}}) : !llvm.ptr -> memref<?xi16>
// CHECK: vector.load {{.*}} vector<16xi16>
// CHECK: arith.extui {{.*}} : vector<16xi16> to vector<16xi32>
func.func private @widen(%a: memref<?xbf16>, %o: memref<?xf32>, %n: index) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<?xbf16> to tensor<?xbf16>
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%ta : tensor<?xbf16>) outs(%e : tensor<?xf32>) {
  ^bb0(%x: bf16, %z: f32):
    %s = arith.extf %x : bf16 to f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<?xf32>, memref<?xf32>) -> ()
  return
}

// -----

#id = affine_map<(i) -> (i)>

// Tests that a value which the model rounds to f16 is rounded before the next op, and stored without another rounding; and
// that fast numerics round where they store only. The maximum of two f16 is one already.
// CHECK-LABEL: func.func @rounds_between
// CHECK: %[[SUM:.*]] = arith.addf {{.*}} : vector<16xf32>
// CHECK: %[[HALF:.*]] = arith.truncf %[[SUM]] : vector<16xf32> to vector<16xf16>
// CHECK: %[[WIDE:.*]] = arith.extf %[[HALF]] : vector<16xf16> to vector<16xf32>
// CHECK: %[[MAX:.*]] = arith.maximumf %[[WIDE]]
// CHECK: arith.mulf %[[MAX]], %[[MAX]] : vector<16xf32>
// FAST-LABEL: func.func @rounds_between
// FAST: %[[SUM:.*]] = arith.addf {{.*}} : vector<16xf32>
// FAST-NEXT: %[[MAX:.*]] = arith.maximumf %[[SUM]]
// FAST-NEXT: %[[SQUARE:.*]] = arith.mulf %[[MAX]], %[[MAX]] : vector<16xf32>
// FAST-NEXT: arith.truncf %[[SQUARE]]
func.func private @rounds_between(%a: memref<16xf16>, %o: memref<16xf16>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<16xf16> to tensor<16xf16>
  %e = tensor.empty() : tensor<16xf16>
  %zero = arith.constant 0.0 : f16
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%ta : tensor<16xf16>) outs(%e : tensor<16xf16>) {
  ^bb0(%x: f16, %z: f16):
    %w = arith.extf %x : f16 to f32
    %s = arith.addf %w, %w : f32
    %h = arith.truncf %s : f32 to f16
    %m = arith.maximumf %h, %zero : f16
    %v = arith.extf %m : f16 to f32
    %q = arith.mulf %v, %v : f32
    %k = arith.truncf %q : f32 to f16
    linalg.yield %k : f16
  } -> tensor<16xf16>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<16xf16>, memref<16xf16>) -> ()
  return
}

// -----

#id = affine_map<(i) -> (i)>

// Tests that a value which the compiler stores in f16 of its own accord (`contract`) is rounded for memory, and that the op behind
// it in the same kernel gets it as it is.
// CHECK-LABEL: func.func @rounds_in_memory
// CHECK: %[[SUM:.*]] = arith.addf {{.*}} : vector<16xf32>
// CHECK-NOT: arith.extf
// CHECK-DAG: %[[HALF:.*]] = arith.truncf %[[SUM]] : vector<16xf32> to vector<16xf16>
// CHECK-DAG: vector.store %[[HALF]]
// CHECK-DAG: %[[SQUARE:.*]] = arith.mulf %[[SUM]], %[[SUM]] : vector<16xf32>
// CHECK-DAG: vector.store %[[SQUARE]]
func.func private @rounds_in_memory(%a: memref<16xf32>, %h: memref<16xf16>, %o: memref<16xf32>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<16xf32> to tensor<16xf32>
  %eh = tensor.empty() : tensor<16xf16>
  %low = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%ta : tensor<16xf32>) outs(%eh : tensor<16xf16>) {
  ^bb0(%x: f32, %z: f16):
    %s = arith.addf %x, %x : f32
    %t = arith.truncf %s fastmath<contract> : f32 to f16
    linalg.yield %t : f16
  } -> tensor<16xf16>
  %e = tensor.empty() : tensor<16xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%low : tensor<16xf16>) outs(%e : tensor<16xf32>) {
  ^bb0(%x: f16, %z: f32):
    %w = arith.extf %x : f16 to f32
    %q = arith.mulf %w, %w : f32
    linalg.yield %q : f32
  } -> tensor<16xf32>
  bufferization.materialize_in_destination %low in restrict writable %h : (tensor<16xf16>, memref<16xf16>) -> ()
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<16xf32>, memref<16xf32>) -> ()
  return
}

// -----

#ij = affine_map<(i, j) -> (i, j)>

// Tests that every other element of a row is taken from two vectors, the last one of which ends with the last such element;
// the masked tail, and vectors whose length is not known, gather.
// CHECK-LABEL: func.func @every_other
// CHECK: scf.for
// CHECK: %[[FIRST:.*]] = vector.load %[[A:.*]][%[[AT:.*]]] : memref<7999xf32>, vector<16xf32>
// CHECK: %[[NEXT:.*]] = arith.addi %[[AT]], %c15
// CHECK: %[[SECOND:.*]] = vector.load %[[A]][%[[NEXT]]] : memref<7999xf32>, vector<16xf32>
// CHECK: vector.shuffle %[[FIRST]], %[[SECOND]] [0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31]
// CHECK: vector.gather
// SVE-LABEL: func.func @every_other
// SVE-NOT: vector.shuffle
func.func private @every_other(%a: memref<8x500xf32, strided<[1000, 2]>>, %o: memref<8x500xf32>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<8x500xf32, strided<[1000, 2]>> to tensor<8x500xf32>
  %e = tensor.empty() : tensor<8x500xf32>
  %r = linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%ta : tensor<8x500xf32>) outs(%e : tensor<8x500xf32>) {
  ^bb0(%x: f32, %z: f32):
    %s = arith.negf %x : f32
    linalg.yield %s : f32
  } -> tensor<8x500xf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<8x500xf32>, memref<8x500xf32>) -> ()
  return
}

// -----

#i = affine_map<(i) -> (i)>

// Tests that the bits of bf16, which is f32 in registers, are those of its storage.
// CHECK-LABEL: func.func @bits_of_bf16
// CHECK: %[[BITS:.*]] = vector.load {{.*}} vector<16xi16>
// CHECK: arith.addi %[[BITS]], %[[BITS]] : vector<16xi16>
func.func private @bits_of_bf16(%a: memref<160xbf16>, %o: memref<160xi16>) attributes {tenon.kernel} {
  %ta = bufferization.to_tensor %a restrict : memref<160xbf16> to tensor<160xbf16>
  %e = tensor.empty() : tensor<160xi16>
  %r = linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
      ins(%ta : tensor<160xbf16>) outs(%e : tensor<160xi16>) {
  ^bb0(%x: bf16, %z: i16):
    %bits = arith.bitcast %x : bf16 to i16
    %s = arith.addi %bits, %bits : i16
    linalg.yield %s : i16
  } -> tensor<160xi16>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<160xi16>, memref<160xi16>) -> ()
  return
}
