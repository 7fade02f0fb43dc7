// A model of a version that no longer exists.
extern "C" const void *tenon_model_entry(unsigned) { return nullptr; }
