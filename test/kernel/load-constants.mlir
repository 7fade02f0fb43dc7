// RUN: tenon-opt %s -pass-pipeline='builtin.module(tenon-load-constants{num-registers=12})' | FileCheck %s
// RUN: tenon-opt %s -pass-pipeline='builtin.module(tenon-load-constants{num-registers=32})' | FileCheck %s --check-prefix=ALL-FIT

// Tests that of a loop's five constants, of which one is an immediate of Arm's instructions, those that do not fit beside the
// values are loaded from a table, the one with most uses last.
// CHECK: llvm.mlir.global internal constant @polynomial_constants_f32(dense<[1.700000e-01, 4.200000e-02]> : tensor<2xf32>)
// CHECK-LABEL: func.func @polynomial
// CHECK-DAG: %[[OFTEN:.*]] = arith.constant dense<3.300000e-01> : vector<4xf32>
// CHECK-DAG: %[[HALF:.*]] = arith.constant dense<5.000000e-01> : vector<4xf32>
// CHECK: scf.for
// CHECK: %[[TABLE:.*]] = llvm.mlir.addressof @polynomial_constants_f32
// CHECK: %[[ADDRESS:.*]] = llvm.inline_asm has_side_effects {{.*}}"=r,0" %[[TABLE]]
// CHECK: vector.load
// CHECK: %[[FIRST:.*]] = llvm.load %{{.*}} invariant
// CHECK: %[[LOADED:.*]] = vector.broadcast %[[FIRST]] : f32 to vector<4xf32>
// CHECK: math.fma %{{.*}}, %{{.*}}, %[[LOADED]]
// CHECK: math.fma %{{.*}}, %{{.*}}, %[[OFTEN]]
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
