//===- Views.cpp - views ------------------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/StridedWindow.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace tenon::aten;

static Results importReshape(Call &call) {
  if (call.canView("self"))
    return {View::reshape(call.resultSizes())};
  return {call.e.reshape(call.tensor("self"), call.resultSizes())}; // a copy: what is written to it stays there
}

static Results importExpand(Call &call) {
  Sizes sizes = call.resultSizes();
  return {SizesRef(call.tensor("self").sizes) == SizesRef(sizes) ? View::identity() : View::broadcast(sizes)};
}

//===--- permutations ------------------------------------------------------------------------------------------------===//

static SmallVector<int64_t> identityOrder(int64_t rank) { return llvm::to_vector(llvm::seq<int64_t>(0, rank)); }

static View swapDims(int64_t rank, int64_t a, int64_t b) {
  SmallVector<int64_t> order = identityOrder(rank);
  if (rank > 0)
    std::swap(order[a], order[b]);
  return View::permute(order);
}

static Results importTranspose(Call &call, StringRef first, StringRef second) {
  int64_t rank = call.tensor("self").rank();
  return {swapDims(rank, call.dim(first, rank), call.dim(second, rank))};
}

static Results importLastTwo(Call &call) {
  int64_t rank = call.tensor("self").rank();
  return {rank < 2 ? View::identity() : swapDims(rank, rank - 2, rank - 1)};
}

static Results importPermute(Call &call) {
  int64_t rank = call.tensor("self").rank();
  SmallVector<int64_t> order = call.integers("dims");
  for (int64_t &dim : order)
    dim += dim < 0 ? rank : 0;
  return {View::permute(order)};
}

static Results importReversed(Call &call) {
  SmallVector<int64_t> order = identityOrder(call.tensor("self").rank());
  std::reverse(order.begin(), order.end());
  return {View::permute(order)};
}

static Results importMovedim(Call &call) {
  int64_t rank = call.tensor("self").rank();
  SmallVector<int64_t> from = call.integers("source"), to = call.integers("destination"), order(rank, -1);
  for (auto [source, destination] : llvm::zip(from, to))
    order[destination + (destination < 0 ? rank : 0)] = source + (source < 0 ? rank : 0);
  int64_t next = 0;
  for (int64_t &dim : order) {
    if (dim >= 0)
      continue;
    while (llvm::is_contained(order, next))
      ++next;
    dim = next;
  }
  return {View::permute(order)};
}

//===--- slices ------------------------------------------------------------------------------------------------------===//

// A Python index counted from the end where it is negative.
static Size wrapIndex(Emitter &e, Size index, Size size) {
  if (std::optional<int64_t> number = staticSize(index))
    return *number < 0 ? e.add(size, index) : index;
  Value value = e.index(index);
  Value negative = arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::slt, value, e.index(e.size(0)));
  return arith::SelectOp::create(e.b, e.loc, negative, e.index(e.add(size, index)), value).getResult();
}

static Size clampIndex(Emitter &e, Size index, Size size) {
  return staticSize(index) == 0 ? index : e.max(e.size(0), e.min(index, size));
}

static Results importSlice(Call &call) {
  Tensor self = call.tensor("self");
  int64_t dim = call.dim("dim", self.rank()), step = call.integer("step");
  Emitter &e = call.e;
  Size size = self.sizes[dim];
  auto position = [&](StringRef name) { return clampIndex(e, wrapIndex(e, call.size(name), size), size); };
  Size start = call.has("start") ? position("start") : e.size(0);
  if (call.showsSymbolFirst()) {
    Size length = e.max(e.size(0), e.sub(call.has("end") ? position("end") : size, start));
    if (step != 1)
      length = e.floorDiv(e.add(length, e.size(step - 1)), e.size(step));
    call.defineLateSize(e.index(length), size);
  }
  return {View::slice(dim, start, call.resultSizes()[dim], step)};
}

static Results importNarrow(Call &call) {
  Tensor self = call.tensor("self");
  int64_t dim = call.dim("dim", self.rank());
  return {View::slice(dim, wrapIndex(call.e, call.size("start"), self.sizes[dim]), call.resultSizes()[dim])};
}

