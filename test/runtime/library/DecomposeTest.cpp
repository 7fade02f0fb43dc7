//===- DecomposeTest.cpp - tenon.decompose ----------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Factors multiply to what was factored, solutions solve, whatever the type, the strides and the threads. Signs are held
// against eager's in test/eager/compare_linalg.py.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "StandaloneRun.h"
#include "TestTensors.h"

#include <catch2/catch_test_macros.hpp>
#include <complex>
#include <filesystem>

using namespace tenon;
using namespace tenon::test;

namespace {

using Number = std::complex<double>;

/// A matrix in row-major order.
struct Matrix {
  int64_t rows, columns;
  std::vector<Number> elements = std::vector<Number>(rows * columns);
  Number &operator()(int64_t i, int64_t j) { return elements[i * columns + j]; }
  Number operator()(int64_t i, int64_t j) const { return elements[i * columns + j]; }
};

Matrix operator*(const Matrix &x, const Matrix &y) {
  Matrix result{x.rows, y.columns};
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t j = 0; j < y.columns; ++j)
      for (int64_t k = 0; k < x.columns; ++k)
        result(i, j) += x(i, k) * y(k, j);
  return result;
}

Matrix adjoint(const Matrix &x) {
  Matrix result{x.columns, x.rows};
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t j = 0; j < x.columns; ++j)
      result(j, i) = std::conj(x(i, j));
  return result;
}

Matrix identity(int64_t n) {
  Matrix result{n, n};
  for (int64_t i = 0; i < n; ++i)
    result(i, i) = 1;
  return result;
}

double magnitude(const Matrix &x) {
  double most = 0;
  for (Number element : x.elements)
    most = std::max(most, std::abs(element));
  return most;
}

double distance(const Matrix &x, const Matrix &y) {
  Matrix difference = x;
  for (size_t i = 0; i < x.elements.size(); ++i)
    difference.elements[i] -= y.elements[i];
  return magnitude(difference);
}

/// The part of a matrix that is kept: rows and columns in [0, rows), [0, columns), above or below the diagonal.
Matrix triangle(const Matrix &x, int64_t rows, int64_t columns, bool upper, bool hasOnes = false) {
  Matrix result{rows, columns};
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      result(i, j) = i == j && hasOnes ? 1.0 : (upper ? i <= j : i >= j) ? x(i, j) : 0.0;
  return result;
}

/// How numbers lie in memory: their type, whether they have two parts, and the strides of matrices.
struct Setting {
  DType dtype;
  bool isComplex, columnMajor;

  Sizes sizes(Sizes sizes) const {
    if (isComplex)
      sizes.push_back(2);
    return sizes;
  }
  /// Batches of matrices; column-major ones have their parts far apart as well.
  Tensor matrices(int64_t batch, int64_t rows, int64_t columns) const {
    Sizes order = columnMajor ? isComplex ? Sizes{3, 0, 2, 1} : Sizes{0, 2, 1} : Sizes{};
    return Tensor(dtype, sizes({batch, rows, columns}), order);
  }
  Matrix read(const Tensor &tensor, int64_t number) const {
    Matrix matrix{tensor.sizes()[1], tensor.sizes()[2]};
    for (int64_t i = 0; i < matrix.rows; ++i)
      for (int64_t j = 0; j < matrix.columns; ++j)
        matrix(i, j) = isComplex ? Number(tensor.at({number, i, j, 0}), tensor.at({number, i, j, 1}))
                                 : Number(tensor.at({number, i, j}));
    return matrix;
  }
  void write(Tensor &tensor, int64_t number, const Matrix &matrix) const {
    for (int64_t i = 0; i < matrix.rows; ++i)
      for (int64_t j = 0; j < matrix.columns; ++j) {
        if (isComplex)
          tensor.set({number, i, j, 1}, matrix(i, j).imag());
        tensor.set(isComplex ? Sizes{number, i, j, 0} : Sizes{number, i, j}, matrix(i, j).real());
      }
  }
  Tensor random(int64_t batch, int64_t rows, int64_t columns, uint32_t seed) const {
    Tensor result = matrices(batch, rows, columns), values = Tensor::random(dtype, sizes({batch, rows, columns}), seed);
    Setting plain{dtype, isComplex, false};
    for (int64_t number = 0; number < batch; ++number)
      write(result, number, plain.read(values, number));
    return result;
  }
  /// Hermitian and positive definite.
  Tensor definite(int64_t batch, int64_t n, uint32_t seed) const {
    Tensor result = random(batch, n, n, seed);
    for (int64_t number = 0; number < batch; ++number) {
      Matrix root = read(result, number), square = root * adjoint(root);
      for (int64_t i = 0; i < n; ++i)
        square(i, i) += 1;
      write(result, number, square);
    }
    return result;
  }
};

