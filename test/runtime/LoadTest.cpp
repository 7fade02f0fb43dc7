//===- LoadTest.cpp - loading: weights, CPU, options, unloading ---------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "TestModels.h"

#include <thread>

using namespace tenon;
using namespace tenon::test;
namespace fs = std::filesystem;

static std::string loadFailure(const fs::path &file, tenon_status expected, tenon_load_options options = {}) {
  Session session(file, options);
  CHECK(session.status == expected);
  CHECK(session.model == nullptr);
  return session.sentence;
}

static std::string quoted(const fs::path &file) { return "'" + file.string() + "'"; }

// Edits the footer of a model that is otherwise good.
template <typename Edit> static void editFooter(const fs::path &file, const Edit &edit) {
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  WeightsFooter footer;
  stream.seekg(-static_cast<int>(sizeof(footer)), std::ios::end);
  stream.read(reinterpret_cast<char *>(&footer), sizeof(footer));
  edit(footer);
  stream.seekp(-static_cast<int>(sizeof(footer)), std::ios::end);
  stream.write(reinterpret_cast<const char *>(&footer), sizeof(footer));
}

TEST_CASE("a model with weights loads, runs and says what it is") {
  TemporaryFolder folder;
  Session session(makeAffine(folder));
  REQUIRE(session.status == TENON_OK);
  CHECK(std::string(session.api->model_info()->name) == "affine");
  AffineCase affine;
  REQUIRE(session.run({affine.input}, {affine.output}) == TENON_OK);
  CHECK(affine.isRight());

  tenon_model_stats stats = {};
  stats.struct_size = sizeof(stats);
  REQUIRE(session.api->model_stats(session.model, &stats) == TENON_OK);
  CHECK(stats.arena_bytes == affineRows * affineColumns * 4);
  CHECK(stats.constant_bytes == affineColumns * 4); // the hoisted constant
  CHECK(stats.load_ms > 0);
}

TEST_CASE("a relative path still finds the weights after the working directory has changed") {
  TemporaryFolder folder;
  makeAffine(folder);
  fs::path before = fs::current_path();
  fs::current_path(folder.path);
  void *library = dlopen("./affine.so", RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library);
  fs::current_path("/");
  const tenon_api *api = reinterpret_cast<tenon_entry_fn>(dlsym(library, TENON_ENTRY_SYMBOL))(TENON_ABI_VERSION);
  tenon_model *model = nullptr;
  CHECK(api->model_load(nullptr, &model) == TENON_OK);
  api->model_release(model);
  dlclose(library);
  fs::current_path(before);
}

TEST_CASE("weights of a file of their own are found beside the model or where the options say") {
  TemporaryFolder folder;
  fs::path file = copyModel(folder, "affine_beside");
  fs::path beside = folder.path / "affine.weights", elsewhere = folder.path / "elsewhere.weights";
  appendWeights(elsewhere, affineWeights(), affineHash);
  AffineCase affine;

  CHECK(loadFailure(file, TENON_BAD_MODEL) ==
        "the weights file " + quoted(beside) +
            " cannot be opened (No such file or directory); put it beside the model or give its place as weights_path");
  {
    tenon_load_options options = {};
    std::string path = elsewhere.string();
    options.weights_path = path.c_str();
    Session session(file, options);
    REQUIRE(session.status == TENON_OK);
    REQUIRE(session.run({affine.input}, {affine.output}) == TENON_OK);
    CHECK(affine.isRight());
  }
  fs::rename(elsewhere, beside);
  Session session(file);
  CHECK(session.status == TENON_OK);
}

TEST_CASE("weights that are missing, cut off, damaged or of another compilation are refused") {
  TemporaryFolder folder;
  fs::path file = copyModel(folder, "affine");
  const std::string noFooter =
      quoted(file) + " does not end with weights; it was cut off or stripped, copy it again or compile again";
  const std::string beyond =
      "the weights in " + quoted(file) + " reach beyond the file; it is damaged, copy it again or compile again";
  const std::string foreign =
      "the weights in " + quoted(file) + " are of another compilation; keep the model and its weights together";

  SECTION("missing") { CHECK(loadFailure(file, TENON_BAD_MODEL) == noFooter); }
  SECTION("cut off at any of the last bytes") {
    appendWeights(file, affineWeights(), affineHash);
    for (uintmax_t size = fs::file_size(file) - 1, i = 0; i < 100; ++i) {
      fs::resize_file(file, size - i);
      CHECK(loadFailure(file, TENON_BAD_MODEL) == noFooter);
    }
  }
  SECTION("cut out of the middle") {
    appendWeights(file, affineWeights(), affineHash);
    editFooter(file, [](WeightsFooter &footer) { footer.blobOffset += weightsAlignment; });
    CHECK(loadFailure(file, TENON_BAD_MODEL) == beyond);
  }
  SECTION("at an offset that cannot be mapped") {
    appendWeights(file, affineWeights(), affineHash);
    editFooter(file, [](WeightsFooter &footer) { footer.blobOffset -= 8; });
    CHECK(loadFailure(file, TENON_BAD_MODEL) == beyond);
  }
  SECTION("with a size that wraps") {
    appendWeights(file, affineWeights(), affineHash);
    editFooter(file, [](WeightsFooter &footer) { footer.blobBytes = UINT64_MAX - 100; });
    CHECK(loadFailure(file, TENON_BAD_MODEL) == beyond);
  }
  SECTION("of another hash") {
    appendWeights(file, affineWeights(), affineHash + 1);
    CHECK(loadFailure(file, TENON_BAD_MODEL) == foreign);
  }
  SECTION("of another size") {
    appendWeights(file, std::vector<char>(8191), affineHash);
    CHECK(loadFailure(file, TENON_BAD_MODEL) == foreign);
  }
  SECTION("of another format") {
    appendWeights(file, affineWeights(), affineHash);
    editFooter(file, [](WeightsFooter &footer) { footer.version = 2; });
    CHECK(loadFailure(file, TENON_BAD_MODEL) ==
          quoted(file) + " has weights of format 2, this model reads format 1; compile again");
  }
  SECTION("a folder") {
    tenon_load_options options = {};
    std::string path = folder.path.string();
    options.weights_path = path.c_str();
    CHECK(loadFailure(file, TENON_BAD_MODEL, options) ==
          "the weights file " + quoted(folder.path) + " is not a regular file; give the compiled one as weights_path");
  }
}

