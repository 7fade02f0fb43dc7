//===- Matmul.cpp - tenon.matmul -------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The candidates, best first:
//   gemv       one row by a matrix whose columns are contiguous: reads the weights where they lie
//   oneDNN     with the epilogue as post-ops; constant rhs packed once
//   oneDNN     on dense copies of operands whose strides it refuses
//   oneDNN     without post-ops, the epilogue in a second pass
//   oneDNN     the same four on f32 copies of half-width operands, where it does not multiply those: constant rhs extended
//              once, at load; the result rounded once
//   tiles      bf16 where the CPU has BFMMLA, which oneDNN does not use: before it, of few rows by what is no constant before
//              its f32 copies; rhs is packed once where it is a constant, else once per call
//   tiles      f32 where oneDNN has plain loops only (arm64 without SVE): tile products, which are OpenBLAS there
//   loops      every other dtype
//
// Zen 5, f32, one thread, GFLOPS of 277 peak, oneDNN packed / oneDNN plain / OpenBLAS (AVX2 kernels there):
//   128x768x3072 261/248/126   128x3072x768 267/235/126   4x768x3072 211/160/59   12 x 128x64x128 265/268/121
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Convert.h"
#include "Epilogue.h"
#include "MatmulShapes.h"
#include "NanWatch.h"
#include "PackedOperands.h"
#include "ReferenceMatmul.h"
#include "TileGemm.h"
#include "loops/RowLoops.h"
#include "onednn/Primitive.h"

#include <algorithm>
#include <limits>

using namespace tenon;
using namespace tenon::library;
using dnnl::memory;

namespace {
/// How an operand reaches the product: where it lies, or as a dense copy with elements of `dtype`.
struct Staging {
  bool copies = false;
  DType dtype = DType::F32;

  TensorView of(const TensorView &operand, void *memory) const {
    TensorView staged = copies ? denseLike(operand, memory) : operand;
    staged.dtype = copies ? dtype : operand.dtype;
    return staged;
  }
};

struct MatmulPlan {
  enum class Route { Gemv, OneDnn, Tiles, Loops } route = Route::Loops;
  std::string implementation = "ref:loops";
  std::unique_ptr<onednn::Primitive> primitive;
  void *packedRhs = nullptr;
  Staging lhs, rhs, output, bias;
  bool fusesEpilogue = true;
  bool packsTiles = false; ///< rhs is multiplied as packed tiles of bf16
  size_t scratchpadBytes = 0;
};

struct MatmulSite : PlanCache<MatmulPlan> {
  onednn::PackedConstants constants;
  PreparedConstants packedTiles;
  TileGemms tiles;
  NanWatch nans;
};

struct MatmulCall {
  RunContext &context;
  const MatmulSpec &spec;
  const MatmulOperands &operands;
  const TensorView *bias;

  bool hasConstantRhs() const { return spec.rhsIsConstant || spec.isOneOfConstants; }
};
} // namespace

//===--- plans -------------------------------------------------------------------------------------------------------===//

/// Returns true for one row by rows of rhs, with an epilogue that costs less than the product.
static bool canUseGemv(const MatmulCall &call) {
  const MatmulOperands &operands = call.operands;
  bool hasType = isComputedInF32(operands.lhs.dtype) && isComputedInF32(operands.rhs.dtype) && isComputedInF32(operands.output.dtype);
  return hasType && operands.rank() == 2 && operands.m() == 1 && operands.lhs.strides[1] == 1 && operands.rhs.strides[0] == 1 &&
         BoundEpilogue(call.spec.epilogue, operands.extraViews(), operands.output).isCheap();
}

static bool isDenseMatrix(const TensorView &view) {
  int64_t row = view.strides[view.rank - 2], column = view.strides[view.rank - 1];
  int64_t m = view.sizes[view.rank - 2], n = view.sizes[view.rank - 1];
  return (column == 1 && row >= n) || (row == 1 && column >= m);
}

/// True where oneDNN 3.12 misreads rhs: of a batch of matrices of one row it takes the second right behind the first,
/// whatever their stride.
static bool needsDenseRhs(const MatmulOperands &operands) {
  const TensorView dense = denseLike(operands.rhs, nullptr);
  return operands.k() == 1 && operands.numBatches() > 1 &&
         !std::equal(dense.strides, dense.strides + dense.rank, operands.rhs.strides);
}

