//===- tenon/generated.h - what emitted code calls -----------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The interface between a model's emitted C++ wrapper and the runtime that is linked into the same shared object. Not for
// applications (they use tenon.h or model.hpp), and not stable between versions: compiler and runtime ship together.
//
// Concepts
//   Run        one execution: its inputs and outputs, its arena, its threads. Emitted functions get one.
//   TensorView memory with sizes and strides (elements). Owns nothing.
//   site       the number of a library call in the wrapper. The runtime keeps per site what the library needs between runs:
//              primitives and packed weights.
//   preparing  at load the runtime calls run() once with Run::preparing() true: library functions then create their
//              primitives, pack constant weights and return; launches and checks do nothing; no input has data.
//
// Errors are thrown as tenon::Error inside the shared object and caught at its C interface; kernels never throw.
// Kept free of the standard library's heavy headers: this file decides how long a wrapper takes to compile.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_GENERATED_H
#define TENON_GENERATED_H

#include <initializer_list>
#include <stddef.h>
#include <stdint.h>

#include "tenon/tenon.h"

namespace tenon {

enum class DType : int32_t { F32, F64, F16, BF16, I8, I16, I32, I64, U8, U16, U32, U64, Bool, C64, C128 };

inline constexpr int32_t maxRank = 12;

/// Memory with sizes and strides; `data` is the first element.
struct TensorView {
  void *data = nullptr;
  DType dtype = DType::F32;
  int32_t rank = 0;
  int64_t sizes[maxRank] = {};
  int64_t strides[maxRank] = {}; // elements
};

TensorView view(DType dtype, const void *data, std::initializer_list<int64_t> sizes, std::initializer_list<int64_t> strides);

/// A list of views that lives as long as the full expression it is written in.
struct TensorViews {
  const TensorView *begin = nullptr;
  int32_t count = 0;
  TensorViews() = default;
  TensorViews(std::initializer_list<TensorView> views) : begin(views.begin()), count(static_cast<int32_t>(views.size())) {}
};

//===--- a run -------------------------------------------------------------------------------------------------------===//

class Run {
public:
  virtual bool preparing() const = 0;
  /// The data of user input `index`: row-major, 64-byte alignment not guaranteed. Null while preparing.
  virtual void *input(int32_t index) const = 0;
  /// Size of dimension `dim` of user input `index`.
  virtual int64_t inputSize(int32_t index, int32_t dim) const = 0;
  /// The caller's row-major memory for output `index`.
  virtual void *output(int32_t index) const = 0;
  /// The memory of global `index` (Model::globals).
  virtual void *global(int32_t index) const = 0;
  /// The run's scratch memory, 64-byte aligned, at least `bytes` long; call once, first. Contents are undefined.
  virtual char *arena(int64_t bytes) = 0;
  /// Memory number `number` besides the arena, for a size that is computed in the run; as the arena otherwise. Kept between runs.
  virtual char *lateBuffer(int32_t number, int64_t bytes) = 0;
  /// Tells the caller that dimension `dim` of output `index` has only `size` of the elements that it gave memory for.
  virtual void setOutputSize(int32_t index, int32_t dim, int64_t size) = 0;
  /// The caller's row-major memory for output `index`, to which outputShapes gives no size beforehand.
  virtual void *lateOutput(int32_t index, std::initializer_list<int64_t> sizes) = 0;

protected:
  ~Run() = default;
};

//===--- kernels -----------------------------------------------------------------------------------------------------===//

/// A generated kernel: handles units [begin, end) of its parallel extent.
using KernelFn = void(void *const *buffers, const int64_t *sizes, int64_t begin, int64_t end);

/// Runs `kernel` over [0, extent), split over the run's threads where extent * unitCost (roughly: scalar operations) pays
/// for it.
void launch(Run &run, KernelFn *kernel, int64_t extent, int64_t unitCost, std::initializer_list<void *> buffers,
            std::initializer_list<int64_t> sizes);

//===--- guards ------------------------------------------------------------------------------------------------------===//

/// Fails the run with `message`, in which {0}, {1}, … stand for `values`.
[[noreturn]] void guardFailed(const char *message, std::initializer_list<int64_t> values);

/// Fails the run where an element of `indices` lies outside [0, size), or [-size, size) where negative ones count from the end
/// (`wraps`).
void checkIndex(Run &run, const TensorView &indices, int64_t size, const char *what, bool wraps = false);

/// Fails the run where an element of `divisors` (integers) is zero.
void checkDivisor(Run &run, const TensorView &divisors, const char *what);

/// Fails the run with `message` where an element of `info` (I32) is not zero; {0} and {1} stand for it and its position.
void checkInfo(Run &run, const TensorView &info, const char *message);

//===--- library ops -------------------------------------------------------------------------------------------------===//

enum class ActivationKind : int32_t {
  Relu, GeluErf, GeluTanh, Sigmoid, Tanh, Silu, HardSigmoid, HardSwish, LeakyRelu, Elu, Clip, Softplus, Mish
};
enum class EpilogueKind : int32_t { Activation, Add, Mul, Scale };

/// One step of an epilogue, applied to the accumulated result; Add and Mul take the call's next extra.
struct EpilogueStep {
  EpilogueKind kind;
  ActivationKind activation = ActivationKind::Relu;
  double alpha = 0, beta = 0;
};
struct Epilogue {
  EpilogueStep steps[8];
  int32_t count = 0;
};

/// output = epilogue(lhs x rhs + bias); shapes and meaning as in tenon.matmul. `rhsIsConstant`: rhs may be packed once.
struct MatmulSpec {
  bool rhsIsConstant = false;
  bool isOneOfConstants = false; ///< rhs is a constant, but not the same one in every call
  Epilogue epilogue = {};
};
void matmul(Run &run, int32_t site, const MatmulSpec &spec, const TensorView &lhs, const TensorView &rhs,
            const TensorView *bias, TensorViews extras, const TensorView &output);

/// output = epilogue(convolution + bias); shapes and meaning as in tenon.conv.
struct ConvSpec {
  int64_t stride[3] = {1, 1, 1}, padding[6] = {}, dilation[3] = {1, 1, 1};
  int64_t groups = 1;
  bool transposed = false, weightIsConstant = false;
  Epilogue epilogue = {};
};
void conv(Run &run, int32_t site, const ConvSpec &spec, const TensorView &input, const TensorView &weight,
          const TensorView *bias, TensorViews extras, const TensorView &output);

enum class PoolKind : int32_t { Max, AvgIncludePad, AvgExcludePad };
struct PoolSpec {
  PoolKind kind;
  int64_t window[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, padding[6] = {}, dilation[3] = {1, 1, 1};
};
void pool(Run &run, int32_t site, const PoolSpec &spec, const TensorView &input, const TensorView &output);

/// output = one number per channel and bin of each box; shapes and meaning as in tenon.pool_regions.
enum class RegionPoolKind : int32_t { Align, Max, PositionalAlign, PositionalMean };
struct RegionSpec {
  RegionPoolKind kind;
  double scale = 1;
  int64_t sampling = 0;
  bool centred = false;
};
void poolRegions(Run &run, const RegionSpec &spec, const TensorView &input, const TensorView &boxes, const TensorView &output);

/// output = softmax(query key^T * scale + mask) value; shapes and meaning as in tenon.attention. `mask` may be null.
struct AttentionSpec {
  double scale = 1;
  bool causal = false;
  bool emptyRowsAreNan = false;
};
void attention(Run &run, int32_t site, const AttentionSpec &spec, const TensorView &query, const TensorView &key,
               const TensorView &value, const TensorView *mask, const TensorView &output);

/// values, positions = the first elements of `input` in sorted order along `dim`; meaning as in tenon.sort.
struct SortSpec {
  int32_t dim = 0;
  bool descending = false, selects = false;
};
void sort(Run &run, const SortSpec &spec, const TensorView &input, const TensorView &values, const TensorView &positions);

/// Running sums, products, extremes; meaning as in tenon.scan. `positions`: for Max and Min, else null.
enum class ScanKind : int32_t { Sum, Prod, Max, Min, LogSumExp };
struct ScanSpec {
  ScanKind kind;
  int32_t dim = 0;
};
void scan(Run &run, const ScanSpec &spec, const TensorView &input, const TensorView &values, const TensorView *positions);

/// Updates elements of `target`; meaning as in tenon.scatter.
enum class ScatterKind : int32_t { Set, Add, Mul, Max, Min };
struct ScatterSpec {
  ScatterKind kind;
  int32_t coordinates[maxRank] = {};
};
void scatter(Run &run, const ScatterSpec &spec, TensorViews indices, const TensorView &updates, const TensorView &target);

/// The next numbers of the model's generator, in row-major order; meaning as in tenon.random.
enum class RandomKind : int32_t { Uniform, Normal, Bits32, Bits64, Permutation, SerialNormal };
void random(Run &run, RandomKind kind, const TensorView &output);

/// output = per group of rows, lhs x rhs[group]; meaning as in tenon.grouped_matmul.
struct GroupedMatmulSpec {
  bool rhsIsConstant = false;
};
void groupedMatmul(Run &run, int32_t site, const GroupedMatmulSpec &spec, const TensorView &lhs, const TensorView &rhs,
                   const TensorView &ends, const TensorView &output);

/// All time steps of one direction of an RNN, GRU or LSTM; operands and outputs as in tenon.recurrence. `bias`, `cell` and
/// `projection` may be null. Rows of `projected` and of the outputs are contiguous; f32 or f64 throughout.
enum class RecurrenceKind : int32_t { Tanh, Relu, Lstm, Gru };
struct RecurrenceSpec {
  RecurrenceKind kind;
  bool reverse = false, weightIsConstant = false;
  int32_t projectionSite = -1; ///< a site of its own for the product with `projection`
  bool projectionIsConstant = false;
};
void recurrence(Run &run, int32_t site, const RecurrenceSpec &spec, const TensorView &projected, const TensorView &weight,
                const TensorView *bias, const TensorView &hidden, const TensorView *cell, const TensorView *projection,
                TensorViews outputs);

/// Factors of matrices, and what is computed with them; operands, results and options as in tenon.decompose.
enum class DecomposeKind : int32_t {
  Cholesky, CholeskySolve, CholeskyInverse, Lu, LuSolve, TriangularSolve, Ldl, LdlSolve, Qr, HouseholderProduct,
  HouseholderMultiply, Eigh, EighValues, Svd, SvdValues, Eig, EigValues, Exponential, LuPermutation
};
struct DecomposeSpec {
  DecomposeKind kind;
  bool isComplex = false, upper = false, right = false, adjoint = false, unitDiagonal = false, hermitian = false;
};
void decompose(Run &run, const DecomposeSpec &spec, TensorViews operands, TensorViews results);

/// Copies `source` to `destination` (same sizes and dtype, any strides).
void copy(Run &run, const TensorView &source, const TensorView &destination);

//===--- the model ---------------------------------------------------------------------------------------------------===//

enum class GlobalKind : int32_t { Weight, State, Hoisted };

/// Memory that lives as long as the loaded model.
struct Global {
  GlobalKind kind;
  int64_t bytes;
  int64_t offset; ///< of the initial bytes in the weights blob; -1: none (hoisted, or a state that starts as zeros)
};

/// What the emitted file says about its model. The runtime refers to it as tenon::model.
struct Model {
  tenon_model_info info;
  const Global *globals;
  int32_t numGlobals;
  int32_t numSites;
  bool hasDynamicShapes;
  int64_t weightsBytes;     ///< length of the weights blob
  uint64_t weightsHash;     ///< of the blob's content (XXH3-64 as llvm::xxh3_64bits computes it)
  const char *weightsFile;  ///< base name beside the .so; null: appended to the .so itself
  void (*init)(Run &);      ///< computes hoisted globals; null where there are none
  void (*run)(Run &);
  void (*outputShapes)(Run &, int64_t *const *shapes); ///< TENON_DYNAMIC: that output is a lateOutput()
};
extern const Model model;

/// The body of the shared object's exported entry.
const tenon_api *entry(uint32_t abiVersion);

} // namespace tenon

#endif // TENON_GENERATED_H
