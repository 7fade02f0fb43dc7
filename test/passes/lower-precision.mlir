// RUN: tenon-opt %s --lower-precision="precision=bf16 computes-low" --canonicalize --split-input-file 2>/dev/null | FileCheck %s
// RUN: tenon-opt %s --lower-precision="precision=f16 fallback=why" --canonicalize --split-input-file 2>/dev/null | FileCheck %s --check-prefix=F16
// RUN: tenon-opt %s --lower-precision="precision=f16 fallback=why" --split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=WHY
// RUN: tenon-opt %s --lower-precision="precision=bf16 computes-low" --split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=LOW
// RUN: tenon-opt %s --lower-precision="precision=bf16 computes-low attention-fallback=tiles" --split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=TILES
// RUN: tenon-opt %s --lower-precision="precision=f32" --split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=F32

// WHY: warning: --precision f16 keeps weights in f16 and computes in f32; why

#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests that a matrix is converted in the artefact, that a bias is not, that the producer of a product's operand rounds in its
// body, and that the first product's result, which nothing multiplies, stays f32. Where the target does not multiply low, only
// the weights change.
// CHECK: tenon.global @w : tensor<8x8xbf16> weight {is_parameter, magnitude = 2.000000e+00 : f64, record = "r", record_type = f32}
// CHECK: tenon.global @b : tensor<8xf32> weight
// CHECK: %[[X:.*]] = linalg.generic {{.*}} ins(%arg0 : tensor<4x8xf32>)
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: bf16):
// CHECK-NEXT: arith.negf
// CHECK-NEXT: arith.truncf %{{.*}} fastmath<contract> : f32 to bf16
// CHECK: %[[M:.*]] = tenon.matmul ins(%[[X]], %{{.*}} : tensor<4x8xbf16>, tensor<8x8xbf16>) bias(%{{.*}} : tensor<8xf32>) outs(%{{.*}} : tensor<4x8xf32>)
// CHECK: return %[[M]]
// F16: tenon.global @w : tensor<8x8xf16> weight
// F16: %[[X:.*]] = linalg.generic {{.*}} ins(%arg0 : tensor<4x8xf32>) outs(%{{.*}} : tensor<4x8xf32>)
// F16: tenon.matmul ins(%[[X]], %{{.*}} : tensor<4x8xf32>, tensor<8x8xf16>) bias(%{{.*}} : tensor<8xf32>) outs(%{{.*}} : tensor<4x8xf32>)
// WHY: lower-precision: computed in f32 from a weight stored in f16; why
// LOW: lower-precision: computed in f32, stored in bf16; products multiply it
// LOW: lower-precision: multiplies bf16, sums in f32
tenon.global @w : tensor<8x8xf32> weight {is_parameter, magnitude = 2.0 : f64, record = "r"}
tenon.global @b : tensor<8xf32> weight {is_parameter, magnitude = 2.0 : f64, record = "r", offset = 256 : i64}
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %w = tenon.load_global @w : tensor<8x8xf32>
  %b = tenon.load_global @b : tensor<8xf32>
  %t = tenon.permute %w [1, 0] : tensor<8x8xf32> to tensor<8x8xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %n = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.negf %a : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %m = tenon.matmul ins(%n, %t : tensor<4x8xf32>, tensor<8x8xf32>) bias(%b : tensor<8xf32>) outs(%e : tensor<4x8xf32>)
      epilogue [] -> tensor<4x8xf32>
  return %m : tensor<4x8xf32>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests that a value between two products is stored low across a view and read low by an extra and, extended, by a generic;
