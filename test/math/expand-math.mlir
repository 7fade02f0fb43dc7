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

// Tests that integers are divided as floats that hold them exactly, where vectors of integers have no division.
// CHECK-LABEL: @divide_bytes
// CHECK: %[[A:.*]] = arith.extui %{{.*}} : vector<16xi8> to vector<16xi32>
// CHECK: %[[B:.*]] = arith.extui %{{.*}} : vector<16xi8> to vector<16xi32>
// CHECK: %[[Q:.*]] = arith.divf %{{.*}}, %{{.*}} : vector<16xf32>
// CHECK: %[[N:.*]] = arith.fptosi %[[Q]] : vector<16xf32> to vector<16xi32>
// CHECK: arith.trunci %[[N]] : vector<16xi32> to vector<16xi8>
func.func @divide_bytes(%x: vector<16xi8>, %y: vector<16xi8>) -> vector<16xi8> {
  %r = arith.divui %x, %y : vector<16xi8>
  return %r : vector<16xi8>
}

// CHECK-LABEL: @remainder_of_ints
// CHECK: %[[Q:.*]] = arith.divf %{{.*}}, %{{.*}} : vector<4xf64>
// CHECK: %[[N:.*]] = arith.fptosi %[[Q]] : vector<4xf64> to vector<4xi32>
// CHECK: %[[M:.*]] = arith.muli %[[N]], %arg1
// CHECK: arith.subi %arg0, %[[M]]
func.func @remainder_of_ints(%x: vector<4xi32>, %y: vector<4xi32>) -> vector<4xi32> {
  %r = arith.remsi %x, %y : vector<4xi32>
  return %r : vector<4xi32>
}

// Tests that what no float holds, and what SVE divides itself, stays.
// CHECK-LABEL: @no_floats
// CHECK: arith.divsi %{{.*}}, %{{.*}} : vector<2xi64>
// CHECK: arith.divsi %{{.*}}, %{{.*}} : vector<[4]xi32>
func.func @no_floats(%x: vector<2xi64>, %y: vector<[4]xi32>) -> (vector<2xi64>, vector<[4]xi32>) {
  %a = arith.divsi %x, %x : vector<2xi64>
  %b = arith.divsi %y, %y : vector<[4]xi32>
  return %a, %b : vector<2xi64>, vector<[4]xi32>
}
