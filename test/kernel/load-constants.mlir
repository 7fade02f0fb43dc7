// RUN: tenon-opt %s -pass-pipeline='builtin.module(tenon-load-constants{num-registers=11})' | FileCheck %s
// RUN: tenon-opt %s -pass-pipeline='builtin.module(tenon-load-constants{num-registers=32})' | FileCheck %s --check-prefix=ALL-FIT

// Tests that a loop's constants that do not fit beside the values are loaded from a table, the one with most uses last and once,
// but for one that is an immediate of Arm's instructions.
// CHECK: llvm.mlir.global internal constant @polynomial_constants_f32(dense<[1.700000e-01, 4.200000e-02, 3.300000e-01]> : tensor<3xf32>)
// CHECK-LABEL: func.func @polynomial
// CHECK-DAG: %[[HALF:.*]] = arith.constant dense<5.000000e-01> : vector<4xf32>
// CHECK: scf.for
// CHECK: %[[TABLE:.*]] = llvm.mlir.addressof @polynomial_constants_f32
// CHECK: %[[ADDRESS:.*]] = llvm.inline_asm has_side_effects {{.*}}"=r,0" %[[TABLE]]
// CHECK: vector.load
// CHECK: %[[FIRST:.*]] = llvm.load %{{.*}} invariant
// CHECK: %[[LOADED:.*]] = vector.broadcast %[[FIRST]] : f32 to vector<4xf32>
// CHECK: math.fma %{{.*}}, %{{.*}}, %[[LOADED]]
// CHECK: math.fma
// CHECK: %[[LAST:.*]] = llvm.load %{{.*}} invariant
// CHECK: %[[OFTEN:.*]] = vector.broadcast %[[LAST]] : f32 to vector<4xf32>
// CHECK-NEXT: math.fma %{{.*}}, %{{.*}}, %[[OFTEN]]
// CHECK-NEXT: math.fma %{{.*}}, %{{.*}}, %[[OFTEN]]
// CHECK: math.fma %{{.*}}, %{{.*}}, %[[HALF]]
// ALL-FIT-NOT: @polynomial_constants
func.func @polynomial(%memory: memref<400xf32>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c400 = arith.constant 400 : index
  %a = arith.constant dense<0.17> : vector<4xf32>
  %b = arith.constant dense<0.042> : vector<4xf32>
  %often = arith.constant dense<0.33> : vector<4xf32>
  %half = arith.constant dense<0.5> : vector<4xf32>
  scf.for %i = %c0 to %c400 step %c4 {
    %x = vector.load %memory[%i] : memref<400xf32>, vector<4xf32>
    %s0 = math.fma %x, %x, %a : vector<4xf32>
    %s1 = math.fma %s0, %x, %b : vector<4xf32>
    %s2 = math.fma %s1, %x, %often : vector<4xf32>
    %s3 = math.fma %s2, %x, %often : vector<4xf32>
    %s4 = math.fma %s3, %x, %half : vector<4xf32>
    vector.store %s4, %memory[%i] : memref<400xf32>, vector<4xf32>
  }
  return
}

// Tests that constants of a branch are loaded in it: in front of the loop they would take registers from the other way.
// CHECK-LABEL: func.func @branch
// CHECK: scf.for
// CHECK: scf.if
// CHECK-NEXT: llvm.mlir.addressof @branch_constants_f32
// CHECK: vector.broadcast
// CHECK: arith.mulf
func.func @branch(%memory: memref<400xf32>, %rare: i1) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c400 = arith.constant 400 : index
  %a = arith.constant dense<0.17> : vector<4xf32>
  scf.for %i = %c0 to %c400 step %c4 {
    %x = vector.load %memory[%i] : memref<400xf32>, vector<4xf32>
    %y = scf.if %rare -> vector<4xf32> {
      %scaled = arith.mulf %x, %a : vector<4xf32>
      scf.yield %scaled : vector<4xf32>
    } else {
      scf.yield %x : vector<4xf32>
    }
    vector.store %y, %memory[%i] : memref<400xf32>, vector<4xf32>
  }
  return
}

