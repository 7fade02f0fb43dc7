// RUN: tenon-opt %s --pass-pipeline='builtin.module(func.func(tenon-expand-math))' | FileCheck %s
// RUN: tenon-opt %s --pass-pipeline='builtin.module(func.func(tenon-expand-math))' | FileCheck %s --check-prefix=NONE

// Tests that no transcendental op and no activation is left.
// NONE-NOT: math.{{exp|log|sin|cos|tan|atan|erf|rsqrt}}
// NONE-NOT: arith.remf
// NONE-NOT: tenon.activation

// CHECK-LABEL: @scalar
// CHECK: math.fma {{.*}} : f32
func.func @scalar(%x: f32) -> f32 {
  %r = math.exp %x : f32
  return %r : f32
}

// CHECK-LABEL: @fixed
// CHECK: math.fma {{.*}} : vector<16xf32>
func.func @fixed(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.log %x : vector<16xf32>
  %1 = math.erf %0 : vector<16xf32>
  %r = tenon.activation gelu_tanh %1 : vector<16xf32>
  return %r : vector<16xf32>
}

// CHECK-LABEL: @scalable
// CHECK: math.fma {{.*}} : vector<[4]xf32>
func.func @scalable(%x: vector<[4]xf32>) -> vector<[4]xf32> {
  %0 = math.exp %x : vector<[4]xf32>
  %1 = math.tanh %0 : vector<[4]xf32>
  %r = tenon.activation mish %1 : vector<[4]xf32>
  return %r : vector<[4]xf32>
}

// Tests that large arguments are reduced in a branch, taken where any lane has one.
// CHECK-LABEL: @sine
// CHECK: %[[FAR:.*]] = arith.cmpf olt
// CHECK: %[[ANY:.*]] = vector.reduction <or>, %[[FAR]] : vector<[4]xi1> into i1
// CHECK: scf.if %[[ANY]]
func.func @sine(%x: vector<[4]xf32>) -> vector<[4]xf32> {
  %r = math.sin %x : vector<[4]xf32>
  return %r : vector<[4]xf32>
}

// Tests that rows are expanded one by one, and rank zero as its scalar.
// CHECK-LABEL: @rows
// CHECK: vector.extract %{{.*}}[1] : vector<[4]xf32> from vector<2x[4]xf32>
// CHECK: vector.insert %{{.*}} [1] : vector<[4]xf32> into vector<2x[4]xf32>
func.func @rows(%x: vector<2x[4]xf32>, %y: vector<f32>) -> (vector<2x[4]xf32>, vector<f32>) {
  %r = math.exp %x : vector<2x[4]xf32>
  %s = math.exp %y : vector<f32>
  return %r, %s : vector<2x[4]xf32>, vector<f32>
}

// Tests that half precision is computed in single.
// CHECK-LABEL: @half
// CHECK: arith.extf %{{.*}} : vector<8xbf16> to vector<8xf32>
// CHECK: arith.truncf %{{.*}} : vector<8xf32> to vector<8xbf16>
func.func @half(%x: vector<8xbf16>) -> vector<8xbf16> {
  %r = math.exp %x : vector<8xbf16>
  return %r : vector<8xbf16>
}

// Tests that constant exponents become products and roots.
// CHECK-LABEL: @square
// CHECK-SAME: %[[X:.*]]: vector<[4]xf32>
// CHECK: %[[R:.*]] = arith.mulf %[[X]], %[[X]]
// CHECK: return %[[R]]
func.func @square(%x: vector<[4]xf32>) -> vector<[4]xf32> {
  %two = arith.constant dense<2.0> : vector<[4]xf32>
  %r = math.powf %x, %two : vector<[4]xf32>
  return %r : vector<[4]xf32>
}

// Tests that tensors are left alone (the activation of a tensor becomes one of vectors first).
// CHECK-LABEL: @tensor
// CHECK: math.sqrt
func.func @tensor(%x: tensor<4xf32>) -> tensor<4xf32> {
  %r = math.sqrt %x : tensor<4xf32>
  return %r : tensor<4xf32>
}

// Tests that quotients with more bits than the mantissa are reduced in a loop, entered where any lane has one.
// CHECK-LABEL: @remainder
// CHECK: %[[LARGE:.*]] = vector.reduction <or>, %{{.*}} : vector<[4]xi1> into i1
// CHECK: scf.if %[[LARGE]]
// CHECK: scf.while
// CHECK: math.floor {{.*}} : vector<[4]xf32>
// CHECK: math.copysign {{.*}} : vector<[4]xf32>
func.func @remainder(%x: vector<[4]xf32>, %y: vector<[4]xf32>) -> vector<[4]xf32> {
  %r = arith.remf %x, %y : vector<[4]xf32>
  return %r : vector<[4]xf32>
}
