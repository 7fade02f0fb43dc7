//===- MatmulTest.cpp - tenon.matmul against f64 loops ---------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "StandaloneRun.h"
#include "TestTensors.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numeric>
#include <random>
#include <thread>

using namespace tenon;
using namespace tenon::test;

namespace {
struct Case {
  TensorView lhs, rhs;
  const TensorView *bias = nullptr;
  std::vector<TensorView> extras = {};
  MatmulSpec spec = {};
};

/// Runs the case on a model's site and returns the greatest error, in multiples of the tolerance.
double worstError(LoadedModel &model, int32_t site, const Case &c, const Tensor &output) {
  StandaloneRun run(model);
  run.prepareAndRun([&](Run &run) { matmul(run, site, c.spec, c.lhs, c.rhs, c.bias, asExtras(c.extras), output); });
  size_t rank = output.sizes().size();
  int64_t length = c.lhs.sizes[rank - 1];
  double tolerance = sumTolerance(output.view().dtype, length + 1, 1), worst = 0;
  forEachIndex(output.sizes(), [&](const Sizes &index) {
    double sum = c.bias ? broadcastAt(*c.bias, index) : 0;
    for (int64_t k = 0; k < length; ++k) {
      Sizes left = index, right = index;
      left[rank - 1] = right[rank - 2] = k;
      sum += broadcastAt(c.lhs, left) * broadcastAt(c.rhs, right);
    }
    double error = std::abs(output.at(index) - expectedEpilogue(c.spec.epilogue, sum, c.extras, index));
    worst = std::max(worst, error == 0 ? 0 : std::isnan(error) ? INFINITY : error / tolerance);
  });
  return worst;
}

double worstError(const Case &c, const Tensor &output) {
  LoadedModel model(2);
  return worstError(model, 0, c, output);
}
} // namespace

TEST_CASE("matmul: sizes around vector widths, constant and not") {
  for (int64_t m : {1, 2, 7, 33})
    for (int64_t k : {1, 5, 64, 131})
      for (int64_t n : {1, 3, 17, 96})
        for (bool isConstant : {false, true})
          for (bool isTransposed : {false, true}) {
            CAPTURE(m, k, n, isConstant, isTransposed);
            Tensor lhs = Tensor::random(DType::F32, {m, k}, 1), bias = Tensor::random(DType::F32, {n}, 3);
            Tensor rhs = Tensor::random(DType::F32, {k, n}, 2, isTransposed ? Sizes{1, 0} : Sizes{0, 1});
            Tensor output(DType::F32, {m, n});
            Case c{lhs, rhs, &bias.view()};
            c.spec.rhsIsConstant = isConstant;
            CHECK(worstError(c, output) <= 1);
          }
}

TEST_CASE("matmul: every dtype") {
  for (DType dtype : {DType::F32, DType::F64, DType::F16, DType::BF16, DType::I64, DType::I32, DType::U8, DType::I8})
    for (int64_t m : {1, 9}) {
      CAPTURE(static_cast<int>(dtype), m);
      Tensor lhs = Tensor::random(dtype, {m, 37}, 1), rhs = Tensor::random(dtype, {37, 21}, 2);
      // Values of U8 wrap at 256 when they are made; their products would leave it again, so they are ones and zeros.
      if (dtype == DType::U8 || dtype == DType::I8)
        for (Tensor *tensor : {&lhs, &rhs})
          forEachIndex(tensor->sizes(), [&](const Sizes &index) { tensor->set(index, tensor->at(index) > 4); });
      Tensor output(dtype, {m, 21});
      Case c{lhs, rhs};
      c.spec.rhsIsConstant = true;
      LoadedModel model(2);
      StandaloneRun run(model);
      if (unitRoundoff(dtype) > 0)
        CHECK(worstError(c, output) <= 1);
      else
        CHECK(worstError(c, output) == 0);
    }
}

