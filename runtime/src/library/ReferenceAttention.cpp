//===- ReferenceAttention.cpp - attention of dtypes no tile product has ----------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "ReferenceAttention.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace tenon;
using namespace tenon::library;

void library::referenceAttention(RunContext &context, const AttentionSpec &spec, const TensorView &query,
                                 const TensorView &key, const TensorView &value, const TensorView *mask,
                                 const TensorView &output) {
  int64_t heads = query.sizes[1], rows = query.sizes[2], keys = key.sizes[2], width = query.sizes[3];
  int64_t headsPerGroup = heads / key.sizes[1];
  auto at = [](const TensorView &view, int64_t b, int64_t h, int64_t i, int64_t j) {
    return loadElement<double>(view, b * view.strides[0] + h * view.strides[1] + i * view.strides[2] + j * view.strides[3]);
  };
  TensorView scoreShape = query, wideMask;
  scoreShape.sizes[3] = keys;
  if (mask)
    wideMask = broadcastTo(*mask, scoreShape);
  constexpr double minusInfinity = -std::numeric_limits<double>::infinity();

  context.parallelFor(query.sizes[0] * heads * rows, [&](int64_t task) {
    int64_t i = task % rows, h = task / rows % heads, b = task / rows / heads, g = h / headsPerGroup;
    std::vector<double> weights(keys);
    for (int64_t j = 0; j < keys; ++j) {
      double score = 0;
      for (int64_t e = 0; e < width; ++e)
        score += at(query, b, h, i, e) * at(key, b, g, j, e);
      score *= spec.scale;
      if (mask && mask->dtype == DType::Bool)
        score = at(wideMask, b, h, i, j) != 0 ? score : minusInfinity;
      else if (mask)
        score += at(wideMask, b, h, i, j);
      weights[j] = spec.causal && j > i ? minusInfinity : score;
    }
    double max = *std::max_element(weights.begin(), weights.end()), sum = 0;
    for (double &weight : weights)
      sum += weight = max == minusInfinity ? 0 : std::exp(weight - max);
    for (int64_t f = 0; f < output.sizes[3]; ++f) {
      double result = 0;
      for (int64_t j = 0; j < keys; ++j)
        result += weights[j] * at(value, b, g, j, f);
      storeElement(output, b * output.strides[0] + h * output.strides[1] + i * output.strides[2] + f * output.strides[3],
                   sum == 0 && !spec.emptyRowsAreNan ? 0.0 : result / sum);
    }
  });
}
