//===- ImportTest.cpp - frozen programs and what becomes of them --------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Import.h"
#include "compiler/frontend/archive/Archive.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

#include <catch2/catch_test_macros.hpp>

using namespace tenon;

namespace {

struct Imported {
  std::unique_ptr<frontend::Archive> archive;
  mlir::MLIRContext context;
  std::vector<UnsupportedOp> unsupported;
  mlir::OwningOpRef<mlir::ModuleOp> module;

  explicit Imported(const std::string &name) {
    auto opened = frontend::Archive::open(std::string(TENON_FIXTURES) + "/" + name + ".pt2");
    REQUIRE(static_cast<bool>(opened));
    archive = std::move(*opened);
    module = importProgram(context, archive->program(), {}, unsupported);
    if (module)
      REQUIRE(mlir::succeeded(mlir::verify(*module)));
  }

  template <typename Op> int count() {
    int number = 0;
    module->walk([&](Op) { ++number; });
    return number;
  }
  template <typename Op> Op only() {
    REQUIRE(count<Op>() == 1);
    Op found;
    module->walk([&](Op op) { found = op; });
    return found;
  }
  std::string text() {
    std::string result;
    llvm::raw_string_ostream stream(result);
    module->print(stream);
    return result;
  }
  bool says(const std::string &part) { return text().find(part) != std::string::npos; }
};

} // namespace

TEST_CASE("a static program has neither guards nor size arithmetic") {
  Imported p("conv_bn_relu");
  REQUIRE(p.module);
  CHECK(p.count<GuardOp>() == 0);
  CHECK(p.count<mlir::tensor::DimOp>() == 0);
}

TEST_CASE("batch norm is a scale and a shift per channel beside the convolution") {
  Imported p("conv_bn_relu");
  REQUIRE(p.module);
  CHECK(p.only<ConvOp>().getGroups() == 1);
  CHECK(p.only<ActivationOp>().getKind() == ActivationKind::Relu);
  int perChannel = 0;
  p.module->walk([&](mlir::linalg::GenericOp op) {
    perChannel += mlir::cast<mlir::RankedTensorType>(op.getResult(0).getType()).getRank() == 1;
  });
  CHECK(perChannel == 2);
}

TEST_CASE("a weight that is not row-major keeps its strides") {
  Imported p("conv_bn_relu");
  REQUIRE(p.module);
  bool found = false;
  p.module->walk(
      [&](GlobalOp global) { found |= global.getStrides().has_value() && global.getKind() == GlobalKind::Weight; });
  CHECK(found);
}

TEST_CASE("a mutated buffer is a state, in both dialects") {
  for (const char *name : {"buffer_mutation", "buffer_mutation_functional"}) {
    INFO(name);
    Imported p(name);
    REQUIRE(p.module);
    auto store = p.only<StoreGlobalOp>();
    auto global = mlir::SymbolTable::lookupNearestSymbolFrom<GlobalOp>(store, store.getGlobalAttr());
    CHECK(global.getKind() == GlobalKind::State);
    CHECK(global.getNameInModel() == "calls");
    // The sum reads the new value, not the loaded one.
    CHECK(mlir::isa<mlir::linalg::GenericOp>(store.getValue().getDefiningOp()));
    CHECK_FALSE(store.getValue().hasOneUse());
  }
}

TEST_CASE("sizes are guarded: range, and the equation of a derived dimension") {
  Imported p("dynamic_shapes");
  REQUIRE(p.module);
  CHECK(p.count<GuardOp>() == 5); // those three, and the two relations of guards_code
  CHECK(p.says("input 'x' has size {0} in dimension 0; it must be at least 2"));
  CHECK(p.says("input 'x' has size {0} in dimension 0; it must be at most 64"));
  CHECK(p.says("input 'y' has size {0} in dimension 0; it must be 2*"));
}