/// True where the rows of `view` are contiguous and do not overlap.
static bool hasPlainRows(const TensorView &view) {
  return view.strides[view.rank - 1] == 1 && view.strides[view.rank - 2] >= view.sizes[view.rank - 1];
}

static bool multipliesBf16(const MatmulOperands &operands) {
  return operands.lhs.dtype == DType::BF16 && operands.rhs.dtype == DType::BF16;
}

/// True where rhs is the same in each call and oneDNN can read it where it lies.
static bool canPackOnce(const MatmulCall &call) {
  return call.spec.rhsIsConstant && onednn::describe(call.operands.rhs);
}

/// Plans products of tiles of `type`, which is F32, or BF16 where both operands are; returns false where they have no such dtype.
static bool planTiles(MatmulSite &site, const MatmulCall &call, DType type, MatmulPlan &plan) {
  const MatmulOperands &operands = call.operands;
  for (const TensorView *view : {&operands.lhs, &operands.rhs, &operands.output})
    if (!isComputedInF32(view->dtype) || spanInElements(*view) > std::numeric_limits<int32_t>::max())
      return false;
  plan = MatmulPlan();
  plan.route = MatmulPlan::Route::Tiles;
  plan.fusesEpilogue = false;
  plan.packsTiles = type == DType::BF16;
  plan.lhs = {operands.lhs.dtype != type || !hasPlainRows(operands.lhs), type};
  plan.rhs = {!plan.packsTiles && (operands.rhs.dtype != type || !hasPlainRows(operands.rhs)), type};
  plan.output.copies = isHalf(operands.output.dtype) || !hasPlainRows(operands.output);
  if (plan.rhs.copies && canPackOnce(call)) {
    plan.packedRhs = site.constants.get(call.context, onednn::describe(operands.rhs), operands.rhs,
                                        onednn::describe(plan.rhs.of(operands.rhs, nullptr)));
    plan.rhs.copies = false;
  }
  if (plan.packsTiles && !call.hasConstantRhs())
    plan.scratchpadBytes = packedBytes(operands.rhs);
  plan.implementation = site.tiles.implementation(type);
  return true;
}

/// True for oneDNN's implementations that are plain loops. Its "gemm:jit:f32" has kernels on x86-64 only.
static bool isUntuned(std::string_view implementation) {
#ifdef __aarch64__
  if (implementation.starts_with("gemm:"))
    return true;
#endif
  return onednn::isReference(implementation);
}

namespace {
/// What a candidate of oneDNN's does beside its product.
struct Attempt {
  bool widens, fusesEpilogue, onCopies;
};
} // namespace

