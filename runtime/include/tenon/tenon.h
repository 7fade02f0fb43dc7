/*===- tenon/tenon.h - the C interface of a compiled model -----------------------------------------------------*- C -*-===*\
|*
|* Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
|*
|*===-----------------------------------------------------------------------------------------------------------------===*|
|*
|* A compiled model is one shared object with one exported symbol, `tenon_model_entry`. Applications need this header and
|* dlopen, nothing else:
|*
|*     void *library = dlopen("./model.so", RTLD_NOW | RTLD_LOCAL);
|*     tenon_entry_fn entry = (tenon_entry_fn)dlsym(library, TENON_ENTRY_SYMBOL);
|*     const tenon_api *api = entry(TENON_ABI_VERSION);          // NULL: the model needs a newer or older header
|*     tenon_model *model;
|*     if (api->model_load(NULL, &model)) puts(api->last_error());
|*
|* Objects     tenon_model: a loaded model with its weights and its state; tenon_api: a constant table.
|* Threads     model_run may be called from many threads at once on one model; a model with state (mutated buffers)
|*             serialises its runs. model_load and model_release: one thread.
|* Ownership   Tensors are DLPack's DLTensor and belong to the caller, who allocates outputs as well: before the run, or in a
|*             callback where only the run knows their sizes. Nothing of a call is kept after it returns.
|* Errors      Functions return a tenon_status; last_error() has the sentence of the calling thread's last failure.
|* Versions    The entry takes the version the application was compiled with. Fields are only ever added at the end of a
|*             struct; every struct starts with its size.
|*
\*===-----------------------------------------------------------------------------------------------------------------===*/

#ifndef TENON_TENON_H
#define TENON_TENON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_ABI_VERSION 1u
#define TENON_ENTRY_SYMBOL "tenon_model_entry"

/* DLPack's stable structures (https://dmlc.github.io/dlpack), declared here so that this header stands alone. Include
   <dlpack/dlpack.h> first to use its declarations instead. */
#ifndef DLPACK_DLPACK_H_
typedef enum { kDLCPU = 1 } DLDeviceType;
typedef struct {
  DLDeviceType device_type;
  int32_t device_id;
} DLDevice;
typedef enum { kDLInt = 0u, kDLUInt = 1u, kDLFloat = 2u, kDLBfloat = 4u, kDLComplex = 5u, kDLBool = 6u } DLDataTypeCode;
typedef struct {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} DLDataType;
typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides; /* elements; NULL for row-major */
  uint64_t byte_offset;
} DLTensor;
#endif

typedef enum {
  TENON_OK = 0,
  TENON_INVALID_ARGUMENT = 1, /* an input breaks the model's signature or a guard */
  TENON_OUT_OF_MEMORY = 2,
  TENON_UNSUPPORTED_CPU = 3, /* this CPU lacks what the model was compiled for */
  TENON_BAD_MODEL = 4,       /* the file is damaged, or its weights are not where it expects them */
  TENON_INTERNAL = 5
} tenon_status;

typedef struct tenon_model tenon_model;

#define TENON_DYNAMIC INT64_MIN /* a size in tenon_tensor_info that varies; see the dims text */

/* Describes one input or output. Constant data of the model; valid while the library is loaded. */
typedef struct {
  const char *name;         /* name in the exported graph */
  DLDataType dtype;
  int32_t ndim;
  const int64_t *shape;     /* TENON_DYNAMIC where a dimension varies */
  const char *const *dims;  /* per dimension: "224", "s77", "2*s77 + 1" */
} tenon_tensor_info;

typedef struct {
  const char *symbol; /* "s77" */
  int64_t min, max;   /* inclusive; max INT64_MAX: unbounded */
} tenon_symbol_info;

