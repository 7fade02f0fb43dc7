//===- onednn/Primitive.cpp - oneDNN primitives that many runs share -------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Primitive.h"

#include "../../CpuFeatures.h"
#include "../../StridedCopy.h"
#include "../Convert.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>

using namespace tenon;
using namespace tenon::onednn;

using dnnl::algorithm;

dnnl::engine &onednn::engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

bool onednn::isUsable() {
#ifdef __aarch64__
  constexpr size_t longestInBytes = 512 / 8;
  return sveVectorBytes() <= longestInBytes;
#else
  return true;
#endif
}

std::optional<memory::data_type> onednn::dataType(DType dtype) {
  switch (dtype) {
  case DType::F32: return memory::data_type::f32;
  case DType::F16: return memory::data_type::f16;
  case DType::BF16: return memory::data_type::bf16;
  default: return std::nullopt;
  }
}

memory::desc onednn::describe(const TensorView &view) {
  return memory::desc(memory::dims(view.sizes, view.sizes + view.rank), *dataType(view.dtype),
                      memory::dims(view.strides, view.strides + view.rank), /*allow_empty=*/true);
}

memory::desc onednn::describeChannelsLast(const TensorView &view) {
  memory::dims strides(view.rank);
  strides[1] = 1;
  int64_t stride = view.sizes[1];
  for (int32_t i = view.rank; i-- > 2;) {
    strides[i] = stride;
    stride *= view.sizes[i];
  }
  strides[0] = stride;
  return memory::desc(memory::dims(view.sizes, view.sizes + view.rank), *dataType(view.dtype), strides);
}

//===--- post-ops ----------------------------------------------------------------------------------------------------===//

namespace {
struct Eltwise {
  algorithm kind;
  float alpha, beta;
};

/// Above this threshold log(1 + exp(x)) and x are the same float, so softplus needs no threshold of its own.
constexpr double softplusThresholdWithoutEffect = 17;

std::optional<Eltwise> eltwise(const EpilogueStep &step) {
  auto alpha = static_cast<float>(step.alpha), beta = static_cast<float>(step.beta);
  switch (step.activation) {
  case ActivationKind::Relu: return Eltwise{algorithm::eltwise_relu, 0, 0};
  case ActivationKind::GeluErf: return Eltwise{algorithm::eltwise_gelu_erf, 0, 0};
  case ActivationKind::GeluTanh: return Eltwise{algorithm::eltwise_gelu_tanh, 0, 0};
  case ActivationKind::Sigmoid: return Eltwise{algorithm::eltwise_logistic, 0, 0};
  case ActivationKind::Tanh: return Eltwise{algorithm::eltwise_tanh, 0, 0};
  case ActivationKind::Silu: return Eltwise{algorithm::eltwise_swish, 1, 0};
  case ActivationKind::HardSigmoid: return Eltwise{algorithm::eltwise_hardsigmoid, 1.0f / 6, 0.5f};
  case ActivationKind::HardSwish: return Eltwise{algorithm::eltwise_hardswish, 1.0f / 6, 0.5f};
  case ActivationKind::LeakyRelu: return Eltwise{algorithm::eltwise_relu, alpha, 0};
  case ActivationKind::Elu: return Eltwise{algorithm::eltwise_elu, alpha, 0};
  case ActivationKind::Clip: return Eltwise{algorithm::eltwise_clip, alpha, beta};
  case ActivationKind::Softplus:
    if (step.beta < softplusThresholdWithoutEffect)
      return std::nullopt;
    return Eltwise{algorithm::eltwise_soft_relu, alpha, 0};
  case ActivationKind::Mish: return Eltwise{algorithm::eltwise_mish, 0, 0};
  }
  return std::nullopt;
}

/// The extra with the output's rank, sizes one where it repeats. A post-op's operand is dense or has the output's strides,
/// those of dimensions of size one included: oneDNN compares descriptors, not addresses.
TensorView alignedExtra(const TensorView &extra, const TensorView &output) {
  if (extra.rank == output.rank && std::equal(extra.sizes, extra.sizes + extra.rank, output.sizes)) {
    TensorView aligned = extra;
    for (int32_t i = 0; i < extra.rank; ++i)
      if (extra.sizes[i] == 1)
        aligned.strides[i] = output.strides[i];
    return aligned;
  }
  TensorView aligned = extra;
  aligned.rank = output.rank;
  int64_t stride = 1;
  for (int32_t i = output.rank; i-- > 0;) {
    int32_t from = i - (output.rank - extra.rank);
    aligned.sizes[i] = from < 0 ? 1 : extra.sizes[from];
    aligned.strides[i] = from < 0 || aligned.sizes[i] == 1 ? stride : extra.strides[from];
    stride = aligned.strides[i] * aligned.sizes[i];
  }
  return aligned;
}
} // namespace

std::optional<PostOps> onednn::postOps(const Epilogue &epilogue, TensorViews extras, const TensorView &output) {
  PostOps result;
  int32_t next = 0;
  for (int32_t i = 0; i < epilogue.count; ++i) {
    const EpilogueStep &step = epilogue.steps[i];
    if (step.kind == EpilogueKind::Scale) {
      result.steps.append_eltwise(algorithm::eltwise_linear, static_cast<float>(step.alpha), 0);
      continue;
    }
    if (step.kind == EpilogueKind::Activation) {
      std::optional<Eltwise> op = eltwise(step);
      if (!op)
        return std::nullopt;
      result.steps.append_eltwise(op->kind, op->alpha, op->beta);
      continue;
    }
    const TensorView &extra = extras.begin[next++];
    if (!dataType(extra.dtype))
      return std::nullopt;
    memory::desc operand = describe(alignedExtra(extra, output));
    if (!operand)
      return std::nullopt;
    result.steps.append_binary(step.kind == EpilogueKind::Add ? algorithm::binary_add : algorithm::binary_mul, operand);
    result.extras.emplace_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(i) | DNNL_ARG_SRC_1, operand);
  }
  return result;
}