TEST_CASE("matmul: f32 rows by half-width weights, and half-width rows to f32") {
  for (DType half : {DType::F16, DType::BF16})
    for (int64_t m : {1, 9})
      for (bool isConstant : {false, true})
        for (bool isTransposed : {false, true}) {
          CAPTURE(static_cast<int>(half), m, isConstant, isTransposed);
          Tensor rhs = Tensor::random(half, {37, 21}, 2, isTransposed ? Sizes{1, 0} : Sizes{0, 1});
          Tensor bias = Tensor::random(DType::F32, {21}, 3), extra = Tensor::random(half, {m, 21}, 4);
          for (DType rows : {DType::F32, half}) {
            Tensor lhs = Tensor::random(rows, {m, 37}, 1);
            Case c{lhs, rhs, &bias.view(), {extra}};
            c.spec.rhsIsConstant = isConstant;
            c.spec.epilogue = {{{EpilogueKind::Activation, ActivationKind::GeluErf}, {EpilogueKind::Add}}, 2};
            CHECK(worstError(c, Tensor(DType::F32, {m, 21})) <= 2);
          }
        }
}

TEST_CASE("matmul: batches of half-width elements, strides that need copies") {
  for (DType half : {DType::F16, DType::BF16}) {
    Tensor query = Tensor::random(half, {2, 19, 4, 32}, 1), key = Tensor::random(half, {2, 23, 4, 32}, 2);
    Tensor output(half, {2, 4, 19, 23}, {0, 2, 1, 3});
    CHECK(worstError({permuted(query, {0, 2, 1, 3}), permuted(key, {0, 2, 3, 1})}, output) <= 1);
  }
}

TEST_CASE("matmul: batches, broadcast batches, permuted heads") {
  SECTION("equal batches") {
    Tensor lhs = Tensor::random(DType::F32, {2, 3, 20, 16}, 1), rhs = Tensor::random(DType::F32, {2, 3, 16, 24}, 2);
    CHECK(worstError({lhs, rhs}, Tensor(DType::F32, {2, 3, 20, 24})) <= 1);
  }
  SECTION("rhs broadcast: folded into rows") {
    Tensor lhs = Tensor::random(DType::F32, {2, 3, 20, 16}, 1), rhs = Tensor::random(DType::F32, {1, 1, 16, 24}, 2);
    Case c{lhs, rhs};
    c.spec.rhsIsConstant = true;
    CHECK(worstError(c, Tensor(DType::F32, {2, 3, 20, 24})) <= 1);
  }
  SECTION("each side broadcasts one batch dimension") {
    Tensor lhs = Tensor::random(DType::F32, {2, 1, 5, 16}, 1), rhs = Tensor::random(DType::F32, {1, 3, 16, 24}, 2);
    CHECK(worstError({lhs, rhs}, Tensor(DType::F32, {2, 3, 5, 24})) <= 1);
  }
  SECTION("heads lie inside of rows: [B, S, H, E] memory, keys transposed, output permuted back") {
    Tensor query = Tensor::random(DType::F32, {2, 19, 4, 32}, 1), key = Tensor::random(DType::F32, {2, 23, 4, 32}, 2);
    Tensor output(DType::F32, {2, 4, 19, 23}, {0, 2, 1, 3});
    CHECK(worstError({permuted(query, {0, 2, 1, 3}), permuted(key, {0, 2, 3, 1})}, output) <= 1);
  }
  SECTION("no unit stride anywhere") {
    Tensor lhs = Tensor::random(DType::F32, {6, 10, 2, 1}, 1, {1, 0, 3, 2}), rhs = Tensor::random(DType::F32, {10, 8, 2}, 2);
    TensorView left = lhs, right = rhs;
    left.rank = right.rank = 2;
    Tensor output(DType::F32, {6, 8, 3});
    TensorView sliced = output;
    sliced.rank = 2;
    LoadedModel model(2);
    StandaloneRun run(model);
    run.prepareAndRun([&](Run &run) { matmul(run, 0, {}, left, right, nullptr, {}, sliced); });
    for (int64_t i = 0; i < 6; ++i)
      for (int64_t j = 0; j < 8; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < 10; ++k)
          sum += lhs.at({i, k, 0, 0}) * rhs.at({k, j, 0});
        CHECK(std::abs(output.at({i, j, 0}) - sum) <= sumTolerance(DType::F32, 10, 1));
        CHECK(output.at({i, j, 1}) == 0);
      }
  }
  SECTION("a batch of single rows with gaps between them") {
    Tensor lhs = Tensor::random(DType::F32, {4, 5, 1}, 1), rhs = Tensor::random(DType::F32, {4, 2, 24}, 2);
    TensorView first = rhs;
    first.sizes[1] = 1;
    CHECK(worstError({lhs, first}, Tensor(DType::F32, {4, 5, 24})) <= 1);
  }
  SECTION("stride zero instead of size one") {
    Tensor lhs = Tensor::random(DType::F32, {4, 5, 16}, 1), rhs = Tensor::random(DType::F32, {1, 16, 24}, 2);
    TensorView repeated = rhs;
    repeated.sizes[0] = 4;
    repeated.strides[0] = 0;
    CHECK(worstError({lhs, repeated}, Tensor(DType::F32, {4, 5, 24})) <= 1);
  }
}