/// Errors of backward stable algorithms grow with the order at most: a small multiple of it times the rounding.
double tolerance(DType dtype, int64_t n, double scale) {
  return 32 * static_cast<double>(n) * unitRoundoff(dtype) * scale;
}

constexpr int64_t batch = 5;

/// Calls body(setting, run) for all types and strides, on one thread and on two.
template <typename Body> void forAllSettings(const Body &body) {
  for (DType dtype : {DType::F32, DType::F64})
    for (bool isComplex : {false, true})
      for (bool columnMajor : {false, true})
        for (int threads : {1, 2}) {
          CAPTURE(static_cast<int>(dtype), isComplex, columnMajor, threads);
          LoadedModel model(threads);
          StandaloneRun run(model);
          Setting setting{dtype, isComplex, columnMajor};
          body(setting, [&](DecomposeSpec spec, std::vector<TensorView> operands, std::vector<TensorView> results) {
            spec.isComplex = isComplex;
            run.prepareAndRun([&](Run &run) { decompose(run, spec, asExtras(operands), asExtras(results)); });
          });
        }
}

Matrix diagonal(const Tensor &values, int64_t number) {
  Matrix result{values.sizes()[1], values.sizes()[1]};
  for (int64_t i = 0; i < result.rows; ++i)
    result(i, i) = values.at({number, i});
  return result;
}

} // namespace

TEST_CASE("decompose: Cholesky factors, solutions and inverses by them") {
  forAllSettings([](Setting s, auto &&run) {
    for (bool upper : {false, true}) {
      int64_t n = 7;
      Tensor a = s.definite(batch, n, 1), l = s.matrices(batch, n, n), info(DType::I32, {batch});
      Tensor b = s.random(batch, n, 3, 2), x = s.matrices(batch, n, 3), inverse = s.matrices(batch, n, n);
      run({.kind = DecomposeKind::Cholesky, .upper = upper},
          {
              a,
          },
          {l, info});
      run({.kind = DecomposeKind::CholeskySolve, .upper = upper}, {l, b}, {x});
      run({.kind = DecomposeKind::CholeskyInverse, .upper = upper}, {l}, {inverse});
      for (int64_t i = 0; i < batch; ++i) {
        Matrix matrix = s.read(a, i), factor = s.read(l, i);
        CHECK(info.at({i}) == 0);
        CHECK(distance(triangle(factor, n, n, upper), factor) == 0);
        Matrix product = upper ? adjoint(factor) * factor : factor * adjoint(factor);
        CHECK(distance(product, matrix) <= tolerance(s.dtype, n, magnitude(matrix)));
        Matrix solution = s.read(x, i);
        CHECK(distance(matrix * solution, s.read(b, i)) <=
              tolerance(s.dtype, n, magnitude(matrix) * magnitude(solution)));
        Matrix inverted = s.read(inverse, i);
        CHECK(distance(matrix * inverted, identity(n)) <=
              tolerance(s.dtype, n, n * magnitude(matrix) * magnitude(inverted)));
      }
    }
  });
}

