// Tests the command line of compile and inspect on frozen archives: outputs, determinism, exit codes, one-sentence errors.
// RUN: rm -rf %t && mkdir %t
// RUN: tenon compile %S/../fixtures/mlp.pt2 -o %t/a.so --save-ir %t/ir > %t/silent.txt 2>&1
// RUN: count 0 < %t/silent.txt && rm %t/silent.txt
// RUN: tenon compile %S/../fixtures/mlp.pt2 -o %t/b.so
// RUN: cmp %t/a.so %t/b.so
// RUN: ls %t/ir | FileCheck %s --check-prefix=STAGES
// RUN: ls %t | FileCheck %s --check-prefix=FILES
// RUN: llvm-nm -D --defined-only %t/a.so | FileCheck %s --check-prefix=SYMBOLS
// RUN: tenon inspect %t/a.so | FileCheck %s --check-prefix=INSPECT
// RUN: tenon inspect %S/../fixtures/mlp.pt2 --json | FileCheck %s --check-prefix=JSON
// RUN: tenon compile %S/../fixtures/mlp.pt2 -o %t/c.so --weights file && ls %t | FileCheck %s --check-prefix=WEIGHTS
// RUN: not tenon compile %S/../fixtures/import_unsupported.pt2 -o %t/none.so 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not tenon compile %S/../fixtures/mlp.pt2 -o %t/none.so --tune 2>&1 | FileCheck %s --check-prefix=TUNE
// RUN: not tenon compile --bogus 2>&1 | FileCheck %s --check-prefix=USAGE
// RUN: not tenon inspect %s 2>&1 | FileCheck %s --check-prefix=ARCHIVE
// RUN: not ls %t/none.so

// STAGES:      01-import.mlir
// STAGES-NEXT: 02-normalize.mlir
// STAGES-NEXT: 03-fuse.mlir
// STAGES-NEXT: 04-buffers.mlir
// STAGES-NEXT: 05-kernels.mlir
// STAGES-NEXT: 06-wrapper.cpp

// FILES:      a.so
// FILES-NEXT: b.so
// FILES-NEXT: ir
// FILES-NOT:  {{.}}

// SYMBOLS:     T tenon_model_entry
// SYMBOLS-NOT: {{.}}

// INSPECT: kind: model
// INSPECT: library_calls: 2
// INSPECT: input: float32 [2, 3]

// JSON: "kind": "archive"
// JSON: "torch.ops.aten.linear.default": 2

// WEIGHTS: c.so
// WEIGHTS: c.weights

// MISSING:      {{.*}}import_unsupported.pt2: 2 operations are not supported; rewrite the lines below
// MISSING-NEXT: mine.spin.default: no importer row (2 times)
// MISSING-NEXT: at make_import_fixtures.py:{{[0-9]+}} in forward: y = spin(x)

// TUNE: tenon: --tune is not built yet; leave it out
// USAGE: tenon: {{.+}}; see 'tenon --help'
// ARCHIVE: tenon: {{.*}}compile.mlir