dnnl::primitive_attr onednn::attributes(const dnnl::post_ops &steps) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_post_ops(steps);
  return attributes;
}

void onednn::warnIfReference(std::string_view implementation, const char *op) {
  static std::mutex mutex;
  static std::set<std::string_view> warned;
  std::lock_guard lock(mutex);
  if (isReference(implementation) && !std::getenv("TENON_QUIET") && warned.insert(op).second)
    std::fprintf(stderr,
                 "tenon: warning: a %s runs on '%.*s', which is slow; its dtype or shape has no tuned implementation here\n", op,
                 static_cast<int>(implementation.size()), implementation.data());
}

//===--- execution ---------------------------------------------------------------------------------------------------===//

// Making memory objects costs more than a small primitive takes, so one set of them waits per primitive; runs that find it
// taken make their own.
struct Primitive::Invocation {
  dnnl::stream stream{engine()};
  std::vector<memory> memories;
  std::vector<dnnl_exec_arg_t> arguments;
};

Primitive::Primitive(const dnnl::primitive &primitive, std::vector<std::pair<int, memory::desc>> arguments)
    : primitive(primitive), arguments(std::move(arguments)) {
  idle = makeInvocation().release();
}

Primitive::~Primitive() { delete idle.load(); }

std::unique_ptr<Primitive::Invocation> Primitive::makeInvocation() const {
  auto invocation = std::make_unique<Invocation>();
  for (const auto &[id, layout] : arguments) {
    memory &object = invocation->memories.emplace_back(memory(layout, engine(), DNNL_MEMORY_NONE));
    invocation->arguments.push_back({id, object.get()});
  }
  return invocation;
}

void Primitive::execute(void *const *data) const {
  std::unique_ptr<Invocation> invocation(idle.exchange(nullptr));
  if (!invocation)
    invocation = makeInvocation();
  for (size_t i = 0; i < arguments.size(); ++i)
    dnnl_memory_set_data_handle(invocation->memories[i].get(), data[i]);
  dnnl_status_t status = dnnl_primitive_execute(primitive.get(), invocation->stream.get(),
                                                static_cast<int>(invocation->arguments.size()),
                                                invocation->arguments.data());
  if (status != dnnl_success)
    throw Error(TENON_INTERNAL, "oneDNN failed to run a primitive (status " + std::to_string(status) + "); please report this");
  delete idle.exchange(invocation.release());
}

std::unique_ptr<Primitive> onednn::makeReorder(const memory::desc &from, const memory::desc &to) {
  dnnl::reorder::primitive_desc description(engine(), from, engine(), to, attributes());
  return std::make_unique<Primitive>(dnnl::reorder(description),
                                     std::vector<std::pair<int, memory::desc>>{
                                         {DNNL_ARG_FROM, from},
                                         {DNNL_ARG_TO, to},
                                         {DNNL_ARG_SCRATCHPAD, description.scratchpad_desc()}});
}

/// Copies a constant to a layout that is nothing but strides, for which no primitive is needed.
static void copyPlain(RunContext &context, const memory::desc &from, const void *source, const memory::desc &to,
                      void *target) {
  memory::dims sizes = from.get_dims(), fromStrides = from.get_strides(), toStrides = to.get_strides();
  copyStrided(context, static_cast<int64_t>(memory::data_type_size(from.get_data_type())), static_cast<int32_t>(sizes.size()),
              sizes.data(), source, fromStrides.data(), target, toStrides.data());
}

static void reorder(const memory::desc &from, void *source, const memory::desc &to, void *target) {
  dnnl::reorder::primitive_desc description(engine(), from, engine(), to, attributes());
  Memory scratchpad;
  makeReorder(from, to)->execute({source, target, scratchpad.atLeast(description.scratchpad_desc().get_size() + 1)});
}

void *PackedConstants::get(RunContext &context, const memory::desc &from, const TensorView &view,
                           const memory::desc &to) {
  if (from == to)
    return view.data;
  bool isExtended = from.get_data_type() != to.get_data_type();
  for (Packed &candidate : packed)
    if (candidate.source == view.data && candidate.layout == to)
      return candidate.memory.data();
  Packed &result = packed.emplace_back(Packed{view.data, to, Memory()});
  void *target = result.memory.atLeast(to.get_size());
  memory::desc plain = isExtended ? memory::desc(from.get_dims(), to.get_data_type(), from.get_strides()) : from;
  void *source = view.data;
  Memory extended;
  if (isExtended) {
    int64_t count = library::spanInElements(view);
    source = extended.atLeast(static_cast<size_t>(count) * sizeof(float));
    library::readElements(view.dtype, view.data, count, static_cast<float *>(source));
  }
  if (to.get_inner_nblks() == 0)
    copyPlain(context, plain, source, to, target);
  else
    reorder(plain, source, to, target);
  context.addConstantBytes(static_cast<int64_t>(to.get_size()));
  context.constantIsPacked(view.data, library::spanInElements(view) * library::sizeInBytes(view.dtype));
  return result.memory.data();
}