namespace {
/// Operands of random sizes in random layouts: permuted dimensions, gaps between rows and matrices, repeated batches.
class RandomLayouts {
public:
  explicit RandomLayouts(uint32_t seed) : random(seed) {}

  int64_t pick(const std::vector<int64_t> &values) { return values[random() % values.size()]; }

  TensorView operand(const Sizes &sizes, std::vector<Tensor> &memory) {
    Sizes order(sizes.size()), padded = sizes;
    std::iota(order.begin(), order.end(), 0);
    if (random() % 2)
      std::shuffle(order.begin(), order.end(), random);
    for (int64_t &size : padded)
      size += pick({0, 0, 0, 1, size});
    memory.push_back(Tensor::random(DType::F32, padded, random(), order));
    TensorView view = memory.back();
    std::copy(sizes.begin(), sizes.end(), view.sizes);
    return view;
  }

private:
  std::mt19937 random;
};
} // namespace

TEST_CASE("matmul: random layouts") {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    RandomLayouts random(seed);
    std::vector<Tensor> memory;
    memory.reserve(3);
    Sizes batch(random.pick({0, 1, 2, 2}));
    for (int64_t &size : batch)
      size = random.pick({1, 2, 3, 4});
    int64_t m = random.pick({1, 2, 5, 17, 49}), k = random.pick({1, 2, 3, 16, 33}), n = random.pick({1, 2, 16, 19, 97});
    Sizes lhsSizes = batch, rhsSizes = batch, sizes = batch;
    for (size_t dim = 0; dim < batch.size(); ++dim)
      (random.pick({0, 1}) ? lhsSizes : rhsSizes)[dim] = random.pick({1, batch[dim]});
    lhsSizes.insert(lhsSizes.end(), {m, k});
    rhsSizes.insert(rhsSizes.end(), {k, n});
    sizes.insert(sizes.end(), {m, n});
    TensorView lhs = random.operand(lhsSizes, memory), rhs = random.operand(rhsSizes, memory);
    auto strides = [](const TensorView &view) { return Sizes(view.strides, view.strides + view.rank); };
    CAPTURE(seed, m, k, n, lhsSizes, strides(lhs), rhsSizes, strides(rhs));
    CHECK(worstError({lhs, rhs}, Tensor(DType::F32, sizes)) <= 1);
  }
}

TEST_CASE("matmul: every activation") {
  for (int32_t kind = 0; kind <= static_cast<int32_t>(ActivationKind::Mish); ++kind)
    for (int64_t m : {1, 12}) {
      CAPTURE(kind, m);
      Tensor lhs = Tensor::random(DType::F32, {m, 40}, 1), rhs = Tensor::random(DType::F32, {40, 48}, 2);
      Case c{lhs, rhs};
      c.spec.epilogue = {{activationStep(static_cast<ActivationKind>(kind))}, 1};
      // Slopes are at most 1.13 (GELU), polynomials of the library are good to some ULP of the result.
      CHECK(worstError(c, Tensor(DType::F32, {m, 48})) <= 2);
    }
}

TEST_CASE("matmul: NaN passes every activation") {
  for (int32_t kind = 0; kind <= static_cast<int32_t>(ActivationKind::Mish); ++kind)
    for (int64_t m : {1, 12})
      for (bool isConstant : {false, true}) {
        CAPTURE(kind, m, isConstant);
        Tensor lhs = Tensor::random(DType::F32, {m, 40}, 1), rhs = Tensor::random(DType::F32, {40, 48}, 2), output(DType::F32, {m, 48});
        Tensor extra = Tensor::random(DType::F32, {m, 48}, 3);
        lhs.set({m / 2, 7}, NAN);
        Case c{lhs, rhs, nullptr, {extra}};
        c.spec.rhsIsConstant = isConstant;
        c.spec.epilogue = {{activationStep(static_cast<ActivationKind>(kind)), {EpilogueKind::Add}}, 2};
        worstError(c, output);
        for (int64_t row = 0; row < m; ++row)
          for (int64_t column : {0, 17, 47})
            CHECK(std::isnan(output.at({row, column})) == (row == m / 2));
      }
}

