//===- Autocast.cpp - the dtypes that torch.autocast gives operands ----------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Inside an autocast region the graph shows f32 operands and the results that casting them gives. Ops are cast by the lists that
// PyTorch has for CPUs (https://docs.pytorch.org/docs/stable/amp.html, "CPU Op-Specific Behavior").
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

using namespace mlir;
using namespace tenon::aten;

// Products: operands are cast to the region's dtype.
static constexpr StringRef narrowed[] = {
    "_addmm_activation", "addbmm",   "addmm",            "baddbmm",          "bmm",
    "conv1d",            "conv2d",   "conv3d",           "conv_tbc",         "conv_transpose1d",
    "conv_transpose2d",  "conv_transpose3d", "linalg_vecdot", "linear",      "matmul",
    "mm",                "prelu",    "scaled_dot_product_attention"};

// Ops that lose too much: operands are cast to f32.
static constexpr StringRef widened[] = {
    "adaptive_avg_pool3d", "avg_pool3d",          "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "cdist",               "cosine_embedding_loss", "cross_entropy_loss", "grid_sampler",
    "grid_sampler_2d",     "grid_sampler_3d",     "hinge_embedding_loss", "huber_loss",
    "kl_div",              "l1_loss",             "margin_ranking_loss",  "max_pool3d",
    "mse_loss",            "multi_margin_loss",   "multilabel_margin_loss", "nll_loss",
    "nll_loss2d",          "poisson_nll_loss",    "prod",                 "reflection_pad1d",
    "reflection_pad2d",    "replication_pad1d",   "replication_pad2d",    "replication_pad3d",
    "smooth_l1_loss",      "soft_margin_loss",    "trace",                "triplet_margin_loss"};

// The dtype this call's operands are cast to; none where they stay. stack, cat and index_copy promote by themselves.
std::optional<ScalarType> Call::autocastDtype() {
  if (!scope.autocast || isInPlace)
    return std::nullopt;
  if (llvm::is_contained(narrowed, op))
    return scope.autocast;
  return llvm::is_contained(widened, op) ? std::optional(ScalarType::Float32) : std::nullopt;
}

Tensor Call::autocast(Tensor tensor) {
  std::optional<ScalarType> dtype = autocastDtype();
  return dtype && isFloat(tensor.dtype) && tensor.dtype != ScalarType::Float64 ? e.cast(tensor, *dtype) : tensor;
}
