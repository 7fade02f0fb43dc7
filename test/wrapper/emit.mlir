// Tests the emitted wrapper of a small convolutional model, and that a compiler takes it.
// RUN: tenon-emit-wrapper %s > %t.cpp
// RUN: FileCheck %s --input-file %t.cpp
// RUN: clang++ -std=c++20 -Wall -Wextra -Werror -Wno-missing-field-initializers -fsyntax-only -I %S/../../runtime/include %t.cpp
// RUN: clang-format --style="{BasedOnStyle: LLVM, ColumnLimit: 120}" %t.cpp > %t.formatted.cpp
// RUN: diff %t.cpp %t.formatted.cpp

// CHECK: // Model:   tiny_net
// CHECK: static constexpr const char *const text[] = {
// CHECK: // What `tenon inspect` reads
// CHECK: static constexpr int64_t input0_shape[] = {1, 3, 8, 8};
// CHECK: static constexpr tenon_tensor_info inputs[] = {
// CHECK: {GlobalKind::Weight, 1728, 0}, // 0: conv1_weight
// CHECK: {GlobalKind::State, 8, -1}, // 3: steps
// CHECK: // relu_1, add
// CHECK-NEXT: extern "C" KernelFn kernel_add_relu;
// CHECK: constexpr ConvSpec conv2d_spec = {
// CHECK-NEXT: .stride = {2, 2, 1},
// CHECK-NEXT: .padding = {1, 1, 1, 1, 0, 0},
// CHECK-NEXT: .weightIsConstant = true,
// CHECK-NEXT: .epilogue = {.steps = {{[{][{]}}EpilogueKind::Activation, ActivationKind::Clip, 0.0, 6.0}}, .count = 1}};
// CHECK: constexpr MatmulSpec linear_spec = {.rhsIsConstant = true};

// CHECK-LABEL: static void init(
// CHECK: launch(run, kernel_fold, 16, 8, {conv1_weight, folded_weight}, {});
// CHECK-LABEL: static void run(
// CHECK: auto *const x = static_cast<char *>(run.input(0));
// CHECK: auto *const logits = static_cast<char *>(run.output(0));
// CHECK: char *const arena = run.arena(8192);
// CHECK: char *const conv2d = arena;
// CHECK: const TensorView conv2d_bias = view(DType::F32, conv1_bias, {16}, {1});
// CHECK: conv(run, 0, conv2d_spec, view(DType::F32, x, {1, 3, 8, 8}, {192, 64, 8, 1}),
// CHECK: &conv2d_bias, {},
// CHECK: char *const add = arena + 4096;
// CHECK: launch(run, kernel_add_relu, 16, 64, {conv2d, conv2d, add}, {});
// CHECK: matmul(run, 1, linear_spec, view(DType::F32, add, {1, 256}, {256, 1}),
// CHECK: copy(run, view(DType::F32, add + 64, {4}, {1}), view(DType::F32, conv2d, {4}, {1}));
// CHECK: .run = ::run,
// CHECK: tenon_model_entry

module attributes {
  tenon.model_name = "Tiny Net", tenon.torch_version = "2.14.1", tenon.in_spec = "{}", tenon.out_spec = "{}",
  tenon.inputs = [{name = "x", dtype = "float32", dims = ["1", "3", "8", "8"]}],
  tenon.outputs = [{name = "logits", dtype = "float32", dims = ["1", "10"]}]
} {
  tenon.global @conv1_weight : tensor<16x3x3x3xf32> weight {record = "data/weights/weight_0"}
  tenon.global @conv1_bias : tensor<16xf32> weight {record = "data/weights/weight_1"}
  tenon.global @fc_weight : tensor<256x10xf32> weight {record = "data/weights/weight_2", strides = array<i64: 1, 256>}
  tenon.global @steps : tensor<i64> state
  tenon.global @folded_weight : tensor<16x3x3x3xf32> hoisted

  func.func private @kernel_add_relu(!llvm.ptr, !llvm.ptr, index, index)
    attributes {tenon.kernel, tenon.extent = 16 : i64, tenon.unit_cost = 64 : i64}
  func.func private @kernel_fold(!llvm.ptr, !llvm.ptr, index, index)
    attributes {tenon.kernel, tenon.extent = 16 : i64, tenon.unit_cost = 8 : i64}

  func.func @init() {
    %w = tenon.load_global @conv1_weight : memref<16x3x3x3xf32>
    %f = tenon.load_global @folded_weight : memref<16x3x3x3xf32>
    tenon.launch @kernel_fold ins(%w : memref<16x3x3x3xf32>) outs(%f : memref<16x3x3x3xf32>)
    return
  }

  func.func @main(%x: memref<1x3x8x8xf32> {tenon.name = "x"}, %out: memref<1x10xf32> {tenon.name = "logits"}) {
    tenon.arena {static_bytes = 8192 : i64}
    %w = tenon.load_global @folded_weight : memref<16x3x3x3xf32>
    %b = tenon.load_global @conv1_bias : memref<16xf32>
    %c = tenon.buffer {static_offset = 0 : i64} : memref<1x16x4x4xf32, strided<[256, 1, 64, 16]>> loc("conv2d")
    tenon.conv ins(%x, %w : memref<1x3x8x8xf32>, memref<16x3x3x3xf32>) bias(%b : memref<16xf32>)
      outs(%c : memref<1x16x4x4xf32, strided<[256, 1, 64, 16]>>)
      stride [2, 2] padding [1, 1, 1, 1] dilation [1, 1]
      epilogue [#tenon.epilogue<activation clip 0.0, 6.0>] loc("conv2d")
    %r = tenon.buffer {static_offset = 4096 : i64} : memref<1x16x4x4xf32> loc("add")
    tenon.launch @kernel_add_relu
      ins(%c, %c : memref<1x16x4x4xf32, strided<[256, 1, 64, 16]>>, memref<1x16x4x4xf32, strided<[256, 1, 64, 16]>>)
      outs(%r : memref<1x16x4x4xf32>) loc(fused["relu_1", "add"])
    %flat = memref.reinterpret_cast %r to offset: [0], sizes: [1, 256], strides: [256, 1]
      : memref<1x16x4x4xf32> to memref<1x256xf32>
    %fc = tenon.load_global @fc_weight : memref<256x10xf32, strided<[1, 256]>>
    tenon.matmul ins(%flat, %fc : memref<1x256xf32>, memref<256x10xf32, strided<[1, 256]>>)
      outs(%out : memref<1x10xf32>) epilogue [] loc("linear")
    %part = memref.reinterpret_cast %r to offset: [16], sizes: [4], strides: [1]
      : memref<1x16x4x4xf32> to memref<4xf32, strided<[1], offset: 16>>
    %head = memref.reinterpret_cast %c to offset: [0], sizes: [4], strides: [1]
      : memref<1x16x4x4xf32, strided<[256, 1, 64, 16]>> to memref<4xf32>
    memref.copy %part, %head : memref<4xf32, strided<[1], offset: 16>> to memref<4xf32>
    return
  }
}