/// Tries to make the plan's primitive; returns false where oneDNN has none but loops.
static bool makePrimitive(MatmulSite &site, const MatmulCall &call, Attempt attempt, MatmulPlan &plan) {
  const MatmulOperands &operands = call.operands;
  bool onCopies = attempt.onCopies, fusesEpilogue = attempt.fusesEpilogue;
  auto changesType = [&](const TensorView &view) { return attempt.widens && isHalf(view.dtype); };
  auto typeOf = [&](const TensorView &view) { return changesType(view) ? DType::F32 : view.dtype; };
  if (!onednn::isUsable() || !onednn::dataType(operands.lhs.dtype) || !onednn::dataType(operands.rhs.dtype) ||
      !onednn::dataType(operands.output.dtype) || (call.bias && !onednn::dataType(call.bias->dtype)))
    return false;
  bool packsRhs = canPackOnce(call) && operands.numBatches() == 1;
  bool lhsIsPlain = isDenseMatrix(operands.lhs), outputIsPlain = operands.output.strides[operands.rank() - 1] == 1;
  bool rhsIsPlain = isDenseMatrix(operands.rhs) && !needsDenseRhs(operands);
  if ((needsDenseRhs(operands) && !onCopies) || (onCopies && lhsIsPlain && (packsRhs || rhsIsPlain) && outputIsPlain))
    return false;
  plan.lhs = {changesType(operands.lhs) || (onCopies && !lhsIsPlain), typeOf(operands.lhs)};
  plan.rhs = {!packsRhs && (changesType(operands.rhs) || (onCopies && !rhsIsPlain)), typeOf(operands.rhs)};
  plan.output = {changesType(operands.output) || (onCopies && !outputIsPlain), typeOf(operands.output)};
  plan.bias = {call.bias && changesType(*call.bias), DType::F32};
  TensorView lhs = plan.lhs.of(operands.lhs, nullptr), rhs = plan.rhs.of(operands.rhs, nullptr);
  TensorView output = plan.output.of(operands.output, nullptr);
  auto steps = fusesEpilogue ? onednn::postOps(call.spec.epilogue, operands.extraViews(), output) : onednn::PostOps();
  if (!steps)
    return false;

  memory::desc lhsLayout = onednn::describe(lhs), rhsLayout = onednn::describe(rhs), biasLayout;
  memory::desc outputLayout = onednn::describe(output);
  if (!lhsLayout || (!packsRhs && !rhsLayout) || !outputLayout)
    return false;
  if (packsRhs) // f32 rows meet half-width weights as f32 ones
    rhsLayout = memory::desc(rhsLayout.get_dims(), *onednn::dataType(lhs.dtype), memory::format_tag::any);
  if (call.bias) {
    memory::dims sizes(operands.rank(), 1);
    sizes.back() = operands.n();
    memory::dims strides(operands.rank(), operands.n());
    strides.back() = 1;
    biasLayout = memory::desc(sizes, *onednn::dataType(typeOf(*call.bias)), strides);
  }
  dnnl::matmul::primitive_desc description(onednn::engine(), lhsLayout, rhsLayout, biasLayout, outputLayout,
                                           onednn::attributes(steps->steps), true);
  if (!description || isUntuned(description.impl_info_str()))
    return false;

  std::vector<std::pair<int, memory::desc>> arguments = {{DNNL_ARG_SRC, description.src_desc()},
                                                         {DNNL_ARG_WEIGHTS, description.weights_desc()},
                                                         {DNNL_ARG_DST, description.dst_desc()}};
  if (call.bias)
    arguments.emplace_back(DNNL_ARG_BIAS, biasLayout);
  arguments.insert(arguments.end(), steps->extras.begin(), steps->extras.end());
  arguments.emplace_back(DNNL_ARG_SCRATCHPAD, description.scratchpad_desc());
  plan.route = MatmulPlan::Route::OneDnn;
  plan.implementation = description.impl_info_str();
  plan.fusesEpilogue = fusesEpilogue;
  plan.scratchpadBytes = description.scratchpad_desc().get_size();
  plan.primitive = std::make_unique<onednn::Primitive>(dnnl::matmul(description), std::move(arguments));
  if (packsRhs)
    plan.packedRhs = site.constants.get(call.context, onednn::describe(operands.rhs), operands.rhs, description.weights_desc());
  else if (plan.rhs.copies && canPackOnce(call)) {
    plan.packedRhs = site.constants.get(call.context, onednn::describe(operands.rhs), operands.rhs, onednn::describe(rhs));
    plan.rhs.copies = false;
  }
  return true;
}