// that an input is rounded by a copy; and that an output, which the caller wants in f32, stays f32 beside its rounded copy.
// CHECK: func.func @main
// CHECK: %[[C:.*]] = linalg.generic {{.*}} ins(%arg0 : tensor<4x8xf32>) {{.*}} {
// CHECK: arith.truncf
// CHECK: %[[M:.*]] = tenon.matmul ins(%[[C]], %{{.*}} : tensor<4x8xbf16>, tensor<8x8xbf16>) outs(%{{.*}} : tensor<4x8xbf16>)
// CHECK: %[[V:.*]] = tenon.permute %[[M]] [1, 0] : tensor<4x8xbf16> to tensor<8x4xbf16>
// CHECK: %[[B:.*]] = tenon.reshape %[[V]] : tensor<8x4xbf16> to tensor<4x8xbf16>
// CHECK: %[[N:.*]] = tenon.matmul ins(%[[B]], %{{.*}} : tensor<4x8xbf16>, tensor<8x8xbf16>) extras(%[[M]] : tensor<4x8xbf16>) outs(%{{.*}} : tensor<4x8xf32>)
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[N]] : tensor<4x8xf32>)
// CHECK: tenon.matmul ins(%[[R]], %{{.*}})
// CHECK: linalg.generic {{.*}} ins(%[[M]] : tensor<4x8xbf16>)
// CHECK-NEXT: ^bb0(%[[A:.*]]: bf16, %{{.*}}: f32):
// CHECK-NEXT: arith.extf %[[A]]
tenon.global @w : tensor<8x8xf32> weight {is_parameter, magnitude = 2.0 : f64, record = "r"}
func.func @main(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  %w = tenon.load_global @w : tensor<8x8xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %m = tenon.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x8xf32>) outs(%e : tensor<4x8xf32>) epilogue [] -> tensor<4x8xf32>
  %v = tenon.permute %m [1, 0] : tensor<4x8xf32> to tensor<8x4xf32>
  %f = tenon.reshape %v : tensor<8x4xf32> to tensor<4x8xf32>
  %n = tenon.matmul ins(%f, %w : tensor<4x8xf32>, tensor<8x8xf32>) extras(%m : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>)
      epilogue [#tenon.epilogue<add>] -> tensor<4x8xf32>
  %p = tenon.matmul ins(%n, %w : tensor<4x8xf32>, tensor<8x8xf32>) outs(%e : tensor<4x8xf32>) epilogue [] -> tensor<4x8xf32>
  %g = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%m : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.exp %a : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %n, %p, %g : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Tests what stays f32: values beyond the range, the product with them, and a table that is no parameter and not only multiplied.
// CHECK: tenon.global @huge : tensor<8x8xf32>
// CHECK: tenon.global @table : tensor<8x8xf32>
// CHECK: tenon.matmul ins(%arg0, %{{.*}} : tensor<8x8xf32>, tensor<8x8xf32>)
// WHY: constant 'huge' stays f32; it has values beyond the range
// WHY: constant 'table' stays f32; it is a buffer that is not only multiplied
tenon.global @huge : tensor<8x8xf32> weight {is_parameter, magnitude = 3.4028234663852886e+38 : f64, record = "r"}
tenon.global @table : tensor<8x8xf32> weight {magnitude = 2.0 : f64, record = "r"}
func.func @main(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %w = tenon.load_global @huge : tensor<8x8xf32>
  %t = tenon.load_global @table : tensor<8x8xf32>
  %e = tensor.empty() : tensor<8x8xf32>
  %m = tenon.matmul ins(%x, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) epilogue [] -> tensor<8x8xf32>
  %g = linalg.generic {indexing_maps = [#id2, #id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%m, %t : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<8x8xf32>
  return %g : tensor<8x8xf32>
}

// -----

// Tests that max pooling and joining carry the low type from product to product, and that a weight computed at load is rounded
// there.
// CHECK: tenon.global @hoisted : tensor<4x8x1x1xbf16> hoisted
// CHECK: func.func @main
// CHECK: %[[C:.*]] = tenon.conv {{.*}} outs(%{{.*}} : tensor<1x4x8x8xbf16>)
// CHECK: %[[P:.*]] = tenon.pool max ins(%[[C]] : tensor<1x4x8x8xbf16>) outs(%{{.*}} : tensor<1x4x4x4xbf16>)
// CHECK: %[[J:.*]] = tenon.concat ins(%[[P]], %[[P]] : tensor<1x4x4x4xbf16>, tensor<1x4x4x4xbf16>) outs(%{{.*}} : tensor<1x8x4x4xbf16>)
// CHECK: tenon.conv ins(%[[J]], %{{.*}} : tensor<1x8x4x4xbf16>, tensor<4x8x1x1xbf16>) outs(%{{.*}} : tensor<1x4x4x4xf32>)
// CHECK: func.func @init
// CHECK: arith.truncf
// CHECK: tenon.store_global %{{.*}}, @hoisted : tensor<4x8x1x1xbf16>
// F16: tenon.global @hoisted : tensor<4x8x1x1xf32> hoisted
tenon.global @hoisted : tensor<4x8x1x1xf32> hoisted
tenon.global @first : tensor<4x3x1x1xf32> weight {is_parameter, magnitude = 2.0 : f64, record = "r"}
func.func @main(%x: tensor<1x3x8x8xf32>) -> tensor<1x4x4x4xf32> {
  %w = tenon.load_global @first : tensor<4x3x1x1xf32>
  %h = tenon.load_global @hoisted : tensor<4x8x1x1xf32>
  %e = tensor.empty() : tensor<1x4x8x8xf32>
  %e4 = tensor.empty() : tensor<1x4x4x4xf32>
  %e8 = tensor.empty() : tensor<1x8x4x4xf32>
  %c = tenon.conv ins(%x, %w : tensor<1x3x8x8xf32>, tensor<4x3x1x1xf32>) outs(%e : tensor<1x4x8x8xf32>)
      stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] epilogue [] -> tensor<1x4x8x8xf32>
  %p = tenon.pool max ins(%c : tensor<1x4x8x8xf32>) outs(%e4 : tensor<1x4x4x4xf32>) window [2, 2] stride [2, 2]
      padding [0, 0, 0, 0] dilation [1, 1] -> tensor<1x4x4x4xf32>
  %j = tenon.concat ins(%p, %p : tensor<1x4x4x4xf32>, tensor<1x4x4x4xf32>) outs(%e8 : tensor<1x8x4x4xf32>) dim 1
      -> tensor<1x8x4x4xf32>
  %d = tenon.conv ins(%j, %h : tensor<1x8x4x4xf32>, tensor<4x8x1x1xf32>) outs(%e4 : tensor<1x4x4x4xf32>)
      stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] epilogue [] -> tensor<1x4x4x4xf32>
  return %d : tensor<1x4x4x4xf32>
}
func.func @init() {
  %w = tenon.load_global @first : tensor<4x3x1x1xf32>
  %s = arith.constant dense<1.0> : tensor<4x8x1x1xf32>
  tenon.store_global %s, @hoisted : tensor<4x8x1x1xf32>
  return
}

// -----

// Tests that the first convolution, which holds 27 of 1243 weights, stays f32 with the constant that @init computes its weight
// from, and that the second one does not.
// CHECK: tenon.global @first : tensor<1x3x3x3xf32> weight
// CHECK: tenon.global @second : tensor<4x1x19x16xbf16> weight
// CHECK: tenon.conv ins(%arg0, %{{.*}} : tensor<1x3x32x32xf32>, tensor<1x3x3x3xf32>)
// CHECK: tenon.conv ins(%{{.*}}, %{{.*}} : tensor<1x1x30x30xbf16>, tensor<4x1x19x16xbf16>)
// F16: tenon.global @first : tensor<1x3x3x3xf32> weight
// F16: tenon.global @second : tensor<4x1x19x16xf16> weight
#id4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
tenon.global @first : tensor<1x3x3x3xf32> weight {is_parameter, magnitude = 2.0 : f64, record = "r"}
tenon.global @second : tensor<4x1x19x16xf32> weight {is_parameter, magnitude = 2.0 : f64, record = "s"}
tenon.global @scaled : tensor<1x3x3x3xf32> hoisted
func.func private @init() {
  %w = tenon.load_global @first : tensor<1x3x3x3xf32>
  %e = tensor.empty() : tensor<1x3x3x3xf32>
  %s = linalg.generic {indexing_maps = [#id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%w : tensor<1x3x3x3xf32>) outs(%e : tensor<1x3x3x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.negf %a : f32
    linalg.yield %n : f32
  } -> tensor<1x3x3x3xf32>
  tenon.store_global %s, @scaled : tensor<1x3x3x3xf32>
  return
}
func.func @main(%x: tensor<1x3x32x32xf32>) -> tensor<1x4x12x15xf32> {
  %w = tenon.load_global @scaled : tensor<1x3x3x3xf32>
  %v = tenon.load_global @second : tensor<4x1x19x16xf32>
  %e = tensor.empty() : tensor<1x1x30x30xf32>
  %c = tenon.conv ins(%x, %w : tensor<1x3x32x32xf32>, tensor<1x3x3x3xf32>) outs(%e : tensor<1x1x30x30xf32>)
      stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] epilogue [] -> tensor<1x1x30x30xf32>
  %e2 = tensor.empty() : tensor<1x4x12x15xf32>
  %d = tenon.conv ins(%c, %v : tensor<1x1x30x30xf32>, tensor<4x1x19x16xf32>) outs(%e2 : tensor<1x4x12x15xf32>)
      stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] epilogue [] -> tensor<1x4x12x15xf32>
  return %d : tensor<1x4x12x15xf32>
}

