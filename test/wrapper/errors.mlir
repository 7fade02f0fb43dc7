// Tests what the emitter refuses.
// RUN: split-file %s %t
// RUN: not tenon-emit-wrapper %t/math.mlir 2>&1 | FileCheck %s --check-prefix=MATH
// RUN: not tenon-emit-wrapper %t/signature.mlir 2>&1 | FileCheck %s --check-prefix=SIGNATURE
// RUN: not tenon-emit-wrapper %t/shapes.mlir 2>&1 | FileCheck %s --check-prefix=SHAPES
// RUN: not tenon-emit-wrapper %t/kernel.mlir 2>&1 | FileCheck %s --check-prefix=KERNEL
// RUN: not tenon-emit-wrapper %t/described.mlir 2>&1 | FileCheck %s --check-prefix=DESCRIBED

//--- math.mlir
// MATH: error: this arithmetic has no form in the wrapper
module attributes {tenon.inputs = [{name = "x", dtype = "float32", dims = ["2"]}], tenon.outputs = []} {
  func.func @main(%x: memref<2xf32>) {
    %a = arith.constant 1.0 : f32
    %b = arith.remf %a, %a : f32
    return
  }
}

//--- signature.mlir
// SIGNATURE: error: has 1 arguments for 1 inputs and 1 outputs
module attributes {tenon.inputs = [{name = "x", dtype = "float32", dims = ["2"]}],
                   tenon.outputs = [{name = "y", dtype = "float32", dims = ["2"]}]} {
  func.func @main(%x: memref<2xf32>) {
    return
  }
}

//--- shapes.mlir
// SHAPES: error: outputs have dynamic sizes but there is no @output_shapes
module attributes {tenon.inputs = [], tenon.outputs = [{name = "y", dtype = "float32", dims = ["s0"]}]} {
  func.func @main(%y: memref<?xf32>) {
    return
  }
}

//--- kernel.mlir
// KERNEL: error: the kernel does not say its extent and its unit cost
module attributes {tenon.inputs = [], tenon.outputs = [{name = "y", dtype = "float32", dims = ["2"]}]} {
  func.func private @kernel_fill(memref<2xf32>) attributes {tenon.kernel}
  func.func @main(%y: memref<2xf32>) {
    tenon.launch @kernel_fill ins() outs(%y : memref<2xf32>)
    return
  }
}

//--- described.mlir
// DESCRIBED: error: the module does not describe its inputs and outputs
module {
  func.func @main() {
    return
  }
}