TEST_CASE("decompose: LU factors of any shape multiply to the matrix") {
  for (auto [m, n] : {std::pair<int64_t, int64_t>{6, 6}, {7, 4}, {3, 8}})
    forAllSettings([m = m, n = n](Setting s, auto &&run) {
      int64_t k = std::min(m, n);
      Tensor a = s.random(batch, m, n, 3), lu = s.matrices(batch, m, n), pivots(DType::I32, {batch, k}),
             info(DType::I32, {batch}), p = s.matrices(batch, m, m);
      run({.kind = DecomposeKind::Lu}, {a}, {lu, pivots, info});
      run({.kind = DecomposeKind::LuPermutation}, {lu, pivots}, {p});
      for (int64_t i = 0; i < batch; ++i) {
        Matrix factors = s.read(lu, i), l = triangle(factors, m, k, false, true), u = triangle(factors, k, n, true);
        CHECK(distance(s.read(p, i) * l * u, s.read(a, i)) <= tolerance(s.dtype, k, magnitude(u)));
      }
    });
}

TEST_CASE("decompose: systems are solved from both sides, by LU factors, triangles and LDL factors") {
  forAllSettings([](Setting s, auto &&run) {
    int64_t n = 6;
    Tensor a = s.random(batch, n, n, 4), lu = s.matrices(batch, n, n), pivots(DType::I32, {batch, n}),
           info(DType::I32, {batch});
    run({.kind = DecomposeKind::Lu}, {a}, {lu, pivots, info});
    for (bool right : {false, true})
      for (bool isAdjoint : {false, true}) {
        Tensor b = right ? s.random(batch, 2, n, 5) : s.random(batch, n, 2, 5);
        Tensor x = right ? s.matrices(batch, 2, n) : s.matrices(batch, n, 2);
        auto check = [&](const auto &matrixOf) {
          for (int64_t i = 0; i < batch; ++i) {
            Matrix matrix = isAdjoint ? adjoint(matrixOf(i)) : matrixOf(i), solution = s.read(x, i);
            CHECK(distance(right ? solution * matrix : matrix * solution, s.read(b, i)) <=
                  tolerance(s.dtype, n, n * magnitude(matrix) * magnitude(solution)));
          }
        };
        run({.kind = DecomposeKind::LuSolve, .right = right, .adjoint = isAdjoint}, {lu, pivots, b}, {x});
        check([&](int64_t i) { return s.read(a, i); });
        for (bool upper : {false, true})
          for (bool hasOnes : {false, true}) {
            run({.kind = DecomposeKind::TriangularSolve,
                 .upper = upper,
                 .right = right,
                 .adjoint = isAdjoint,
                 .unitDiagonal = hasOnes},
                {a, b}, {x});
            check([&](int64_t i) { return triangle(s.read(a, i), n, n, upper, hasOnes); });
          }
      }
    Tensor definite = s.definite(batch, n, 6), ld = s.matrices(batch, n, n), b = s.random(batch, n, 2, 7),
           x = s.matrices(batch, n, 2);
    run({.kind = DecomposeKind::Ldl, .hermitian = true}, {definite}, {ld, pivots, info});
    run({.kind = DecomposeKind::LdlSolve, .hermitian = true}, {ld, pivots, b}, {x});
    for (int64_t i = 0; i < batch; ++i)
      CHECK(distance(s.read(definite, i) * s.read(x, i), s.read(b, i)) <=
            tolerance(s.dtype, n, n * magnitude(s.read(definite, i)) * magnitude(s.read(x, i))));
  });
}

