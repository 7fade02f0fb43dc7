// A model of a version that no longer exists.
#include <tenon/tenon.h>

extern "C" const tenon_api *tenon_model_entry(uint32_t) { return nullptr; }