TEST_CASE("a CPU that lacks a feature is told which, and nothing is loaded") {
  TemporaryFolder folder;
  std::string sentence = loadFailure(copyModel(folder, "future"), TENON_UNSUPPORTED_CPU);
#ifdef __x86_64__
  CHECK(sentence == "this CPU lacks what the model was compiled for (neon, flux-capacitor); compile the model for this CPU");
#else
  CHECK(sentence == "this CPU lacks what the model was compiled for (sse2, flux-capacitor); compile the model for this CPU");
#endif
}

TEST_CASE("options of other versions and bad options") {
  TemporaryFolder folder;
  Session session(copyModel(folder, "gather"));
  tenon_model *model = nullptr;

  tenon_load_options options = {};
  CHECK(session.api->model_load(&options, &model) == TENON_INVALID_ARGUMENT);
  CHECK(std::string(session.api->last_error()) ==
        "the options have struct_size 0; set it to sizeof(tenon_load_options)");

  options.struct_size = sizeof(options);
  options.num_threads = -1;
  CHECK(session.api->model_load(&options, &model) == TENON_INVALID_ARGUMENT);
  CHECK(std::string(session.api->last_error()) == "num_threads is -1; give 0 for all cores, or how many");

  // An application of an older version, whose options end after num_threads.
  options.num_threads = 1;
  options.struct_size = offsetof(tenon_load_options, parallel_for);
  memset(reinterpret_cast<char *>(&options) + options.struct_size, 0x7f, sizeof(options) - options.struct_size);
  CHECK(session.api->model_load(&options, &model) == TENON_OK);
  session.api->model_release(model);

  CHECK(session.api->model_load(nullptr, nullptr) == TENON_INVALID_ARGUMENT);
  CHECK(std::string(session.api->last_error()) == "there is nowhere to put the model; give the address of a tenon_model *");
}

TEST_CASE("the entry answers only versions it knows") {
  TemporaryFolder folder;
  void *library = dlopen(copyModel(folder, "gather").c_str(), RTLD_NOW | RTLD_LOCAL);
  auto entry = reinterpret_cast<tenon_entry_fn>(dlsym(library, TENON_ENTRY_SYMBOL));
  CHECK(entry(0) == nullptr);
  CHECK(entry(TENON_ABI_VERSION + 1) == nullptr);
  REQUIRE(entry(TENON_ABI_VERSION) != nullptr);
  CHECK(entry(TENON_ABI_VERSION)->struct_size == sizeof(tenon_api));
  dlclose(library);
}

static int64_t numMappings(const std::string &part) {
  std::ifstream maps("/proc/self/maps");
  int64_t count = 0;
  for (std::string line; std::getline(maps, line);)
    count += line.find(part) != std::string::npos;
  return count;
}

TEST_CASE("200 times loaded, run and unloaded, nothing is left") {
  TemporaryFolder folder;
  fs::path file = makeAffine(folder);
  auto once = [&] {
    Session session(file, withThreads(2));
    AffineCase affine;
    REQUIRE(session.run({affine.input}, {affine.output}) == TENON_OK);
    REQUIRE(affine.isRight());
    REQUIRE(session.failure({}, {}).size() > 0); // the thread's sentence must not keep the library
  };
  once();
  CHECK(numMappings("affine.so") == 0);
  int64_t before = numMappings("");
  for (int i = 0; i < 200; ++i)
    once();
  CHECK(numMappings("affine.so") == 0);
  CHECK(numMappings("") <= before + 8);
}

TEST_CASE("sentences belong to threads") {
  TemporaryFolder folder;
  Session session(copyModel(folder, "gather"));
  session.failure({}, {});
  std::string elsewhere = "none";
  std::thread([&] { elsewhere = session.api->last_error(); }).join();
  CHECK(elsewhere.empty());
  CHECK(std::string(session.api->last_error()).size() > 0);
}

#if !__has_feature(address_sanitizer) // whose runtime the C program would have to load first
TEST_CASE("a C program that knows only tenon.h and dlopen") {
  TemporaryFolder folder;
  std::string command = std::string(RUN_FROM_C) + " " + makeAffine(folder).string();
  CHECK(std::system(command.c_str()) == 0);
  command = std::string(RUN_FROM_C) + " " + copyModel(folder, "affine").string() + " 2>" + (folder.path / "error").string();
  CHECK(std::system(command.c_str()) != 0);
}
#endif