// -----

// Tests that a product which the model has in another type stays, and that a warning says so.
// F32: warning: --precision f32 leaves the model's products of f16 as they are, only values of f32 are lowered; export the model in f32
// CHECK: tenon.matmul ins(%{{.*}}, %{{.*}} : tensor<4x8xf16>, tensor<8x8xf16>)
func.func @main(%x: tensor<4x8xf16>, %w: tensor<8x8xf16>) -> tensor<4x8xf16> {
  %e = tensor.empty() : tensor<4x8xf16>
  %m = tenon.matmul ins(%x, %w : tensor<4x8xf16>, tensor<8x8xf16>) outs(%e : tensor<4x8xf16>)
      epilogue [] -> tensor<4x8xf16>
  return %m : tensor<4x8xf16>
}

// -----

#id2 = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// Tests that attention multiplies low values and passes one on where the target has such products, that a few queries do not, and
// that a reduction whose result is multiplied is f32 beside a rounded copy.
// CHECK: func.func @main
// CHECK: %[[A:.*]] = tenon.attention ins(%{{.*}} : tensor<1x2x8x16xbf16>, tensor<1x2x9x16xbf16>, tensor<1x2x9x16xbf16>) mask(%arg2 : tensor<9xf32>) outs(%{{.*}} : tensor<1x2x8x16xbf16>)
// CHECK: %[[V:.*]] = tenon.reshape %[[A]] : tensor<1x2x8x16xbf16> to tensor<16x16xbf16>
// CHECK: tenon.matmul ins(%[[V]],
// CHECK: tenon.attention ins(%arg1, %arg1, %arg1 : tensor<1x2x4x16xf32>, tensor<1x2x4x16xf32>, tensor<1x2x4x16xf32>) outs(%{{.*}} : tensor<1x2x4x16xf32>)
// F16: tenon.attention ins(%{{.*}} : tensor<1x2x8x16xf32>, tensor<1x2x9x16xf32>, tensor<1x2x9x16xf32>)
// LOW: lower-precision: multiplies bf16, sums in f32; softmax is f32, its weights are rounded for the second product
// LOW: lower-precision: computed in f32; a few queries are bound by reading the keys
// LOW: lower-precision: computed and stored in f32 beside a copy in bf16 that products multiply; its producer stores f32 only
// LOW: lower-precision: reduced in f32; a sum in bf16 would lose what is small beside it
// TILES: lower-precision: computed in f32; tiles
// TILES: lower-precision: computed in f32; a few queries are bound by reading the keys
// WHY: lower-precision: computed in f32; why
tenon.global @w : tensor<16x16xf32> weight {is_parameter, magnitude = 2.0 : f64, record = "r"}
func.func @main(%q: tensor<1x2x8x16xf32>, %few: tensor<1x2x4x16xf32>, %mask: tensor<9xf32>, %kv: tensor<1x2x9x16xf32>)
    -> (tensor<16x16xf32>, tensor<1x2x4x16xf32>, tensor<8x16xf32>, tensor<8xf32>) {
  %w = tenon.load_global @w : tensor<16x16xf32>
  %e = tensor.empty() : tensor<1x2x8x16xf32>
  %a = tenon.attention ins(%q, %kv, %kv : tensor<1x2x8x16xf32>, tensor<1x2x9x16xf32>, tensor<1x2x9x16xf32>)
      mask(%mask : tensor<9xf32>) outs(%e : tensor<1x2x8x16xf32>) scale 2.500000e-01 -> tensor<1x2x8x16xf32>
  %v = tenon.reshape %a : tensor<1x2x8x16xf32> to tensor<16x16xf32>
  %e2 = tensor.empty() : tensor<16x16xf32>
  %m = tenon.matmul ins(%v, %w : tensor<16x16xf32>, tensor<16x16xf32>) outs(%e2 : tensor<16x16xf32>) epilogue [] -> tensor<16x16xf32>
  %e3 = tensor.empty() : tensor<1x2x4x16xf32>
  %b = tenon.attention ins(%few, %few, %few : tensor<1x2x4x16xf32>, tensor<1x2x4x16xf32>, tensor<1x2x4x16xf32>)
      outs(%e3 : tensor<1x2x4x16xf32>) scale 2.500000e-01 -> tensor<1x2x4x16xf32>
  %zero = arith.constant 0.0 : f32
  %e4 = tensor.empty() : tensor<8x16xf32>
  %f4 = linalg.fill ins(%zero : f32) outs(%e4 : tensor<8x16xf32>) -> tensor<8x16xf32>
  %ab = tenon.reshape %q : tensor<1x2x8x16xf32> to tensor<2x8x16xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>],
                       iterator_types = ["reduction", "parallel", "parallel"]}
      ins(%ab : tensor<2x8x16xf32>) outs(%f4 : tensor<8x16xf32>) {
  ^bb0(%x: f32, %o: f32):
    %t = arith.addf %o, %x : f32
    linalg.yield %t : f32
  } -> tensor<8x16xf32>
  %p = tenon.matmul ins(%s, %w : tensor<8x16xf32>, tensor<16x16xf32>) outs(%e4 : tensor<8x16xf32>) epilogue [] -> tensor<8x16xf32>
  %e5 = tensor.empty() : tensor<8xf32>
  %f5 = linalg.fill ins(%zero : f32) outs(%e5 : tensor<8xf32>) -> tensor<8xf32>
  %r = linalg.generic {indexing_maps = [#id2, #row], iterator_types = ["parallel", "reduction"]}
      ins(%p : tensor<8x16xf32>) outs(%f5 : tensor<8xf32>) {
  ^bb0(%x: f32, %o: f32):
    %t = arith.addf %o, %x : f32
    linalg.yield %t : f32
  } -> tensor<8xf32>
  return %m, %b, %p, %r : tensor<16x16xf32>, tensor<1x2x4x16xf32>, tensor<8x16xf32>, tensor<8xf32>
}

// -----

// Tests that products of groups multiply low matrices, which are converted in the artefact.
// CHECK: tenon.global @w : tensor<4x16x8xbf16> weight
// CHECK: tenon.grouped_matmul ins(%{{.*}}, %{{.*}}, %arg1 : tensor<9x16xbf16>, tensor<4x16x8xbf16>, tensor<4xi32>) outs(%{{.*}} : tensor<9x8xf32>)
// F16: tenon.global @w : tensor<4x16x8xf32> weight
// WHY: constant 'w' stays f32; an op reads it that needs f32
// WHY: lower-precision: computed in f32; why
tenon.global @w : tensor<4x16x8xf32> weight {is_parameter, magnitude = 2.0 : f64, record = "r"}
func.func @main(%x: tensor<9x16xf32>, %ends: tensor<4xi32>) -> tensor<9x8xf32> {
  %w = tenon.load_global @w : tensor<4x16x8xf32>
  %e = tensor.empty() : tensor<9x8xf32>
  %m = tenon.grouped_matmul ins(%x, %w, %ends : tensor<9x16xf32>, tensor<4x16x8xf32>, tensor<4xi32>) outs(%e : tensor<9x8xf32>)
      -> tensor<9x8xf32>
  return %m : tensor<9x8xf32>
}