TEST_CASE("decompose: reflectors make an orthogonal matrix, which multiplies") {
  for (auto [m, n] : {std::pair<int64_t, int64_t>{5, 5}, {7, 4}, {4, 6}})
    forAllSettings([m = m, n = n](Setting s, auto &&run) {
      int64_t k = std::min(m, n);
      Tensor a = s.random(batch, m, n, 8), qr = s.matrices(batch, m, n), tau(s.dtype, s.sizes({batch, k}));
      run({.kind = DecomposeKind::Qr}, {a}, {qr, tau});
      Tensor reflectors = s.matrices(batch, m, k), q = s.matrices(batch, m, m), b = s.random(batch, m, 3, 9),
             product = s.matrices(batch, m, 3);
      for (int64_t i = 0; i < batch; ++i)
        s.write(reflectors, i, triangle(s.read(qr, i), m, k, false));
      run({.kind = DecomposeKind::HouseholderProduct}, {reflectors, tau}, {q});
      run({.kind = DecomposeKind::HouseholderMultiply, .adjoint = true}, {reflectors, tau, b}, {product});
      for (int64_t i = 0; i < batch; ++i) {
        Matrix orthogonal = s.read(q, i), r = triangle(s.read(qr, i), m, n, true);
        CHECK(distance(adjoint(orthogonal) * orthogonal, identity(m)) <= tolerance(s.dtype, m, 1));
        CHECK(distance(orthogonal * r, s.read(a, i)) <= tolerance(s.dtype, m, magnitude(r)));
        CHECK(distance(adjoint(orthogonal) * s.read(b, i), s.read(product, i)) <= tolerance(s.dtype, m, 1));
      }
    });
}

TEST_CASE("decompose: eigenvalues and their vectors") {
  forAllSettings([](Setting s, auto &&run) {
    int64_t n = 6;
    Tensor a = s.definite(batch, n, 10), w(s.dtype, {batch, n}), v = s.matrices(batch, n, n), info(DType::I32, {batch});
    Tensor alone(s.dtype, {batch, n});
    for (bool upper : {false, true}) {
      Tensor half = s.matrices(batch, n, n); // the other triangle must not be read
      for (int64_t i = 0; i < batch; ++i)
        s.write(half, i, triangle(s.read(a, i), n, n, upper));
      run({.kind = DecomposeKind::Eigh, .upper = upper}, {half}, {w, v, info});
      run({.kind = DecomposeKind::EighValues, .upper = upper}, {half}, {alone, info});
      for (int64_t i = 0; i < batch; ++i) {
        Matrix matrix = s.read(a, i), vectors = s.read(v, i);
        CHECK(distance(matrix * vectors, vectors * diagonal(w, i)) <= tolerance(s.dtype, n, magnitude(matrix)));
        CHECK(distance(adjoint(vectors) * vectors, identity(n)) <= tolerance(s.dtype, n, 1));
        CHECK(distance(diagonal(alone, i), diagonal(w, i)) <= tolerance(s.dtype, n, magnitude(matrix)));
        for (int64_t j = 1; j < n; ++j)
          CHECK(w.at({i, j - 1}) <= w.at({i, j}));
      }
    }
    Setting results{s.dtype, true, s.columnMajor};
    Tensor any = s.random(batch, n, n, 11), values(s.dtype, {batch, n, 2}), vectors = results.matrices(batch, n, n),
           again(s.dtype, {batch, n, 2});
    run({.kind = DecomposeKind::Eig}, {any}, {values, vectors, info});
    run({.kind = DecomposeKind::EigValues}, {any}, {again, info});
    for (int64_t i = 0; i < batch; ++i) {
      Matrix matrix = s.read(any, i), right = results.read(vectors, i), scaled = right, scaledAgain = right;
      for (int64_t row = 0; row < n; ++row)
        for (int64_t j = 0; j < n; ++j) {
          scaled(row, j) *= Number(values.at({i, j, 0}), values.at({i, j, 1}));
          scaledAgain(row, j) *= Number(again.at({i, j, 0}), again.at({i, j, 1}));
        }
      CHECK(magnitude(right) > 0.1);
      CHECK(distance(matrix * right, scaled) <= tolerance(s.dtype, n, n * magnitude(matrix)));
      CHECK(distance(matrix * right, scaledAgain) <= tolerance(s.dtype, n, n * n * magnitude(matrix)));
    }
  });
}

