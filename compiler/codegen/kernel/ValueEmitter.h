//===- ValueEmitter.h - values of a kernel at one point of its domain ---------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Values are computed on demand, each in the outermost loop that knows all it depends on: the code comes out with invariants
// hoisted and shared work done once, without a pass that would have to prove what the strides already say.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_KERNEL_VALUEEMITTER_H
#define TENON_CODEGEN_KERNEL_VALUEEMITTER_H

#include "compiler/codegen/kernel/KernelSchedule.h"
#include "mlir/IR/Builders.h"

namespace tenon {

/// A value in registers, in the scope number `depth`. Scalars that vector code uses are broadcast there, too.
struct Lane {
  mlir::Value value;
  unsigned depth = 0;
  bool isVector = false;
  mlir::Value base; ///< an integer vector of base, base + 1, …; then `value` may be null until somebody needs it
};

class ValueEmitter {
public:
  /// `keepsRounding`: values of half-width types are rounded to them in registers, too.
  ValueEmitter(mlir::OpBuilder &builder, mlir::Location loc, const KernelDomain &domain, const KernelSchedule &schedule,
               bool keepsRounding)
      : builder(builder), loc(loc), domain(domain), schedule(schedule), keepsRounding(keepsRounding) {}

  /// Opens scope 0, the end of `entry`, and binds the buffers and scratch rows.
  void begin(mlir::Block *entry);
  bool hasFailed() const { return failed; }

  //===--- scopes ----------------------------------------------------------------------------------------------------===//
  using LoopBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value position, mlir::ValueRange carried)>;
  using BranchBody = llvm::function_ref<llvm::SmallVector<mlir::Value>()>;
  /// A loop in the innermost scope; its body is a scope of its own. Returns what it carries out.
  llvm::SmallVector<mlir::Value> loop(mlir::Value lower, mlir::Value upper, mlir::Value step, mlir::ValueRange carried,
                                      LoopBody body);
  /// `body` where `condition` holds; elsewhere `carried` stays.
  llvm::SmallVector<mlir::Value> branch(mlir::Value condition, mlir::ValueRange carried, BranchBody body);
  unsigned depth() const { return scopes.size() - 1; }
  /// The builder, at the end of a scope.
  mlir::OpBuilder &at(unsigned depth) {
    builder.restoreInsertionPoint(scopes[depth].point);
    return builder;
  }
  mlir::OpBuilder &here() { return at(depth()); }

  //===--- positions -------------------------------------------------------------------------------------------------===//
  /// Dimension `dim` stands at `position`, a value of the innermost scope.
  void setPosition(unsigned dim, mlir::Value position) { positions[dim] = {position, depth(), false, {}}; }
  /// Vector code from here on: one instance per entry of `starts`, lanes outside of `mask` (may be null) do not exist.
  void enterVectors(llvm::ArrayRef<mlir::Value> starts, mlir::Value mask);
  void leaveVectors();
  bool isVector() const { return !vectorStarts.empty(); }
  unsigned numInstances() const { return isVector() ? vectorStarts.size() : 1; }
  mlir::Value mask() const { return vectorMask; }

  //===--- values ----------------------------------------------------------------------------------------------------===//
  Lane evaluate(mlir::Value value, unsigned instance);
  Lane evaluateTensor(mlir::Value tensor, unsigned instance);
  Lane evaluateOperand(mlir::OpOperand &operand, unsigned instance);
  /// Makes `value` (of the innermost scope) the meaning of `key`.
  void define(mlir::Value key, unsigned instance, mlir::Value value);
  /// Later reads of scratch row `index` load it.
  void finishScratch(unsigned index) { loadableScratch[schedule.scratch[index].tensor] = &schedule.scratch[index].access; }
  void store(const Access &access, Lane lane, unsigned instance);
  /// The value as instances of vector code use it: a vector there, a scalar elsewhere.
  mlir::Value widened(Lane &lane);

