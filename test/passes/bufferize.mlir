// RUN: tenon-opt %s -split-input-file -bufferize | FileCheck %s

// Tests that a launch writes into the function's output, that its kernel gets memref arguments, and that a weight with
// strides of its own keeps them.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: memref<2x3xf32> {tenon.name = "x"}, %[[Y:.*]]: memref<2x3xf32> {tenon.name = "y"}) {
// CHECK: %[[P:.*]] = tenon.load_global @w : memref<2x3xf32, strided<[1, 2]>>
// CHECK: tenon.launch @kernel_add ins(%[[X]], %[[P]] : {{.*}}) outs(%[[Y]] : memref<2x3xf32>)
// CHECK-NOT: memref.copy
// CHECK: func.func private @kernel_add(%[[IN:.*]]: memref<2x3xf32>, %[[W:.*]]: memref<2x3xf32, strided<[1, 2]>>,
// CHECK-SAME: %[[OUT:.*]]: memref<2x3xf32>)
// CHECK: bufferization.to_tensor %[[IN]]
// CHECK: bufferization.materialize_in_destination %{{.*}} in restrict writable %[[OUT]]
#id = affine_map<(d0, d1) -> (d0, d1)>
module {
  tenon.global @w : tensor<2x3xf32> weight {record = "data/weights/weight_0", strides = array<i64: 1, 2>}
  func.func private @kernel_add(%a: tensor<2x3xf32>, %b: tensor<2x3xf32>, %o: tensor<2x3xf32>) -> tensor<2x3xf32> attributes {tenon.kernel} {
    %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%a, %b : tensor<2x3xf32>, tensor<2x3xf32>) outs(%o : tensor<2x3xf32>) {
    ^bb0(%x: f32, %y: f32, %z: f32):
      %s = arith.addf %x, %y : f32
      linalg.yield %s : f32
    } -> tensor<2x3xf32>
    return %0 : tensor<2x3xf32>
  }
  func.func @main(%x: tensor<2x3xf32> {tenon.name = "x"}) -> (tensor<2x3xf32> {tenon.name = "y"}) {
    %w = tenon.load_global @w : tensor<2x3xf32>
    %e = tensor.empty() : tensor<2x3xf32>
    %r = tenon.launch @kernel_add ins(%x, %w : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
    return %r : tensor<2x3xf32>
  }
}

// -----

// Tests that views are strides: a head split and its permutation cost nothing, a reshape of the permuted value copies.
// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[HEADS:.*]] = memref.reinterpret_cast %{{.*}} to offset: [0], sizes: [1, 2, 4, 8], strides: [64, 8, 16, 1]
// CHECK-DAG: %[[COPY:.*]] = tenon.buffer : memref<1x2x4x8xf32>
// CHECK: memref.copy %[[HEADS]], %[[COPY]]
module {
  func.func @main(%x: tensor<1x4x16xf32>) -> tensor<8x8xf32> {
    %0 = tenon.reshape %x : tensor<1x4x16xf32> to tensor<1x4x2x8xf32>
    %1 = tenon.permute %0 [0, 2, 1, 3] : tensor<1x4x2x8xf32> to tensor<1x2x4x8xf32>
    %2 = tenon.reshape %1 : tensor<1x2x4x8xf32> to tensor<8x8xf32>
    return %2 : tensor<8x8xf32>
  }
}

// -----

// Tests that a library call whose result is returned through a reshape writes the output itself, and that a slice of one
// is an offset.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: memref<6x4xf32>, %[[Y:.*]]: memref<1x2x5xf32>
// CHECK-DAG: %[[OUT:.*]] = memref.reinterpret_cast %[[Y]] to offset: [0], sizes: [2, 5], strides: [5, 1]
// CHECK-DAG: %[[ROWS:.*]] = memref.reinterpret_cast %[[X]] to offset: [8], sizes: [2, 4], strides: [4, 1]
// CHECK: tenon.matmul ins(%[[ROWS]], %{{.*}}) outs(%[[OUT]] : memref<2x5xf32>) epilogue []
// CHECK-NOT: memref.copy
module {
  tenon.global @w : tensor<4x5xf32> weight {record = "data/weights/weight_0"}
  func.func @main(%x: tensor<6x4xf32>) -> tensor<1x2x5xf32> {
    %w = tenon.load_global @w : tensor<4x5xf32>
    %rows = tensor.extract_slice %x[2, 0] [2, 4] [1, 1] : tensor<6x4xf32> to tensor<2x4xf32>
    %e = tensor.empty() : tensor<2x5xf32>
    %r = tenon.matmul ins(%rows, %w : tensor<2x4xf32>, tensor<4x5xf32>) outs(%e : tensor<2x5xf32>) epilogue [] -> tensor<2x5xf32>
    %v = tenon.reshape %r : tensor<2x5xf32> to tensor<1x2x5xf32>
    return %v : tensor<1x2x5xf32>
  }
}