// Tests that uses far apart have a load each: one result would be spilled in between.
// CHECK-LABEL: func.func @far_apart
// CHECK: scf.for
// CHECK: llvm.inline_asm
// CHECK: llvm.load
// CHECK: arith.mulf
// CHECK: llvm.inline_asm
// CHECK: llvm.load
// CHECK: arith.mulf
func.func @far_apart(%memory: memref<400xf32>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c400 = arith.constant 400 : index
  %a = arith.constant dense<0.17> : vector<4xf32>
  scf.for %i = %c0 to %c400 step %c4 {
    %x = vector.load %memory[%i] : memref<400xf32>, vector<4xf32>
    %s0 = arith.mulf %x, %a : vector<4xf32>
    %s1 = arith.addf %s0, %x : vector<4xf32>
    %s2 = arith.addf %s1, %x : vector<4xf32>
    %s3 = arith.addf %s2, %x : vector<4xf32>
    %s4 = arith.addf %s3, %x : vector<4xf32>
    %s5 = arith.addf %s4, %x : vector<4xf32>
    %s6 = arith.addf %s5, %x : vector<4xf32>
    %s7 = arith.addf %s6, %x : vector<4xf32>
    %s8 = arith.addf %s7, %x : vector<4xf32>
    %s9 = arith.addf %s8, %x : vector<4xf32>
    %s10 = arith.addf %s9, %x : vector<4xf32>
    %s11 = arith.addf %s10, %x : vector<4xf32>
    %s12 = arith.addf %s11, %x : vector<4xf32>
    %s13 = arith.addf %s12, %x : vector<4xf32>
    %s14 = arith.addf %s13, %x : vector<4xf32>
    %s15 = arith.addf %s14, %x : vector<4xf32>
    %s16 = arith.addf %s15, %x : vector<4xf32>
    %s17 = arith.addf %s16, %x : vector<4xf32>
    %s18 = arith.addf %s17, %x : vector<4xf32>
    %s19 = arith.addf %s18, %x : vector<4xf32>
    %s20 = arith.addf %s19, %x : vector<4xf32>
    %s21 = arith.addf %s20, %x : vector<4xf32>
    %s22 = arith.addf %s21, %x : vector<4xf32>
    %s23 = arith.addf %s22, %x : vector<4xf32>
    %s24 = arith.addf %s23, %x : vector<4xf32>
    %s25 = arith.addf %s24, %x : vector<4xf32>
    %s26 = arith.addf %s25, %x : vector<4xf32>
    %s27 = arith.addf %s26, %x : vector<4xf32>
    %s28 = arith.addf %s27, %x : vector<4xf32>
    %s29 = arith.addf %s28, %x : vector<4xf32>
    %s30 = arith.addf %s29, %x : vector<4xf32>
    %s31 = arith.addf %s30, %x : vector<4xf32>
    %s32 = arith.addf %s31, %x : vector<4xf32>
    %y = arith.mulf %s32, %a : vector<4xf32>
    vector.store %y, %memory[%i] : memref<400xf32>, vector<4xf32>
  }
  return
}

// Tests that counts of shifts stay: they are immediates.
// CHECK-LABEL: func.func @shifts
// CHECK-NOT: llvm.load
func.func @shifts(%memory: memref<400xi64>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c400 = arith.constant 400 : index
  %count = arith.constant dense<33> : vector<4xi64>
  %other = arith.constant dense<21> : vector<4xi64>
  scf.for %i = %c0 to %c400 step %c4 {
    %x = vector.load %memory[%i] : memref<400xi64>, vector<4xi64>
    %up = arith.shli %x, %count : vector<4xi64>
    %down = arith.shrui %x, %other : vector<4xi64>
    %r0 = arith.addi %up, %down : vector<4xi64>
    %r1 = arith.muli %r0, %x : vector<4xi64>
    vector.store %r1, %memory[%i] : memref<400xi64>, vector<4xi64>
  }
  return
}