  //===--- constants and sizes, all in scope 0 -----------------------------------------------------------------------===//
  mlir::Value constant(mlir::TypedAttr attribute);
  mlir::Value index(int64_t value) { return constant(builder.getIndexAttr(value)); }
  mlir::Value size(const SizeProduct &product);
  mlir::Value splat(mlir::TypedAttr element);
  mlir::Value vectorStep(); ///< elements per vector
  mlir::VectorType vectorOf(mlir::Type element) const {
    return mlir::VectorType::get({schedule.lanes}, element, {schedule.scalable});
  }
  mlir::Operation *cloneFor(mlir::Operation *op, mlir::ValueRange operands, unsigned depth);

private:
  struct Scope {
    mlir::OpBuilder::InsertPoint point;
    llvm::DenseMap<std::pair<int, mlir::Value>, Lane> values;
    llvm::DenseMap<std::pair<int, const void *>, Lane> loads;
    llvm::DenseMap<mlir::Value, mlir::Value> splats;
  };
  /// Where an element lies: `offset` elements from the buffer's start, and `lanes` more, one entry per lane.
  struct Address {
    mlir::Value offset;
    unsigned depth = 0;
    bool isContiguous = false;
    mlir::Value lanes;
    int64_t laneStride = 0; ///< of equidistant lanes, where it is known
    bool isVector() const { return isContiguous || lanes; }
  };

  Lane *find(mlir::Value value, unsigned instance);
  Lane remember(mlir::Value key, unsigned instance, Lane lane);
  Lane compute(mlir::Value value, unsigned instance);
  Lane computeElementwise(mlir::Operation *op, unsigned instance);
  std::optional<Lane> computeConsecutive(mlir::Operation *op, llvm::ArrayRef<Lane> operands);
  Lane positionOf(int dim, unsigned instance);
  Lane extract(mlir::tensor::ExtractOp op, unsigned instance);
  Lane load(const Access &access, unsigned instance);
  Lane loadFrom(unsigned buffer, const Address &address);
  mlir::Value loadEveryOther(mlir::Value base, const Address &address);
  Address addressOf(const Access &access, unsigned instance);
  Address sumOf(llvm::SmallVector<std::pair<Lane, const SizeProduct *>> terms);
  void addTerm(Address &address, Lane position, const SizeProduct &stride);
  void addOffset(Address &address, mlir::Value term, unsigned depth);
  mlir::Value allLanes();
  mlir::Value strideLanes(const SizeProduct &stride);
  mlir::Value fromStorage(mlir::Value value, mlir::Type element);
  mlir::Value toStorage(mlir::Value value, mlir::Type element);
  mlir::Value roundToBF16(mlir::Value value);
  mlir::Value rounded(mlir::Value value, mlir::Type element);
  mlir::Value reinterpreted(mlir::Value value, mlir::Type from, mlir::Type to);
  mlir::Value like(mlir::Type type, mlir::TypedAttr element);
  mlir::Value integerLike(mlir::Type shape, unsigned width, int64_t value);
  mlir::Type elementTypeOf(unsigned buffer) const;
  Lane fail(mlir::Operation *op, mlir::Type type, const llvm::Twine &message);
  void bindBuffer(mlir::Value table, unsigned index);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  const KernelDomain &domain;
  const KernelSchedule &schedule;
  bool keepsRounding;
  bool failed = false;
  llvm::SmallVector<Scope> scopes;
  llvm::SmallVector<mlir::Value> buffers; ///< the kernel's, then the scratch rows
  llvm::SmallVector<Lane> positions;
  llvm::SmallVector<mlir::Value> vectorStarts;
  mlir::Value vectorMask;
  unsigned vectorDepth = 0;
  llvm::DenseMap<mlir::Attribute, mlir::Value> constants;
  llvm::DenseMap<unsigned, mlir::Value> tableSizes;
  llvm::DenseMap<mlir::Value, const Access *> loadableScratch;
  llvm::DenseMap<std::pair<mlir::Value, mlir::Type>, mlir::Value> storedForm; ///< of rounded and loaded values
  mlir::Value sizeTable, laneNumbers, elementsPerVector;
};

} // namespace tenon

#endif // TENON_CODEGEN_KERNEL_VALUEEMITTER_H
