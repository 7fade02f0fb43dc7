// RUN: tenon-opt %s -split-input-file -plan-memory | FileCheck %s

// Tests that a buffer takes the place of a dead one, also one that is used through a view, and that two live ones are apart.
// CHECK-LABEL: func.func @main
// CHECK: tenon.arena {static_bytes = 896 : i64}
// CHECK: tenon.buffer {static_offset = [[A:[0-9]+]] : i64} : memref<100xf32>
// CHECK: tenon.buffer {static_offset = [[B:[0-9]+]] : i64} : memref<100xf32>
// CHECK: tenon.buffer {static_offset = [[A]] : i64} : memref<100xf32>
module {
  func.func @main(%x: memref<100xf32>, %y: memref<100xf32>) {
    %a = tenon.buffer : memref<100xf32>
    memref.copy %x, %a : memref<100xf32> to memref<100xf32>
    %b = tenon.buffer : memref<100xf32>
    %v = memref.reinterpret_cast %a to offset: [0], sizes: [10, 10], strides: [10, 1] : memref<100xf32> to memref<10x10xf32>
    %w = memref.reinterpret_cast %v to offset: [0], sizes: [100], strides: [1] : memref<10x10xf32> to memref<100xf32>
    memref.copy %w, %b : memref<100xf32> to memref<100xf32>
    %c = tenon.buffer : memref<100xf32>
    memref.copy %b, %c : memref<100xf32> to memref<100xf32>
    memref.copy %c, %y : memref<100xf32> to memref<100xf32>
    return
  }
}

// -----

// Tests that dynamic buffers follow the constant ones, that equal sizes share a place, and that the arena's size is computed
// before the arena.
// CHECK-LABEL: func.func @main
// CHECK: %[[N:.*]] = memref.dim
// CHECK: arith.andi
// CHECK: arith.andi
// CHECK-NEXT: %[[TOTAL:.*]] = arith.addi
// CHECK: tenon.arena %[[TOTAL]]
// CHECK: tenon.buffer(%[[N]]) at %[[FIRST:.*]] : memref<?x4xf32>
// CHECK: tenon.buffer(%[[N]]) at %[[SECOND:.*]] : memref<?x4xf32>
// CHECK: tenon.buffer(%[[N]]) at %[[FIRST]] : memref<?x4xf32>
module {
  func.func @main(%x: memref<?x4xf32>, %y: memref<?x4xf32>) {
    %c0 = arith.constant 0 : index
    %n = memref.dim %x, %c0 : memref<?x4xf32>
    %s = tenon.buffer : memref<3xf32>
    %a = tenon.buffer(%n) : memref<?x4xf32>
    memref.copy %x, %a : memref<?x4xf32> to memref<?x4xf32>
    %b = tenon.buffer(%n) : memref<?x4xf32>
    memref.copy %a, %b : memref<?x4xf32> to memref<?x4xf32>
    %c = tenon.buffer(%n) : memref<?x4xf32>
    memref.copy %b, %c : memref<?x4xf32> to memref<?x4xf32>
    memref.copy %c, %y : memref<?x4xf32> to memref<?x4xf32>
    return
  }
}

// -----

// Tests that a buffer whose size is read while the model runs has memory of its own, and leaves the arena to the others.
// CHECK-LABEL: func.func @main
// CHECK: tenon.arena %
// CHECK: %[[N:.*]] = tenon.late_size
// CHECK: tenon.buffer(%[[N]]) {tenon.late_buffer = 0 : i64} : memref<?x4xf32>
// CHECK: tenon.buffer(%{{.*}}) at %{{.*}} : memref<?x4xf32>
module {
  func.func @main(%x: memref<?x4xf32>, %count: memref<index>, %y: memref<?x4xf32>) {
    %c0 = arith.constant 0 : index
    %m = memref.dim %x, %c0 : memref<?x4xf32>
    %read = memref.load %count[] : memref<index>
    %n = tenon.late_size %read at_most %m
    %a = tenon.buffer(%n) : memref<?x4xf32>
    memref.copy %x, %a : memref<?x4xf32> to memref<?x4xf32>
    %b = tenon.buffer(%m) : memref<?x4xf32>
    memref.copy %a, %b : memref<?x4xf32> to memref<?x4xf32>
    memref.copy %b, %y : memref<?x4xf32> to memref<?x4xf32>
    return
  }
}

// -----

// Tests that memory which a branch hands on lives as long as it is used behind the branch.
// CHECK-LABEL: func.func @main
// CHECK: tenon.buffer {static_offset = [[OWN:[0-9]+]] : i64} : memref<100xf32>
// CHECK: tenon.buffer {static_offset = [[OTHER:[0-9]+]] : i64} : memref<99xf32>
// CHECK-NOT: tenon.buffer {static_offset = [[OWN]] : i64}
// CHECK: memref.copy
// CHECK: return
module {
  func.func @main(%x: memref<100xf32>, %p: memref<i1>, %y: memref<?xf32>, %z: memref<100xf32>) {
    %yes = memref.load %p[] : memref<i1>
    %choice:2 = scf.if %yes -> (memref<f32>, index) {
      %a = tenon.buffer : memref<100xf32>
      memref.copy %x, %a : memref<100xf32> to memref<100xf32>
      %c100 = arith.constant 100 : index
      %address = memref.reinterpret_cast %a to offset: [0], sizes: [], strides: [] : memref<100xf32> to memref<f32>
      scf.yield %address, %c100 : memref<f32>, index
    } else {
      %a = tenon.buffer : memref<99xf32>
      %v = memref.reinterpret_cast %x to offset: [0], sizes: [99], strides: [1] : memref<100xf32> to memref<99xf32>
      memref.copy %v, %a : memref<99xf32> to memref<99xf32>
      %c99 = arith.constant 99 : index
      %address = memref.reinterpret_cast %a to offset: [0], sizes: [], strides: [] : memref<99xf32> to memref<f32>
      scf.yield %address, %c99 : memref<f32>, index
    }
    %b = tenon.buffer : memref<100xf32>
    memref.copy %x, %b : memref<100xf32> to memref<100xf32>
    memref.copy %b, %z : memref<100xf32> to memref<100xf32>
    %chosen = memref.reinterpret_cast %choice#0 to offset: [0], sizes: [%choice#1], strides: [1] : memref<f32> to memref<?xf32>
    memref.copy %chosen, %y : memref<?xf32> to memref<?xf32>
    return
  }
}