TEST_CASE("decompose: singular values and their vectors, square or not") {
  for (auto [m, n] : {std::pair<int64_t, int64_t>{5, 5}, {7, 4}, {3, 6}, {4, 0}})
    for (bool full : {false, true})
      forAllSettings([m = m, n = n, full](Setting s, auto &&run) {
        int64_t k = std::min(m, n);
        Tensor a = s.random(batch, m, n, 12), u = s.matrices(batch, m, full ? m : k), values(s.dtype, {batch, k}),
               vh = s.matrices(batch, full ? n : k, n), info(DType::I32, {batch}), alone(s.dtype, {batch, k});
        run({.kind = DecomposeKind::Svd}, {a}, {u, values, vh, info});
        run({.kind = DecomposeKind::SvdValues}, {a}, {alone, info});
        for (int64_t i = 0; i < batch; ++i) {
          Matrix left = s.read(u, i), right = s.read(vh, i), middle{left.columns, right.rows};
          for (int64_t j = 0; j < k; ++j)
            middle(j, j) = values.at({i, j});
          double allowed = tolerance(s.dtype, std::max(m, n), std::max(1.0, magnitude(middle)));
          CHECK(distance(left * middle * right, s.read(a, i)) <= allowed);
          CHECK(distance(adjoint(left) * left, identity(left.columns)) <= allowed);
          CHECK(distance(right * adjoint(right), identity(right.rows)) <= allowed);
          CHECK(distance(diagonal(alone, i), diagonal(values, i)) <= allowed);
        }
      });
}

TEST_CASE("decompose: the exponential of a sum of matrices that commute is the product, also of large ones") {
  forAllSettings([](Setting s, auto &&run) {
    int64_t n = 4;
    for (double factor : {0.01, 1.0, 5.0}) {
      Tensor a = s.random(batch, n, n, 13), negative = s.matrices(batch, n, n);
      Tensor result = s.matrices(batch, n, n), inverse = s.matrices(batch, n, n);
      for (int64_t i = 0; i < batch; ++i) {
        Matrix matrix = s.read(a, i);
        for (Number &element : matrix.elements)
          element *= factor;
        s.write(a, i, matrix);
        for (Number &element : matrix.elements)
          element = -element;
        s.write(negative, i, matrix);
      }
      run({.kind = DecomposeKind::Exponential}, {a}, {result});
      run({.kind = DecomposeKind::Exponential}, {negative}, {inverse});
      for (int64_t i = 0; i < batch; ++i) {
        Matrix x = s.read(result, i), y = s.read(inverse, i);
        CHECK(distance(x, identity(n)) >= factor / 8);
        CHECK(distance(x * y, identity(n)) <= tolerance(s.dtype, n, n * factor * magnitude(x) * magnitude(y)));
      }
    }
  });
}

TEST_CASE("decompose: info says where a matrix cannot be factored, and the check says so") {
  Setting s{DType::F64, false, false};
  LoadedModel model(2);
  StandaloneRun run(model);
  Tensor a = s.definite(3, 4, 14), l = s.matrices(3, 4, 4), info(DType::I32, {3});
  a.set({2, 1, 1}, -1);
  run.prepareAndRun([&](Run &run) {
    std::vector<TensorView> operands{a}, results{l, info};
    decompose(run, {.kind = DecomposeKind::Cholesky}, asExtras(operands), asExtras(results));
  });
  CHECK(info.at({0}) == 0);
  CHECK(info.at({1}) == 0);
  CHECK(info.at({2}) == 2);
  std::string sentence;
  try {
    checkInfo(run.run(), info, "matrix {1} fails at {0}; pass another");
  } catch (const Error &error) {
    sentence = error.what();
  }
  CHECK(sentence == "matrix 2 fails at 2; pass another");
}

// OpenBLAS has threads of its own for large matrices, unless it is told not to.
TEST_CASE("decompose: one thread stays one thread") {
  auto numThreads = [] {
    auto tasks = std::filesystem::directory_iterator("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  Setting s{DType::F32, false, false};
  LoadedModel model(1);
  StandaloneRun run(model);
  int64_t n = 400;
  Tensor a = s.random(1, n, n, 15), lu = s.matrices(1, n, n), pivots(DType::I32, {1, n}), info(DType::I32, {1});
  auto before = numThreads();
  run.prepareAndRun([&](Run &run) {
    std::vector<TensorView> operands{a}, results{lu, pivots, info};
    decompose(run, {.kind = DecomposeKind::Lu}, asExtras(operands), asExtras(results));
  });
  CHECK(numThreads() == before);
}
