/* Runs a compiled model on zeros and prints the first values of its first output. Needs tenon/tenon.h and dlopen, no library.
 *
 *     cc -I runtime/include examples/01-run-from-c/main.c -ldl -o run && ./run model.so
 */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <tenon/tenon.h>

enum { MAX_TENSORS = 64, MAX_DIMS = 12 };

static void check(int failed, const char *sentence) {
  if (failed) {
    fprintf(stderr, "run: %s\n", sentence);
    exit(1);
  }
}

/* A zeroed row-major tensor; sizes that vary are taken as `dynamic_size`. */
static DLTensor make_tensor(const tenon_tensor_info *info, int64_t *shape, int64_t dynamic_size) {
  size_t bytes = (info->dtype.bits + 7) / 8;
  for (int32_t i = 0; i < info->ndim; ++i) {
    shape[i] = info->shape[i] == TENON_DYNAMIC ? dynamic_size : info->shape[i];
    bytes *= (size_t)shape[i];
  }
  DLTensor tensor = {calloc(1, bytes ? bytes : 1), {kDLCPU, 0}, info->ndim, info->dtype, shape, NULL, 0};
  check(!tensor.data, "out of memory");
  return tensor;
}

int main(int argc, char **argv) {
  check(argc != 2, "give the path of a compiled model");

  /* 1. The shared object and its table of functions. */
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  check(!library, "the model cannot be opened; give its path with a slash, as in ./model.so");
  tenon_entry_fn entry = (tenon_entry_fn)dlsym(library, TENON_ENTRY_SYMBOL);
  const tenon_api *api = entry ? entry(TENON_ABI_VERSION) : NULL;
  check(!api, "no compiled model, or one of another version");

  /* 2. The model: maps weights, packs them, checks the CPU. */
  tenon_model *model;
  check(api->model_load(NULL, &model), api->last_error());
  const tenon_model_info *info = api->model_info();
  check(info->num_inputs > MAX_TENSORS || info->num_outputs > MAX_TENSORS, "more tensors than this example holds");

  /* 3. Inputs, then the shapes that outputs have for them. */
  static DLTensor inputs[MAX_TENSORS], outputs[MAX_TENSORS];
  static int64_t input_shapes[MAX_TENSORS][MAX_DIMS], output_shapes[MAX_TENSORS][MAX_DIMS];
  int64_t *shapes[MAX_TENSORS];
  for (int32_t i = 0; i < info->num_inputs; ++i)
    inputs[i] = make_tensor(&info->inputs[i], input_shapes[i], 8);
  for (int32_t i = 0; i < info->num_outputs; ++i)
    shapes[i] = output_shapes[i];
  check(api->model_output_shapes(model, inputs, info->num_inputs, shapes, info->num_outputs), api->last_error());
  for (int32_t i = 0; i < info->num_outputs; ++i) {
    tenon_tensor_info exact = info->outputs[i];
    int64_t sizes[MAX_DIMS];
    for (int32_t dim = 0; dim < exact.ndim; ++dim)
      sizes[dim] = output_shapes[i][dim];
    exact.shape = sizes;
    outputs[i] = make_tensor(&exact, output_shapes[i], 0);
  }

  /* 4. Run. */
  check(api->model_run(model, inputs, info->num_inputs, outputs, info->num_outputs), api->last_error());
  printf("%s:", info->outputs[0].name);
  if (outputs[0].dtype.code == kDLFloat && outputs[0].dtype.bits == 32)
    for (int i = 0; i < 5 && (outputs[0].ndim == 0 ? i < 1 : i < output_shapes[0][outputs[0].ndim - 1]); ++i)
      printf(" %g", ((float *)outputs[0].data)[i]);
  printf("\n");

  for (int32_t i = 0; i < info->num_inputs; ++i)
    free(inputs[i].data);
  for (int32_t i = 0; i < info->num_outputs; ++i)
    free(outputs[i].data);
  api->model_release(model);
  return dlclose(library);
}