typedef struct {
  size_t struct_size;
  const char *name, *tenon_version, *torch_version;
  const char *target;    /* "x86_64", "aarch64" */
  const char *cpu;       /* as compiled for: "native (znver5)", "generic" */
  const char *features;  /* comma-separated CPU features a run needs */
  const char *precision, *numerics;
  int32_t num_inputs, num_outputs, num_symbols;
  const tenon_tensor_info *inputs, *outputs;
  const tenon_symbol_info *symbols;
  const char *in_spec, *out_spec; /* pytrees of the calling convention as JSON, for wrappers of other languages */
  uint64_t weights_bytes, state_bytes;
  int32_t num_kernels, num_library_calls;
  int32_t num_mutated_inputs; /* inputs that the model writes to: positions, ascending */
  const int32_t *mutated_inputs;
} tenon_model_info;

/* The application's own parallel for: calls body(context, index) for index in [0, count), in any order and on any threads,
   and returns when all calls have returned. */
typedef void (*tenon_parallel_for_fn)(void *pool, int32_t count, void (*body)(void *context, int32_t index), void *context);

typedef struct {
  size_t struct_size;
  int32_t num_threads;                /* threads of one run; 0: all cores of the process; 1 starts no thread */
  tenon_parallel_for_fn parallel_for; /* NULL: the runtime's own team */
  void *parallel_for_pool;
  const char *weights_path;           /* NULL: inside the .so, or beside it as compiled */
} tenon_load_options;

typedef struct {
  size_t struct_size;
  uint64_t arena_bytes; /* scratch memory of the latest run */
  uint64_t constant_bytes; /* packed weights and hoisted constants */
  double load_ms;
} tenon_model_stats;

/* Memory for `bytes` bytes of output `output`, whose `shape` the run has computed: aligned to its elements, and nowhere in use
   by a tensor of the call. NULL where there is none. */
typedef void *(*tenon_allocate_fn)(void *context, int32_t output, const int64_t *shape, size_t bytes);

typedef struct {
  size_t struct_size;
  uint32_t abi_version;
  const tenon_model_info *(*model_info)(void);
  /* Loads weights, packs them, computes constants. options may be NULL. On success *model is the caller's to release. */
  tenon_status (*model_load)(const tenon_load_options *options, tenon_model **model);
  void (*model_release)(tenon_model *model);
  /* Shapes of the outputs for given inputs: fills shapes[i][0..ndim). A size that depends on the values of inputs ("u0" in the
     dims text) is the largest one possible, or TENON_DYNAMIC where nothing bounds it. */
  tenon_status (*model_output_shapes)(tenon_model *model, const DLTensor *inputs, int32_t num_inputs, int64_t *const *shapes,
                                      int32_t num_outputs);
  /* Runs. Inputs may have any strides; outputs must be row-major and have the shapes model_output_shapes gives. The elements of
     mutated inputs are overwritten: they have no stride of 0. Sizes that depend on values are written to outputs[i].shape:
     the output's elements stand row-major at the start of its memory. */
  tenon_status (*model_run)(tenon_model *model, const DLTensor *inputs, int32_t num_inputs, const DLTensor *outputs,
                            int32_t num_outputs);
  /* Puts every mutated buffer back to its value in the archive. */
  tenon_status (*model_reset_state)(tenon_model *model);
  tenon_status (*model_stats)(tenon_model *model, tenon_model_stats *stats);
  /* The calling thread's last failure, one sentence; "" where there was none. Valid until its next call. */
  const char *(*last_error)(void);
  /* Seeds the model's random numbers: they are those of PyTorch's CPU generator after torch.manual_seed(seed). A model that was
     not seeded starts as PyTorch does, and goes on from run to run; model_reset_state returns to the latest seed. */
  tenon_status (*model_seed)(tenon_model *model, uint64_t seed);
  /* As model_run, for models with outputs to which model_output_shapes gives a size of TENON_DYNAMIC. Such outputs come with
     their dtype, ndim and a shape to write to, their data is not looked at: allocate is called once for each when its sizes are
     known, on the calling thread, and what it returns holds the output. It must not call the model. */
  tenon_status (*model_run_allocating)(tenon_model *model, const DLTensor *inputs, int32_t num_inputs, const DLTensor *outputs,
                                       int32_t num_outputs, tenon_allocate_fn allocate, void *allocate_context);
} tenon_api;

typedef const tenon_api *(*tenon_entry_fn)(uint32_t abi_version);

#ifdef __cplusplus
}
#endif
#endif /* TENON_TENON_H */