static std::shared_ptr<const MatmulPlan> makePlan(MatmulSite &site, const MatmulCall &call, bool mayUsePostOps) {
  auto plan = std::make_shared<MatmulPlan>();
  if (canUseGemv(call)) {
    plan->route = MatmulPlan::Route::Gemv;
    plan->implementation = "gemv";
    return plan;
  }
  bool biasIsDense = !call.bias || call.bias->strides[0] == 1 || call.operands.n() == 1;
  const MatmulOperands &operands = call.operands;
  bool hasHalf = isHalf(operands.lhs.dtype) || isHalf(operands.rhs.dtype) || isHalf(operands.output.dtype);
  auto makeAny = [&](bool widens) {
    for (bool fusesEpilogue : {true, false})
      for (bool onCopies : {false, true})
        if (biasIsDense && operands.k() > 0 && (mayUsePostOps || !fusesEpilogue) &&
            makePrimitive(site, call, {widens, fusesEpilogue, onCopies}, *plan))
          return true;
    return false;
  };
  // oneDNN 3.12 multiplies bf16 by BFDOT on arm64, which does half as much as BFMMLA; a few rows are bound by reading rhs, which
  // packing does as well.
  constexpr int64_t fewRows = 8;
  bool hasBf16Tiles = operands.k() > 0 && multipliesBf16(operands) && TileGemms::hasBf16Products();
  bool isWorthPacking = call.hasConstantRhs() || operands.m() >= fewRows;
  bool isPlanned = hasBf16Tiles && isWorthPacking && planTiles(site, call, DType::BF16, *plan);
  isPlanned = isPlanned || makeAny(false) || (hasBf16Tiles && planTiles(site, call, DType::BF16, *plan));
  isPlanned = isPlanned || (hasHalf && makeAny(true)) || (operands.k() > 0 && planTiles(site, call, DType::F32, *plan));
  if (!isPlanned) {
    *plan = MatmulPlan();
    onednn::warnIfReference(plan->implementation, "matmul");
  }
  return plan;
}

//===--- execution ---------------------------------------------------------------------------------------------------===//

/// result[j] = row x column `first + j` of rhs.
static void multiplyRow(const TensorView &rhs, const float *row, int64_t length, int64_t first, int64_t count, float *result) {
  const RowLoops &loops = rowLoops();
  int64_t stride = rhs.strides[1];
  switch (rhs.dtype) {
  case DType::BF16:
    return loops.dotRowsBF16(row, static_cast<const BFloat16 *>(rhs.data) + first * stride, stride, length, count, result);
  case DType::F16:
    return loops.dotRowsF16(row, static_cast<const _Float16 *>(rhs.data) + first * stride, stride, length, count, result);
  default:
    return loops.dotRows(row, static_cast<const float *>(rhs.data) + first * stride, stride, length, count, result);
  }
}

static void runGemv(const MatmulCall &call) {
  // A task is long enough (some microseconds) to pay for its start, and starts at a multiple of the unrolling.
  constexpr int64_t productsPerTask = 1 << 17;
  const MatmulOperands &operands = call.operands;
  auto *row = static_cast<const float *>(operands.lhs.data);
  if (isHalf(operands.lhs.dtype)) {
    auto *extended = static_cast<float *>(call.context.scratch(static_cast<size_t>(operands.k()) * sizeof(float)));
    readElements(operands.lhs.dtype, operands.lhs.data, operands.k(), extended);
    row = extended;
  }
  int64_t rowsPerTask = std::max<int64_t>(4, productsPerTask / std::max<int64_t>(1, operands.k()) / 4 * 4);
  BoundEpilogue epilogue(call.spec.epilogue, operands.extraViews(), operands.output);
  int64_t stride = operands.output.strides[1];
  call.context.parallelFor((operands.n() + rowsPerTask - 1) / rowsPerTask, [&](int64_t task) {
    constexpr int64_t chunk = 64;
    int64_t end = std::min(operands.n(), (task + 1) * rowsPerTask);
    for (int64_t first = task * rowsPerTask; first < end; first += chunk) {
      float sums[chunk];
      int64_t count = std::min(chunk, end - first);
      multiplyRow(operands.rhs, row, operands.k(), first, count, sums);
      for (int64_t j = 0; j < count; ++j) {
        double value = sums[j];
        if (call.bias)
          value += loadElement<double>(*call.bias, (first + j) * call.bias->strides[0]);
        storeElement(operands.output, (first + j) * stride, epilogue.isEmpty() ? value : epilogue(value, 0, first + j));
      }
    }
  });
}

static size_t alignedBytes(const TensorView &view, DType dtype) {
  return (static_cast<size_t>(countElements(view)) * sizeInBytes(dtype) + 63) / 64 * 64;
}

namespace {
/// The operands a plan works on, copied where it asks for copies, and the scratch memory behind them.
struct StagedOperands {
  TensorView lhs, rhs, output, bias;
  char *rest;
};
} // namespace

