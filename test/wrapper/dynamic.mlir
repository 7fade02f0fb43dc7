// Tests sizes that vary, guards, control flow, and output shapes.
// RUN: tenon-emit-wrapper %s > %t.cpp
// RUN: FileCheck %s --input-file %t.cpp
// RUN: clang++ -std=c++20 -Wall -Wextra -Werror -Wno-missing-field-initializers -fsyntax-only -I %S/../../runtime/include %t.cpp

// RUN: clang-format --style="{BasedOnStyle: LLVM, ColumnLimit: 120}" %t.cpp > %t.formatted.cpp
// RUN: diff %t.cpp %t.formatted.cpp
// CHECK: static constexpr int64_t input0_shape[] = {TENON_DYNAMIC, 4};
// CHECK: static constexpr tenon_symbol_info symbols[] = {
// CHECK-NEXT: {text[{{[0-9]+}}], 2, INT64_MAX},

// CHECK: constexpr DecomposeSpec factor_spec = {.kind = DecomposeKind::Cholesky, .upper = true};

// CHECK-LABEL: static void output_shapes(
// CHECK: const int64_t x_size0 = run.inputSize(0, 0);
// CHECK: const int64_t muli = x_size0 * 2;
// CHECK: shapes[0][0] = muli;
// CHECK-NEXT: shapes[0][1] = 4;
// CHECK-NEXT: shapes[1][0] = INT64_MIN;

// CHECK-LABEL: static void run(
// CHECK: int64_t output0_sizes[2];
// CHECK: output_shapes(run, sizes_of_outputs);
// CHECK: const int64_t x_size0 = run.inputSize(0, 0);
// CHECK: const int64_t y_size0 = output0_sizes[0];
// CHECK: const bool cmpi = x_size0 >= 2;
// CHECK: guard(run, cmpi, text[{{[0-9]+}}], {x_size0});
// CHECK: char *const arena = run.arena([[TOTAL:.*]]);
// CHECK: char *const scaled = arena + 64;
// CHECK: launch(run, kernel_scale, 4 * x_size0, 12, {x, scaled}, {x_size0, x_size0});
// CHECK: const float element = load<float>(run, scaled + 4);
// CHECK: const bool cmpf = element > 0.0;
// CHECK: if (cmpf) {
// CHECK: copy(run, view(DType::F32, scaled, {x_size0, 4}, {4, 1}),
// CHECK: } else {
// CHECK: for (int64_t step = 0; step < x_size0; step += 1) {
// CHECK: carried = addi_2;
// CHECK: while (true) {
// CHECK: if (!(cmpi_2))
// CHECK-NEXT: break;
// CHECK: checkIndex(run, view(DType::I64, ids, {3}, {1}), carried, text[{{[0-9]+}}]);
// CHECK: char *const kept = run.lateBuffer(0, 8 * [[LATE:[a-z0-9_]+]]);
// CHECK: checkIndex(run, view(DType::I64, kept, {[[LATE]]}, {1}), carried, text[{{[0-9]+}}], true);
// CHECK: checkDivisor(run, view(DType::I64, kept, {[[LATE]]}, {1}), text[{{[0-9]+}}]);
// CHECK: decompose(run, factor_spec, {view(DType::F32, scaled, {2, 2}, {4, 1})},
// CHECK-SAME: {{$}}
// CHECK-NEXT: {view(DType::F32, factor, {2, 2}, {2, 1}), view(DType::I32, info, {}, {})});
// CHECK: checkInfo(run, view(DType::I32, info, {}, {}), text[{{[0-9]+}}]);
// CHECK: run.setOutputSize(0, 0, [[LATE]]);
// CHECK: char *const [[STEPS:.*]] = static_cast<char *>(run.lateOutput(1, {[[LATE]]}));
// CHECK: copy(run, view(DType::I64, kept, {[[LATE]]}, {1}), view(DType::I64, [[STEPS]], {[[LATE]]}, {1}));
// CHECK: .hasDynamicShapes = true,

