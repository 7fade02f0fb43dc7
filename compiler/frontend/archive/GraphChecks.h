//===- GraphChecks.h - whether a graph's values are defined and used rightly ----------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_GRAPHCHECKS_H
#define TENON_FRONTEND_ARCHIVE_GRAPHCHECKS_H

#include "compiler/frontend/archive/ExportedProgram.h"

namespace tenon::frontend {

struct GraphFault {
  std::string path; ///< JSON path; subgraphs by name: "$.graph.nodes[3](true_graph_0).outputs"
  std::string sentence;
};

/// Finds the first value of `graph` or its subgraphs that is not defined exactly once before its uses, has no entry in
/// the value tables or is used as another kind of value. `path` is where the graph is in its document.
std::optional<GraphFault> findGraphFault(const Graph &graph, const std::string &path);

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_GRAPHCHECKS_H