static StagedOperands stageOperands(const MatmulCall &call, const MatmulPlan &plan) {
  const MatmulOperands &operands = call.operands;
  TensorView noBias;
  const TensorView &bias = call.bias ? *call.bias : noBias;
  size_t bytes = plan.scratchpadBytes + 64;
  for (auto [staging, view] : {std::pair(plan.lhs, &operands.lhs), std::pair(plan.rhs, &operands.rhs),
                               std::pair(plan.output, &operands.output), std::pair(plan.bias, &bias)})
    bytes += staging.copies ? alignedBytes(*view, staging.dtype) : 0;
  char *next = static_cast<char *>(call.context.scratch(bytes));
  auto stage = [&](const Staging &staging, const TensorView &view, bool isRead) {
    TensorView staged = staging.of(view, next);
    if (staging.copies)
      next += alignedBytes(view, staging.dtype);
    if (staging.copies && isRead)
      copyOrConvert(call.context, view, staged);
    return staged;
  };
  StagedOperands staged = {stage(plan.lhs, operands.lhs, true), stage(plan.rhs, operands.rhs, true),
                           stage(plan.output, operands.output, false), stage(plan.bias, bias, true), nullptr};
  staged.rest = next;
  return staged;
}

static void finish(const MatmulCall &call, const MatmulPlan &plan, const StagedOperands &staged) {
  if (plan.output.copies)
    copyOrConvert(call.context, staged.output, call.operands.output);
  if (!plan.fusesEpilogue)
    applyEpilogue(call.context, call.spec.epilogue, call.operands.extraViews(), call.operands.output);
}

static void runPrimitive(const MatmulCall &call, const MatmulPlan &plan) {
  const MatmulOperands &operands = call.operands;
  StagedOperands staged = stageOperands(call, plan);
  void *data[16] = {staged.lhs.data, plan.packedRhs ? plan.packedRhs : staged.rhs.data, staged.output.data};
  int32_t count = 3;
  if (call.bias)
    data[count++] = staged.bias.data;
  for (int32_t i = 0; plan.fusesEpilogue && i < operands.numExtras; ++i)
    data[count++] = operands.extras[i].data;
  data[count++] = staged.rest;
  plan.primitive->execute(data);
  finish(call, plan, staged);
}

/// Writes the bias to the `rows` x `columns` block at `result`, to be added to.
static void fillWithBias(const TensorView &bias, int64_t firstColumn, int64_t rows, int64_t columns, float *result,
                         int64_t stride) {
  for (int64_t j = 0; j < columns; ++j)
    result[j] = static_cast<float>(loadElement<double>(bias, (firstColumn + j) * bias.strides[0]));
  for (int64_t i = 1; i < rows; ++i)
    std::copy_n(result, columns, result + i * stride);
}

static const BFloat16 *packConstantTiles(MatmulSite &site, const MatmulCall &call) {
  const TensorView &rhs = call.operands.rhs;
  return static_cast<const BFloat16 *>(site.packedTiles.get(call.context, rhs, packedBytes(rhs), [&](void *memory) {
    packMatrices(call.context, rhs, static_cast<BFloat16 *>(memory));
  }));
}

