// RUN: tenon-opt %s -pass-pipeline='builtin.module(func.func(tenon-expand-math))' | FileCheck %s
// RUN: tenon-opt %s -pass-pipeline='builtin.module(func.func(tenon-expand-math{int64-by-f64=true}))' | FileCheck %s --check-prefix=BY-F64

// Tests that 64-bit integers become f32 by way of f64 where vectors convert them to that only.
// CHECK-LABEL: func.func @to_f32
// CHECK: arith.sitofp %{{.*}} : vector<4xi64> to vector<4xf32>
// BY-F64-LABEL: func.func @to_f32
// BY-F64: %[[HIGH:.*]] = arith.sitofp %{{.*}} : vector<4xi64> to vector<4xf64>
// BY-F64: %[[SUM:.*]] = math.fma %[[HIGH]], %{{.*}}, %{{.*}} : vector<4xf64>
// BY-F64: arith.truncf %[[SUM]] : vector<4xf64> to vector<4xf32>
func.func @to_f32(%x: vector<4xi64>) -> vector<4xf32> {
  %y = arith.sitofp %x : vector<4xi64> to vector<4xf32>
  return %y : vector<4xf32>
}

// Tests that f64 and scalable vectors are left alone.
// BY-F64-LABEL: func.func @to_f64
// BY-F64-NEXT: arith.sitofp %{{.*}} : vector<4xi64> to vector<4xf64>
// BY-F64-NEXT: arith.sitofp %{{.*}} : vector<[4]xi64> to vector<[4]xf32>
// BY-F64-NEXT: return
func.func @to_f64(%x: vector<4xi64>, %y: vector<[4]xi64>) -> (vector<4xf64>, vector<[4]xf32>) {
  %wide = arith.sitofp %x : vector<4xi64> to vector<4xf64>
  %scalable = arith.sitofp %y : vector<[4]xi64> to vector<[4]xf32>
  return %wide, %scalable : vector<4xf64>, vector<[4]xf32>
}

// Tests that what was f16 becomes 64-bit integers by way of 32 bits.
// BY-F64-LABEL: func.func @from_f16
// BY-F64: %[[NARROW:.*]] = arith.fptosi %{{.*}} : vector<4xf32> to vector<4xi32>
// BY-F64: arith.extsi %[[NARROW]] : vector<4xi32> to vector<4xi64>
func.func @from_f16(%x: vector<4xf16>) -> vector<4xi64> {
  %single = arith.extf %x : vector<4xf16> to vector<4xf32>
  %y = arith.fptosi %single : vector<4xf32> to vector<4xi64>
  return %y : vector<4xi64>
}