TEST_CASE("relations found while tracing are guards, also inside nested arguments") {
  Imported p("import_guards");
  REQUIRE(p.module);
  CHECK(p.says("input 'inputs_x' has size {0} in dimension 0; the exported program takes sizes for which L['inputs']['x'].size()[0] <= 16"));
}

TEST_CASE("a burned-in input is no argument, an integer output is a 0-d tensor") {
  Imported p("dynamic_shapes");
  REQUIRE(p.module);
  auto main = p.only<mlir::func::FuncOp>();
  CHECK(main.getNumArguments() == 2);
  CHECK(main.getResultTypes()[1] == mlir::RankedTensorType::get({}, mlir::IntegerType::get(&p.context, 64)));
  CHECK(main.getArgAttrOfType<mlir::StringAttr>(0, "tenon.name") == "x");
  auto spec = (*p.module)->getAttrOfType<mlir::StringAttr>("tenon.in_spec").getValue();
  CHECK(spec.contains(R"({"tensor":1},{"value":2.5})"));
}

TEST_CASE("a tied weight is one global") {
  Imported p("tied_weights");
  REQUIRE(p.module);
  std::set<std::string> names;
  p.module->walk([&](GlobalOp global) { CHECK(names.insert(global.getNameInModel()->str()).second); });
}

TEST_CASE("in-place ops write through chains of views, and every alias sees them") {
  Imported p("import_views");
  REQUIRE(p.module);
  CHECK(p.count<mlir::tensor::InsertSliceOp>() == 2);
  auto results = mlir::cast<mlir::func::ReturnOp>(p.only<mlir::func::FuncOp>().front().getTerminator()).getOperands();
  // y after both writes, and y.view(-1) of the same value.
  CHECK(mlir::isa<mlir::tensor::InsertSliceOp>(results[0].getDefiningOp()));
  auto flat = mlir::dyn_cast<ReshapeOp>(results[2].getDefiningOp());
  REQUIRE(flat);
  CHECK(flat.getSource() == results[0]);
}

TEST_CASE("results have ATen's dtypes") {
  Imported p("import_promotion");
  REQUIRE(p.module);
  auto types = p.only<mlir::func::FuncOp>().getResultTypes();
  auto element = [&](size_t i) { return mlir::cast<mlir::RankedTensorType>(types[i]).getElementType(); };
  CHECK(element(0).isF32());
  CHECK(element(1).isF32());
  CHECK(element(2).isBF16());
  CHECK(element(3).isInteger(64));
  CHECK(element(4).isInteger(1));
}

TEST_CASE("a region under no_grad is inlined") {
  Imported p("import_no_grad");
  REQUIRE(p.module);
  CHECK(p.count<mlir::linalg::GenericOp>() == 2);
  CHECK(p.count<mlir::func::FuncOp>() == 1);
}

TEST_CASE("everything unsupported is reported at once, with its Python line and count") {
  Imported p("import_unsupported");
  CHECK_FALSE(p.module);
  REQUIRE(p.unsupported.size() == 2);
  CHECK(p.unsupported[0].target == "mine.spin.default");
  CHECK(p.unsupported[0].reason == "no importer row");
  CHECK(p.unsupported[0].count == 2);
  CHECK(p.unsupported[0].pythonLine.find("in forward: y = spin(x)") != std::string::npos);
  CHECK(p.unsupported[1].target == "mine.tilt.default");
}

TEST_CASE("a program that writes its input stores its value at the end") {
  Imported p("import_writes_input");
  REQUIRE(p.module);
  CHECK(p.only<tenon::StoreInputOp>().getIndex() == 0);
  CHECK(p.only<mlir::func::FuncOp>().getArgAttr(0, "tenon.mutated"));
}

TEST_CASE("while_loop becomes a loop on tensors") {
  Imported loop("while_loop");
  REQUIRE(loop.module);
  CHECK(loop.count<mlir::scf::WhileOp>() == 1);
}