static void runTiles(MatmulSite &site, const MatmulCall &call, const MatmulPlan &plan) {
  // Large enough that packing a tile's operands, which OpenBLAS does per call, is small beside the product. Packed columns begin
  // at multiples of 256.
  constexpr int64_t tileRows = 128, tileColumns = 256;
  const MatmulOperands &operands = call.operands;
  StagedOperands staged = stageOperands(call, plan);
  if (plan.packedRhs)
    staged.rhs = Staging{true, plan.rhs.dtype}.of(operands.rhs, plan.packedRhs);
  auto *packed = reinterpret_cast<BFloat16 *>(staged.rest);
  if (plan.packsTiles && !call.hasConstantRhs())
    packMatrices(call.context, operands.rhs, packed);
  if (plan.packsTiles)
    staged.rhs = packedLike(operands.rhs, call.hasConstantRhs() ? packConstantTiles(site, call) : packed);
  int32_t rank = operands.rank(), rowDim = rank - 2;
  TensorView lhs = broadcastTo(staged.lhs, operands.output), rhs = broadcastTo(staged.rhs, operands.output);
  int64_t lhsStride = staged.lhs.strides[rowDim], rhsStride = staged.rhs.strides[rowDim],
          stride = staged.output.strides[rowDim];
  int64_t m = operands.m(), n = operands.n(), k = operands.k();
  int64_t rowTiles = (m + tileRows - 1) / tileRows, columnTiles = (n + tileColumns - 1) / tileColumns;
  call.context.parallelFor(operands.numBatches() * rowTiles * columnTiles, [&](int64_t task) {
    int64_t batch = task / (rowTiles * columnTiles);
    int64_t row = task / columnTiles % rowTiles * tileRows, column = task % columnTiles * tileColumns;
    int64_t rows = std::min(tileRows, m - row), columns = std::min(tileColumns, n - column);
    int64_t left = offsetOf(lhs, rowDim, batch) + row * lhsStride, right = offsetOf(rhs, rowDim, batch);
    float *result = static_cast<float *>(staged.output.data) + offsetOf(staged.output, rowDim, batch) + row * stride + column;
    if (call.bias)
      fillWithBias(*call.bias, column, rows, columns, result, stride);
    if (plan.packsTiles)
      site.tiles.multiplyPacked(rows, columns, k, static_cast<const BFloat16 *>(lhs.data) + left, lhsStride,
                                static_cast<const BFloat16 *>(rhs.data) + right + TileGemms::packedSize(k, column), k, result,
                                stride, call.bias != nullptr);
    else
      site.tiles.multiply(rows, columns, k, static_cast<const float *>(lhs.data) + left, lhsStride,
                          static_cast<const float *>(rhs.data) + right + column, rhsStride, result, stride,
                          call.bias != nullptr);
  });
  finish(call, plan, staged);
}

static void runPlan(MatmulSite &site, const MatmulCall &call, const MatmulPlan &plan) {
  switch (plan.route) {
  case MatmulPlan::Route::Gemv: return runGemv(call);
  case MatmulPlan::Route::OneDnn: return runPrimitive(call, plan);
  case MatmulPlan::Route::Tiles: return runTiles(site, call, plan);
  case MatmulPlan::Route::Loops: return referenceMatmul(call.context, call.spec, call.operands, call.bias);
  }
}

void tenon::matmul(Run &run, int32_t site, const MatmulSpec &asked, const TensorView &lhs, const TensorView &rhs,
                   const TensorView *bias, TensorViews extras, const TensorView &output) {
  RunContext &context = RunContext::of(run);
  MatmulSpec spec = asked;
  bool hasConstantRhs = spec.rhsIsConstant || spec.isOneOfConstants;
  if (countElements(output) == 0 || (context.preparing() && hasConstantRhs && !rhs.data))
    return;
  MatmulOperands operands(lhs, rhs, extras, output), first = operands.slice(0);
  if (spec.rhsIsConstant && operands.numSlices() > 1) { // each slice has its own part of it
    spec.rhsIsConstant = false;
    spec.isOneOfConstants = true;
  }
  auto &state = context.siteState<MatmulSite>(site, [] { return std::make_unique<MatmulSite>(); });
  CallKey key({&first.lhs, &first.rhs, bias, &first.output}, first.extraViews());
  auto planFor = [&](const CallKey &key) {
    return state.get(key, [&] { return makePlan(state, {context, spec, first, bias}, key.usesPostOps()); });
  };
  std::shared_ptr<const MatmulPlan> plan = planFor(key);
  if (context.preparing()) {
    for (int64_t index = 0; plan->packsTiles && hasConstantRhs && index < operands.numSlices(); ++index)
      packConstantTiles(state, {context, spec, operands.slice(index), bias});
    return;
  }
  auto runSlices = [&](const MatmulPlan &plan) {
    for (int64_t index = 0; index < operands.numSlices(); ++index)
      runPlan(state, {context, spec, operands.slice(index), bias}, plan);
  };
  if (!plan->fusesEpilogue || plan->route != MatmulPlan::Route::OneDnn)
    return runSlices(*plan);
  const TensorView *constant = asked.rhsIsConstant ? &rhs : nullptr;
  state.nans.run(context, spec.epilogue, {&lhs, constant ? nullptr : &rhs, bias}, constant, extras,
                 [&] { runSlices(*plan); }, [&] { runSlices(*planFor(key.withoutPostOps())); });
}