// Index `index` of dimension `dim`, without that dimension.
static View selectView(Emitter &e, SizesRef sizes, int64_t dim, Size index) {
  Sizes rest(sizes);
  rest.erase(rest.begin() + dim);
  return View::chain(View::slice(dim, index, e.size(1)), View::reshape(rest));
}

static Results importSelect(Call &call) {
  Tensor self = call.tensor("self");
  int64_t dim = call.dim("dim", self.rank());
  Emitter &e = call.e;
  Size given = call.size("index"), index = wrapIndex(e, given, self.sizes[dim]);
  if (!staticSize(given)) {
    using P = arith::CmpIPredicate;
    Value isInside = arith::CmpIOp::create(e.b, e.loc, P::ult, e.index(index), e.index(self.sizes[dim]));
    call.require(isInside, call.describe({}) + ": index {0} is out of range for size {1}", {e.index(given), e.index(self.sizes[dim])});
  }
  return {selectView(e, self.sizes, dim, index)};
}

static Results importUnbind(Call &call) {
  Tensor self = call.tensor("self");
  int64_t dim = call.dim("dim", self.rank());
  Results views;
  for (size_t i = 0; i < call.numResults(); ++i)
    views.push_back(selectView(call.e, self.sizes, dim, call.e.size(i)));
  return views;
}

// Consecutive pieces along a dimension, as long as the program says.
static Results splitAlong(Call &call, int64_t dim) {
  Size start = call.e.size(0);
  Results views;
  for (size_t i = 0; i < call.numResults(); ++i) {
    Size length = call.resultSizes(i)[dim];
    views.push_back(View::slice(dim, start, length));
    start = call.e.add(start, length);
  }
  return views;
}

static Results importSplit(Call &call) { return splitAlong(call, call.dim("dim", call.tensor("self").rank())); }

static Results importSliceScatter(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), source = e.cast(call.tensor("src"), self.dtype);
  int64_t dim = call.dim("dim", self.rank());
  Size start = call.has("start") ? call.size("start") : e.size(0);
  start = clampIndex(e, wrapIndex(e, start, self.sizes[dim]), self.sizes[dim]);
  return {e.insertSlice(self, source, dim, start, call.integer("step"))};
}

static Results importSelectScatter(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), source = e.cast(call.tensor("src"), self.dtype);
  int64_t dim = call.dim("dim", self.rank());
  return {e.insertSlice(self, e.unsqueeze(source, dim), dim, wrapIndex(e, call.size("index"), self.sizes[dim]))};
}

// What the row of view `name` reads, as tensors of their own.
static Results copiesOf(Call &call, StringRef name) {
  Tensor self = call.tensor("self");
  Results results = (*OpTable::get().find(name, call.overload))(call);
  for (Result &result : results)
    if (result.view)
      result = result.view->read(call.e, self);
  return results;
}

//===--- other readings of the same memory ---------------------------------------------------------------------------===//

// The same bits as another dtype of the same width.
static Results importBitcast(Call &call) {
  ScalarType from = call.tensor("self").dtype, to = call.resultDtype();
  Type source = elementType(call.e.b.getContext(), from), target = elementType(call.e.b.getContext(), to);
  if (from == to)
    return {View::identity()};
  if (from == ScalarType::Bool || to == ScalarType::Bool || source.getIntOrFloatBitWidth() != target.getIntOrFloatBitWidth())
    return {call.unsupported("reinterprets bytes as a dtype of another width")};
  auto bitcast = [](Emitter &e, const Tensor &tensor, ScalarType dtype) {
    Type type = elementType(e.b.getContext(), dtype);
    return e.pointwise(tensor, tensor.sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
      return type == args[0].getType() ? args[0] : arith::BitcastOp::create(b, loc, type, args[0]).getResult();
    });
  };
  return {View{[=](Emitter &e, const Tensor &base) { return bitcast(e, base, to); },
               [=](Emitter &e, const Tensor &, const Tensor &updated) { return bitcast(e, updated, from); }}};
}