// -----

// Tests that a value with a layout gets its strides, and that an input that is returned is copied.
// CHECK-LABEL: func.func @main
// CHECK: %[[B:.*]] = tenon.buffer : memref<1x8x2x3xf32, strided<[48, 1, 24, 8]>>
// CHECK: tenon.conv {{.*}} outs(%[[B]] :
// CHECK: memref.copy
module {
  tenon.global @w : tensor<8x4x1x1xf32> weight {record = "data/weights/weight_0"}
  func.func @main(%x: tensor<1x4x2x3xf32>) -> (tensor<1x8x2x3xf32>) {
    %w = tenon.load_global @w : tensor<8x4x1x1xf32>
    %e = tensor.empty() : tensor<1x8x2x3xf32>
    %r = tenon.conv ins(%x, %w : tensor<1x4x2x3xf32>, tensor<8x4x1x1xf32>) outs(%e : tensor<1x8x2x3xf32>) stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] epilogue [] {tenon.layout = [array<i64: 0, 2, 3, 1>]} -> tensor<1x8x2x3xf32>
    return %r : tensor<1x8x2x3xf32>
  }
}

// -----

// Tests that state which is updated and stored, and whose old value nothing reads afterwards, is updated in its own memory.
// CHECK-LABEL: func.func @main
// CHECK: %[[STATE:.*]] = tenon.load_global @keys : memref<4x8xf32>
// CHECK-NOT: tenon.buffer
// CHECK: %[[ROW:.*]] = memref.reinterpret_cast %[[STATE]] to offset: [8], sizes: [1, 8]
// CHECK: memref.copy %{{.*}}, %[[ROW]]
// CHECK-NEXT: memref.copy %[[STATE]], %{{.*}}
// CHECK-NEXT: return
module {
  tenon.global @keys : tensor<4x8xf32> state
  func.func @main(%x: tensor<1x8xf32>) -> tensor<4x8xf32> {
    %old = tenon.load_global @keys : tensor<4x8xf32>
    %new = tensor.insert_slice %x into %old[1, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<4x8xf32>
    tenon.store_global %new, @keys : tensor<4x8xf32>
    return %new : tensor<4x8xf32>
  }
}

// -----

// Tests that state whose old value is read after the update is copied first.
// CHECK-LABEL: func.func @main
// CHECK: %[[STATE:.*]] = tenon.load_global @keys : memref<4x8xf32>
// CHECK: %[[OLD:.*]] = tenon.buffer : memref<4x8xf32>
// CHECK: memref.copy %[[STATE]], %[[OLD]]
module {
  tenon.global @keys : tensor<4x8xf32> state
  func.func @main(%x: tensor<1x8xf32>) -> tensor<4x8xf32> {
    %old = tenon.load_global @keys : tensor<4x8xf32>
    %new = tensor.insert_slice %x into %old[1, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<4x8xf32>
    tenon.store_global %new, @keys : tensor<4x8xf32>
    return %old : tensor<4x8xf32>
  }
}

// -----

// Tests that an update which reads a view of the state it changes (a shift) works on a copy.
// CHECK-LABEL: func.func @main
// CHECK: tenon.load_global @keys
// CHECK: tenon.buffer : memref<4x8xf32>
module {
  tenon.global @keys : tensor<4x8xf32> state
  func.func @main() {
    %old = tenon.load_global @keys : tensor<4x8xf32>
    %head = tensor.extract_slice %old[0, 0] [3, 8] [1, 1] : tensor<4x8xf32> to tensor<3x8xf32>
    %new = tensor.insert_slice %head into %old[1, 0] [3, 8] [1, 1] : tensor<3x8xf32> into tensor<4x8xf32>
    tenon.store_global %new, @keys : tensor<4x8xf32>
    return
  }
}

// -----

// Tests that a kernel which reads its state element by element where it writes it works in the state's memory.
// CHECK-LABEL: func.func @main
// CHECK: %[[STATE:.*]] = tenon.load_global @total : memref<8xf32>
// CHECK-NOT: tenon.buffer
// CHECK: tenon.launch @kernel_add ins(%{{.*}}, %[[STATE]] : {{.*}}) outs(%[[STATE]] : memref<8xf32>)
// CHECK-NOT: memref.copy
// CHECK: return
#id = affine_map<(d0) -> (d0)>
module {
  tenon.global @total : tensor<8xf32> state
  func.func private @kernel_add(%a: tensor<8xf32>, %b: tensor<8xf32>, %o: tensor<8xf32>) -> tensor<8xf32> attributes {tenon.kernel} {
    %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%a, %b : tensor<8xf32>, tensor<8xf32>) outs(%o : tensor<8xf32>) {
    ^bb0(%x: f32, %y: f32, %z: f32):
      %s = arith.addf %x, %y : f32
      linalg.yield %s : f32
    } -> tensor<8xf32>
    return %0 : tensor<8xf32>
  }
  func.func @main(%x: tensor<8xf32>) {
    %old = tenon.load_global @total : tensor<8xf32>
    %e = tensor.empty() : tensor<8xf32>
    %new = tenon.launch @kernel_add ins(%x, %old : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
    tenon.store_global %new, @total : tensor<8xf32>
    return
  }
}

// -----

// Tests that a kernel which reads its state at other places than it writes works elsewhere.
// CHECK-LABEL: func.func @main
// CHECK: %[[STATE:.*]] = tenon.load_global @square : memref<4x4xf32>
// CHECK: %[[NEW:.*]] = tenon.buffer : memref<4x4xf32>
// CHECK: tenon.launch @kernel_transpose ins(%[[STATE]] : {{.*}}) outs(%[[NEW]] : memref<4x4xf32>)
// CHECK: memref.copy %[[NEW]], %
#id = affine_map<(d0, d1) -> (d0, d1)>
#swapped = affine_map<(d0, d1) -> (d1, d0)>
module {
  tenon.global @square : tensor<4x4xf32> state
  func.func private @kernel_transpose(%a: tensor<4x4xf32>, %o: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {tenon.kernel} {
    %0 = linalg.generic {indexing_maps = [#swapped, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<4x4xf32>) outs(%o : tensor<4x4xf32>) {
    ^bb0(%x: f32, %z: f32):
      linalg.yield %x : f32
    } -> tensor<4x4xf32>
    return %0 : tensor<4x4xf32>
  }
  func.func @main() {
    %old = tenon.load_global @square : tensor<4x4xf32>
    %e = tensor.empty() : tensor<4x4xf32>
    %new = tenon.launch @kernel_transpose ins(%old : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
    tenon.store_global %new, @square : tensor<4x4xf32>
    return
  }
}

// -----

// Tests that state which is replaced is written by the op that makes its value, once nothing reads the old one any more.
// CHECK-LABEL: func.func @main
// CHECK: %[[STATE:.*]] = tenon.load_global @hidden : memref<2x4xf32>
// CHECK: tenon.matmul {{.*}} outs(%[[STATE]] :
// CHECK-NOT: memref.copy
// CHECK: return
module {
  tenon.global @hidden : tensor<2x4xf32> state
  func.func @main(%x: tensor<2x3xf32>, %w: tensor<3x4xf32>) {
    %e = tensor.empty() : tensor<2x4xf32>
    %new = tenon.matmul ins(%x, %w : tensor<2x3xf32>, tensor<3x4xf32>) outs(%e : tensor<2x4xf32>) epilogue [] -> tensor<2x4xf32>
    tenon.store_global %new, @hidden : tensor<2x4xf32>
    return
  }
}

// -----

// Tests that a loop's values lie in memory made before it: what the body makes of an element is written in place, rows are
// collected where they belong, and values that trade places go through other memory.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: memref<4xf32>, %[[Y:.*]]: memref<4xf32>,
// CHECK: %[[ROWS:.*]] = tenon.buffer : memref<3x4xf32>
// CHECK-DAG: %[[A:.*]] = tenon.buffer : memref<4xf32>
// CHECK-DAG: memref.copy %[[X]], %[[A]]
// CHECK-DAG: %[[B:.*]] = tenon.buffer : memref<4xf32>
// CHECK-DAG: memref.copy %[[Y]], %[[B]]
// CHECK: scf.for %[[I:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK: memref.copy %{{.*}}, %{{.*}} : memref<4xf32> to memref<4xf32, strided<[1], offset: ?>>
// CHECK: %[[OLD_B:.*]] = tenon.buffer
// CHECK: memref.copy %[[B]], %[[OLD_B]]
// CHECK: %[[OLD_A:.*]] = tenon.buffer
// CHECK: memref.copy %[[A]], %[[OLD_A]]
// CHECK: memref.copy %[[OLD_B]], %[[A]]
// CHECK: memref.copy %[[OLD_A]], %[[B]]
// CHECK: }
module {
  func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<3x4xf32>, tensor<4xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %e = tensor.empty() : tensor<3x4xf32>
    %rows, %a, %b = scf.for %i = %c0 to %c3 step %c1 iter_args(%r = %e, %p = %x, %q = %y) -> (tensor<3x4xf32>, tensor<4xf32>, tensor<4xf32>) {
      %n = tensor.insert_slice %p into %r[%i, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<3x4xf32>
      scf.yield %n, %q, %p : tensor<3x4xf32>, tensor<4xf32>, tensor<4xf32>
    }
    return %rows, %b : tensor<3x4xf32>, tensor<4xf32>
  }
}

// -----

// Tests that both branches write into one buffer, and that a loop with a condition reads what it carries in place.
// CHECK-LABEL: func.func @main
// CHECK: %[[R:.*]] = tenon.buffer : memref<4xf32>
// CHECK: scf.if
// CHECK: memref.copy %{{.*}}, %[[R]]
// CHECK: } else {
// CHECK: memref.copy %{{.*}}, %[[R]]
// CHECK: %[[N:.*]] = tenon.buffer : memref<i64>
// CHECK: scf.while : () -> () {
// CHECK: memref.load %[[N]][]
// CHECK: scf.condition(%{{.*}})
// CHECK: } do {
// CHECK: tenon.launch @kernel_next ins(%[[N]] : memref<i64>) outs(%[[N]] : memref<i64>)
// CHECK-NOT: memref.copy
// CHECK: scf.yield
#none = affine_map<() -> ()>
module {
  func.func private @kernel_next(%a: tensor<i64>, %o: tensor<i64>) -> tensor<i64> attributes {tenon.kernel} {
    %0 = linalg.generic {indexing_maps = [#none, #none], iterator_types = []} ins(%a : tensor<i64>) outs(%o : tensor<i64>) {
    ^bb0(%x: i64, %z: i64):
      %s = arith.addi %x, %x : i64
      linalg.yield %s : i64
    } -> tensor<i64>
    return %0 : tensor<i64>
  }
  func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>, %p: tensor<i1>, %n: tensor<i64>) -> (tensor<4xf32>, tensor<i64>) {
    %yes = tensor.extract %p[] : tensor<i1>
    %r = scf.if %yes -> (tensor<4xf32>) {
      scf.yield %x : tensor<4xf32>
    } else {
      scf.yield %y : tensor<4xf32>
    }
    %w = scf.while (%c = %n) : (tensor<i64>) -> tensor<i64> {
      %v = tensor.extract %c[] : tensor<i64>
      %limit = arith.constant 10 : i64
      %more = arith.cmpi slt, %v, %limit : i64
      scf.condition(%more) %c : tensor<i64>
    } do {
    ^bb0(%c: tensor<i64>):
      %e = tensor.empty() : tensor<i64>
      %next = tenon.launch @kernel_next ins(%c : tensor<i64>) outs(%e : tensor<i64>) -> tensor<i64>
      scf.yield %next : tensor<i64>
    }
    return %r, %w : tensor<4xf32>, tensor<i64>
  }
}

// -----

// Tests that a size which a cast makes constant is constant in the memory that a kernel is given.
// CHECK-LABEL: func.func @main
// CHECK: %[[KNOWN:.*]] = memref.reinterpret_cast %{{.*}} to offset: [0], sizes: [2, 3]
// CHECK: tenon.launch @kernel_neg ins(%[[KNOWN]] : memref<2x3xf32{{.*}}>)
#id = affine_map<(d0, d1) -> (d0, d1)>
module {
  func.func private @kernel_neg(%a: tensor<2x3xf32>, %o: tensor<2x3xf32>) -> tensor<2x3xf32> attributes {tenon.kernel} {
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<2x3xf32>) outs(%o : tensor<2x3xf32>) {
    ^bb0(%x: f32, %z: f32):
      %s = arith.negf %x : f32
      linalg.yield %s : f32
    } -> tensor<2x3xf32>
    return %0 : tensor<2x3xf32>
  }
  func.func @main(%x: tensor<?x3xf32> {tenon.name = "x"}) -> (tensor<2x3xf32> {tenon.name = "y"}) {
    %known = tensor.cast %x : tensor<?x3xf32> to tensor<2x3xf32>
    %e = tensor.empty() : tensor<2x3xf32>
    %r = tenon.launch @kernel_neg ins(%known : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
    return %r : tensor<2x3xf32>
  }
}

// -----

// Tests that branches which differ in a size make memory of their own, and that its address and the size leave the branch; a
// view of other memory is copied.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: memref<4x3xf32>, %{{.*}}: memref<i1>, %[[Y:.*]]: memref<?x3xf32>)
// CHECK: %[[CHOICE:.*]]:2 = scf.if %{{.*}} -> (memref<f32>, index) {
// CHECK: %[[OWN:.*]] = tenon.buffer : memref<2x3xf32>
// CHECK: tenon.matmul {{.*}} outs(%[[OWN]] :
// CHECK-NOT: memref.copy
// CHECK: %[[ADDRESS:.*]] = memref.reinterpret_cast %[[OWN]] to offset: [0], sizes: [], strides: []
// CHECK: scf.yield %[[ADDRESS]], %c2{{.*}} : memref<f32>, index
// CHECK: } else {
// CHECK: %[[COPY:.*]] = tenon.buffer : memref<3x3xf32>
// CHECK: memref.copy %{{.*}}, %[[COPY]]
// CHECK: scf.yield %{{.*}}, %c3{{.*}} : memref<f32>, index
// CHECK: %[[N:.*]] = tenon.late_size %[[CHOICE]]#1
// CHECK: tenon.output_size %{{.*}}, 0, 0
// CHECK: %[[FROM:.*]] = memref.reinterpret_cast %[[CHOICE]]#0 to offset: [0], sizes: [%[[N]], 3], strides: [3, 1]
// CHECK: memref.copy %[[FROM]], %{{.*}}
module {
  func.func @main(%x: tensor<4x3xf32>, %p: tensor<i1>) -> tensor<?x3xf32> {
    %yes = tensor.extract %p[] : tensor<i1>
    %r = scf.if %yes -> (tensor<?x3xf32>) {
      %two = tensor.extract_slice %x[0, 0] [2, 3] [1, 1] : tensor<4x3xf32> to tensor<2x3xf32>
      %square = tensor.extract_slice %x[0, 0] [3, 3] [1, 1] : tensor<4x3xf32> to tensor<3x3xf32>
      %e = tensor.empty() : tensor<2x3xf32>
      %m = tenon.matmul ins(%two, %square : tensor<2x3xf32>, tensor<3x3xf32>) outs(%e : tensor<2x3xf32>) epilogue [] -> tensor<2x3xf32>
      %c = tensor.cast %m : tensor<2x3xf32> to tensor<?x3xf32>
      scf.yield %c : tensor<?x3xf32>
    } else {
      %three = tensor.extract_slice %x[1, 0] [3, 3] [1, 1] : tensor<4x3xf32> to tensor<3x3xf32>
      %c = tensor.cast %three : tensor<3x3xf32> to tensor<?x3xf32>
      scf.yield %c : tensor<?x3xf32>
    }
    return %r : tensor<?x3xf32>
  }
}

// -----

// Tests that a choice between values of different sizes has the size of the chosen one.
// CHECK-LABEL: func.func @main
// CHECK: %[[SIZE:.*]] = arith.select %{{.*}}, %c2{{.*}}, %c3{{.*}} : index
// CHECK: %[[N:.*]] = tenon.late_size %[[SIZE]]
// CHECK: tenon.buffer(%[[N]]) : memref<?xf32, strided<[1]>>
module {
  func.func @main(%x: tensor<2xf32>, %y: tensor<3xf32>, %p: tensor<i1>) -> tensor<?xf32> {
    %yes = tensor.extract %p[] : tensor<i1>
    %a = tensor.cast %x : tensor<2xf32> to tensor<?xf32>
    %b = tensor.cast %y : tensor<3xf32> to tensor<?xf32>
    %r = arith.select %yes, %a, %b : tensor<?xf32>
    return %r : tensor<?xf32>
  }
}

// -----

// Tests that an output without a size beforehand is asked for when its sizes are known.
// CHECK-LABEL: func.func @main
// CHECK: %[[N:.*]] = tenon.late_size
// CHECK: %[[OUTPUT:.*]] = tenon.late_output 0(%[[N]]) : memref<?x2xf32>
// CHECK: %[[TO:.*]] = memref.reinterpret_cast %[[OUTPUT]] to offset: [0], sizes: [%[[N]], 2]
// CHECK: memref.copy %{{.*}}, %[[TO]]
module {
  func.func @main(%x: tensor<4x2xf32>, %count: tensor<index>) -> (tensor<?x2xf32> {tenon.late_output}) {
    %read = tensor.extract %count[] : tensor<index>
    %n = tenon.late_size %read
    %r = tensor.extract_slice %x[0, 0] [%n, 2] [1, 1] : tensor<4x2xf32> to tensor<?x2xf32>
    return %r : tensor<?x2xf32>
  }
}
