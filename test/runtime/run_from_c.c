/* A program in C that knows nothing of Tenon but tenon.h: loads the model of models/Affine.cpp, whose weights the test harness
   has appended, and runs it. Exit code 0: as expected. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <tenon/tenon.h>

enum { ROWS = 64, COLUMNS = 1000 };
static float input[ROWS][COLUMNS], output[ROWS][COLUMNS];

static int fail(const char *what) {
  fprintf(stderr, "run_from_c: %s\n", what);
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 2)
    return fail("give the model's path");
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return fail(dlerror());
  tenon_entry_fn entry = (tenon_entry_fn)dlsym(library, TENON_ENTRY_SYMBOL);
  const tenon_api *api = entry ? entry(TENON_ABI_VERSION) : NULL;
  if (!api)
    return fail("no entry");

  tenon_model *model;
  if (api->model_load(NULL, &model))
    return fail(api->last_error());
  for (int row = 0; row < ROWS; ++row)
    for (int column = 0; column < COLUMNS; ++column)
      input[row][column] = (float)row;

  int64_t shape[] = {ROWS, COLUMNS};
  DLTensor in = {input, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, NULL, 0};
  DLTensor out = in;
  out.data = output;
  if (api->model_run(model, &in, 1, &out, 1))
    return fail(api->last_error());
  for (int row = 0; row < ROWS; ++row)
    for (int column = 0; column < COLUMNS; ++column)
      if (output[row][column] != (float)row * (2 * ((float)column / 8)) + (float)(column - 500))
        return fail("wrong result");

  api->model_release(model);
  return dlclose(library);
}