// Any sizes and strides over the elements of a row-major tensor. Elements may show more than once, so it is not written through.
std::optional<StridedWindow> StridedWindow::of(Call &call) {
  StridedWindow window{call.integers("size"), call.integers("stride"),
                       call.has("storage_offset") ? call.integer("storage_offset") : 0};
  int64_t last = window.offset, elements = 1;
  for (auto [size, stride] : llvm::zip(window.sizes, window.strides))
    last += (size - 1) * stride;
  for (Size size : call.tensor("self").sizes)
    elements *= staticSize(size).value_or(0);
  if (!call.isRowMajor("self") || last >= elements)
    return {};
  return window;
}

Value StridedWindow::place(OpBuilder &b, Location loc) const {
  Value place = arith::ConstantIndexOp::create(b, loc, offset);
  for (auto [dim, stride] : llvm::enumerate(strides)) {
    Value step = arith::ConstantIndexOp::create(b, loc, stride);
    place = arith::AddIOp::create(b, loc, place, arith::MulIOp::create(b, loc, linalg::IndexOp::create(b, loc, dim), step));
  }
  return place;
}

static Results importAsStrided(Call &call) {
  std::optional<StridedWindow> window = StridedWindow::of(call);
  if (!window)
    return {call.unsupported(StridedWindow::refusal)};
  return {View{[window = *window](Emitter &e, const Tensor &base) {
                 Tensor flat = e.reshape(base, Sizes{e.product(base.sizes)});
                 return e.gather(flat, {}, {}, e.sizes(window.sizes), [&](OpBuilder &b, Location loc, ValueRange) {
                   return SmallVector<Value>{window.place(b, loc)};
                 });
               },
               nullptr}};
}

void tenon::aten::addViewRows(OpTable &table) {
  table.add("view.dtype", importBitcast);
  table.add("as_strided", importAsStrided);
  for (auto name : {"view", "reshape", "_unsafe_view", "_reshape_alias", "flatten", "unflatten", "squeeze", "unsqueeze",
                    "view_as", "reshape_as", "ravel", "atleast_1d", "atleast_2d",
                    "atleast_3d"})
    table.add(name, importReshape);
  for (auto name : {"expand", "expand_as", "broadcast_to"})
    table.add(name, importExpand);
  for (auto name : {"transpose", "swapdims"})
    table.add(name, [](Call &call) { return importTranspose(call, "dim0", "dim1"); });
  table.add("swapaxes", [](Call &call) { return importTranspose(call, "axis0", "axis1"); });
  for (auto name : {"t", "mT", "mH", "matrix_H", "adjoint"})
    table.add(name, importLastTwo);
  table.add("permute", importPermute);
  table.add("numpy_T", importReversed);
  for (auto name : {"movedim", "moveaxis"})
    table.add(name, importMovedim);
  table.add("slice", importSlice);
  table.add("narrow", importNarrow);
  table.add("select", importSelect);
  table.add("unbind", importUnbind);
  for (auto name : {"split", "split_with_sizes", "chunk", "tensor_split", "unsafe_chunk", "unsafe_split"})
    table.add(name, importSplit);
  table.add("hsplit", [](Call &call) { return splitAlong(call, call.tensor("self").rank() == 1 ? 0 : 1); });
  table.add("vsplit", [](Call &call) { return splitAlong(call, 0); });
  table.add("dsplit", [](Call &call) { return splitAlong(call, 2); });
  table.add("slice_scatter", importSliceScatter);
  table.add("select_scatter", importSelectScatter);
  for (StringRef copy : {"as_strided_copy", "expand_copy", "narrow_copy", "permute_copy", "select_copy", "slice_copy",
                         "split_copy", "split_with_sizes_copy", "squeeze_copy", "t_copy", "transpose_copy",
                         "unbind_copy", "unfold_copy", "unsqueeze_copy", "view_copy"})
    table.add(copy, [name = copy.drop_back(StringRef("_copy").size())](Call &call) { return copiesOf(call, name); });
}