module attributes {
  tenon.model_name = "dynamic", tenon.torch_version = "2.14.1", tenon.in_spec = "", tenon.out_spec = "",
  tenon.inputs = [{name = "x", dtype = "float32", dims = ["s77", "4"]}, {name = "ids", dtype = "int64", dims = ["3"]}],
  tenon.outputs = [{name = "y", dtype = "float32", dims = ["2*s77", "4"]}, {name = "steps", dtype = "int64", dims = ["u0"]}],
  tenon.symbols = [{name = "s77", min = 2 : i64}]
} {
  func.func private @kernel_scale(!llvm.ptr, !llvm.ptr, index, index)
    attributes {tenon.kernel, tenon.extent = 4 : i64, tenon.extent_sizes = array<i64: 0>, tenon.unit_cost = 12 : i64}

  func.func @output_shapes(%x: memref<?x4xf32> {tenon.name = "x"}, %ids: memref<3xi64> {tenon.name = "ids"}) -> (index, index) {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %n = memref.dim %x, %c0 : memref<?x4xf32>
    %m = arith.muli %n, %c2 : index
    %unknown = arith.constant -9223372036854775808 : index
    return %m, %unknown : index, index
  }

  func.func @main(%x: memref<?x4xf32> {tenon.name = "x"}, %ids: memref<3xi64> {tenon.name = "ids"},
                  %y: memref<?x4xf32> {tenon.name = "y"}, %steps: memref<?xi64> {tenon.name = "steps"}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c16 = arith.constant 16 : index
    %c64 = arith.constant 64 : index
    %zero = arith.constant 0.0 : f32
    %n = memref.dim %x, %c0 : memref<?x4xf32>
    %m = memref.dim %y, %c0 : memref<?x4xf32>
    %ok = arith.cmpi sge, %n, %c2 : index
    tenon.guard %ok, "input \22x\22: {0} is below 2" (%n)
    %bytes = arith.muli %n, %c16 : index
    %total = arith.addi %bytes, %c64 : index
    tenon.arena %total
    %b = tenon.buffer(%n) at %c64 : memref<?x4xf32> loc("scaled")
    tenon.launch @kernel_scale ins(%x : memref<?x4xf32>) outs(%b : memref<?x4xf32>)
    %first = memref.load %b[%c0, %c1] : memref<?x4xf32>
    %positive = arith.cmpf ogt, %first, %zero : f32
    %top = memref.reinterpret_cast %y to offset: [0], sizes: [%n, 4], strides: [4, 1]
      : memref<?x4xf32> to memref<?x4xf32, strided<[4, 1]>>
    scf.if %positive {
      memref.copy %b, %top : memref<?x4xf32> to memref<?x4xf32, strided<[4, 1]>>
    } else {
      memref.copy %x, %top : memref<?x4xf32> to memref<?x4xf32, strided<[4, 1]>>
    }
    %sum = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %m) -> index {
      %next = arith.addi %acc, %i : index
      scf.yield %next : index
    }
    %last = scf.while (%a = %c0) : (index) -> index {
      %less = arith.cmpi slt, %a, %n : index
      scf.condition(%less) %a : index
    } do {
    ^bb0(%a: index):
      %next = arith.addi %a, %c1 : index
      scf.yield %next : index
    }
    tenon.check_index %ids, %sum, "aten.embedding" : memref<3xi64>
    %late = tenon.late_size %last at_most %n
    %kept = tenon.buffer(%late) {tenon.late_buffer = 0 : i64} : memref<?xi64> loc("kept")
    tenon.check_index %kept, %sum, "aten.index" {wraps} : memref<?xi64>
    tenon.check_divisor %kept, "aten.floor_divide" : memref<?xi64>
    %matrix = memref.reinterpret_cast %b to offset: [0], sizes: [2, 2], strides: [4, 1]
      : memref<?x4xf32> to memref<2x2xf32, strided<[4, 1]>>
    %factor = tenon.buffer {static_offset = 0 : i64} : memref<2x2xf32> loc("factor")
    %info = tenon.buffer {static_offset = 32 : i64} : memref<i32> loc("info")
    tenon.decompose cholesky ins(%matrix : memref<2x2xf32, strided<[4, 1]>>) outs(%factor, %info : memref<2x2xf32>, memref<i32>)
      {upper = true} loc("factor")
    tenon.check_info %info, "matrix {1} fails at {0}; pass another" : memref<i32>
    tenon.output_size %late, 0, 0
    %memory = tenon.late_output 1(%late) : memref<?xi64> loc("steps")
    memref.copy %kept, %memory : memref<?xi64> to memref<?xi64>
    return
  }
}