TEST_CASE("matmul: softplus with a threshold that matters") {
  Tensor lhs = Tensor::random(DType::F32, {9, 40}, 1), rhs = Tensor::random(DType::F32, {40, 48}, 2);
  Case c{lhs, rhs};
  c.spec.epilogue = {{{EpilogueKind::Activation, ActivationKind::Softplus, 1, 0.5}}, 1};
  // Around the threshold the function jumps; a sum that close would make this test meaningless, and none is.
  CHECK(worstError(c, Tensor(DType::F32, {9, 48})) <= 2);
}

TEST_CASE("matmul: operands of epilogues") {
  Tensor lhs = Tensor::random(DType::F32, {2, 10, 40}, 1), rhs = Tensor::random(DType::F32, {1, 40, 48}, 2);
  Tensor bias = Tensor::random(DType::F32, {48}, 3), full = Tensor::random(DType::F32, {2, 10, 48}, 4);
  Tensor row = Tensor::random(DType::F32, {48}, 5), column = Tensor::random(DType::F32, {10, 1}, 6);
  Tensor batch = Tensor::random(DType::F32, {2, 1, 1}, 7), other = Tensor::random(DType::F32, {2, 10, 48}, 8, {2, 0, 1});
  for (const Tensor *extra : {&full, &row, &column, &batch, &other})
    for (EpilogueKind kind : {EpilogueKind::Add, EpilogueKind::Mul}) {
      CAPTURE(extra->sizes().size(), extra->sizes()[0], static_cast<int>(kind));
      Case c{lhs, rhs, &bias.view(), {*extra, full}};
      c.spec.rhsIsConstant = true;
      c.spec.epilogue = {{{EpilogueKind::Scale, ActivationKind::Relu, 0.5},
                          {kind},
                          {EpilogueKind::Activation, ActivationKind::GeluErf},
                          {EpilogueKind::Add}},
                         4};
      CHECK(worstError(c, Tensor(DType::F32, {2, 10, 48})) <= 2);
    }
}

TEST_CASE("matmul: no products is the epilogue of the bias") {
  Tensor lhs(DType::F32, {3, 0}), rhs(DType::F32, {0, 5}), bias = Tensor::random(DType::F32, {5}, 1);
  CHECK(worstError({lhs, rhs, &bias.view()}, Tensor(DType::F32, {3, 5})) == 0);
}

TEST_CASE("matmul: one site, many shapes") {
  LoadedModel model(2);
  Tensor rhs = Tensor::random(DType::F32, {40, 48}, 2);
  for (int64_t m = 1; m < 80; ++m) {
    Tensor lhs = Tensor::random(DType::F32, {m, 40}, 1);
    Case c{lhs, rhs};
    c.spec.rhsIsConstant = true;
    CHECK(worstError(model, 0, c, Tensor(DType::F32, {m, 48})) <= 1);
  }
}

TEST_CASE("matmul: runs on one site at once give the same bits") {
  LoadedModel model(2);
  Tensor lhs = Tensor::random(DType::F32, {64, 128}, 1), rhs = Tensor::random(DType::F32, {128, 96}, 2);
  MatmulSpec spec;
  spec.rhsIsConstant = true;
  spec.epilogue = {{{EpilogueKind::Activation, ActivationKind::GeluErf}}, 1};
  Tensor first(DType::F32, {64, 96});
  {
    StandaloneRun run(model);
    run.prepareAndRun([&](Run &run) { matmul(run, 0, spec, lhs, rhs, nullptr, {}, first); });
  }
  std::atomic<int> differences = 0;
  auto repeat = [&] {
    StandaloneRun run(model);
    for (int i = 0; i < 50; ++i) {
      Tensor output(DType::F32, {64, 96});
      matmul(run.run(), 0, spec, lhs, rhs, nullptr, {}, output);
      differences += memcmp(output.view().data, first.view().data, 64 * 96 * sizeof(float)) != 0;
    }
  };
  std::thread other(repeat);
  repeat();
  other.join();
  CHECK(differences == 0);
}
