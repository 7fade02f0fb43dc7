//===- WeightsTest.cpp - the weights blob, its hash and its place in a file -----------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/link/LinkModel.h"
#include "compiler/codegen/link/StreamingHash.h"
#include "compiler/ir/TenonDialect.h"
#include "runtime/src/WeightsFile.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/xxhash.h"

#include "catch2/catch_test_macros.hpp"

#include <cmath>
#include <cstring>
#include <random>
#include <unistd.h>

using namespace tenon;

static std::vector<uint8_t> randomBytes(size_t count) {
  std::mt19937 random(7);
  std::vector<uint8_t> bytes(count);
  for (uint8_t &byte : bytes)
    byte = static_cast<uint8_t>(random());
  return bytes;
}

TEST_CASE("the streaming hash is XXH3-64") {
  std::mt19937 random(11);
  for (size_t length : {0, 1, 16, 17, 128, 200, 240, 241, 500, 1023, 1024, 1025, 1087, 1088, 2048, 2049, 5000, 70001}) {
    std::vector<uint8_t> bytes = randomBytes(length);
    for (size_t largestPiece : {1, 63, 64, 1024, 1025, 100000}) {
      StreamingHash hash;
      llvm::ArrayRef<uint8_t> rest = bytes;
      while (!rest.empty()) {
        size_t taken = std::min<size_t>(rest.size(), 1 + random() % largestPiece);
        hash.update(rest.take_front(taken));
        rest = rest.drop_front(taken);
      }
      INFO("length " << length << ", pieces of at most " << largestPiece);
      CHECK(hash.finish() == llvm::xxh3_64bits(bytes));
    }
  }
}

namespace {
struct ParsedModule {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
  explicit ParsedModule(llvm::StringRef text) {
    context.loadDialect<TenonDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    REQUIRE(module);
  }
};
} // namespace

static constexpr llvm::StringLiteral globals = R"(
  tenon.global @a : tensor<5xf32> weight {record = "r0"}
  tenon.global @tied : tensor<5xf32> weight {record = "r0"}
  tenon.global @part : tensor<2xf32> weight {record = "r0", offset = 12 : i64}
  tenon.global @strided : tensor<2x3xf32> weight {record = "r1", strides = array<i64: 1, 2>}
  tenon.global @counter : tensor<i64> state
  tenon.global @computed : tensor<9xf32> hoisted
)";

TEST_CASE("weights are aligned, and tied ones share their bytes") {
  ParsedModule parsed(globals);
  std::vector<uint8_t> r0 = randomBytes(20), r1 = randomBytes(24);
  RecordBytes records;
  records["r0"] = r0;
  records["r1"] = r1;
  auto plan = planWeights(*parsed.module, records);
  REQUIRE(static_cast<bool>(plan));
  auto &offsets = plan->description.offsets;
  CHECK(offsets.size() == 4);
  CHECK(offsets["a"] == offsets["tied"]);
  for (auto &entry : offsets)
    CHECK(entry.second % 64 == 0);
  CHECK(plan->pieces.size() == 3);
  CHECK(plan->description.bytes == 128 + 24);
  std::vector<uint8_t> blob(plan->description.bytes);
  for (auto &piece : plan->pieces)
    std::copy(piece.bytes.begin(), piece.bytes.end(), blob.begin() + piece.offset);
  CHECK(std::memcmp(blob.data() + offsets["part"], r0.data() + 12, 8) == 0);
  CHECK(plan->description.hash == llvm::xxh3_64bits(blob));

  llvm::SmallString<128> path;
  int descriptor;
  REQUIRE(!llvm::sys::fs::createTemporaryFile("weights", "bin", descriptor, path));
  std::string start(100, 'x');
  REQUIRE(::write(descriptor, start.data(), start.size()) == 100);
  REQUIRE(!appendWeights(descriptor, start.size(), *plan));
  ::close(descriptor);
  auto file = llvm::MemoryBuffer::getFile(path, false, false);
  REQUIRE(file);
  llvm::StringRef bytes = (*file)->getBuffer();
  WeightsFooter footer;
  std::memcpy(&footer, bytes.end() - sizeof(footer), sizeof(footer));
  CHECK(llvm::StringRef(footer.magic, 8) == "TENONWTS");
  CHECK(footer.blobOffset == weightsAlignment);
  CHECK(footer.blobBytes == blob.size());
  CHECK(footer.hash == plan->description.hash);
  CHECK(std::memcmp(bytes.data() + footer.blobOffset, blob.data(), blob.size()) == 0);
  (void)llvm::sys::fs::remove(path);
}

TEST_CASE("weights are converted on their way to the blob") {
  // Of each pair of results, bf16's and f16's; ties go to even.
  struct {
    float value;
    uint16_t bf16, f16;
  } cases[] = {{1.0f, 0x3f80, 0x3c00},          {-2.5f, 0xc020, 0xc100},       {1.00390625f, 0x3f80, 0x3c04},
               {1.01171875f, 0x3f82, 0x3c0c},   {65504.0f, 0x4780, 0x7bff},    {1e-7f, 0x33d7, 0x0002},
               {HUGE_VALF, 0x7f80, 0x7c00},     {3.4e38f, 0x7f80, 0x7c00},     {0.1f, 0x3dcd, 0x2e66}};
  std::vector<uint8_t> record(1, 0); // an odd address
  for (auto &c : cases) {
    const auto *bytes = reinterpret_cast<const uint8_t *>(&c.value);
    record.insert(record.end(), bytes, bytes + sizeof(float));
  }
  record.insert(record.begin(), 3, 0);
  RecordBytes records;
  records["r"] = record;
  for (bool isBF16 : {true, false}) {
    std::string type = isBF16 ? "bf16" : "f16";
    ParsedModule parsed("tenon.global @w : tensor<9x" + type +
                        "> weight {record = \"r\", offset = 4 : i64, record_type = f32}\n"
                        "tenon.global @same : tensor<9x" + type +
                        "> weight {record = \"r\", offset = 4 : i64, record_type = f32}\n"
                        "tenon.global @wide : tensor<9xf32> weight {record = \"r\", offset = 4 : i64}");
    auto plan = planWeights(*parsed.module, records);
    REQUIRE(static_cast<bool>(plan));
    CHECK(plan->description.offsets["w"] == plan->description.offsets["same"]);
    CHECK(plan->description.bytes == 64 + 36);
    llvm::SmallString<128> path;
    int descriptor;
    REQUIRE(!llvm::sys::fs::createTemporaryFile("weights", "bin", descriptor, path));
    REQUIRE(!appendWeights(descriptor, 0, *plan));
    ::close(descriptor);
    auto file = llvm::MemoryBuffer::getFile(path, false, false);
    REQUIRE(file);
    for (size_t i = 0; i < std::size(cases); ++i) {
      uint16_t written;
      std::memcpy(&written, (*file)->getBufferStart() + 2 * i, 2);
      CAPTURE(type, cases[i].value);
      CHECK(written == (isBF16 ? cases[i].bf16 : cases[i].f16));
    }
    CHECK(plan->description.hash == llvm::xxh3_64bits((*file)->getBuffer().take_front(100)));
    (void)llvm::sys::fs::remove(path);
  }
  ParsedModule parsed("tenon.global @w : tensor<9xi8> weight {record = \"r\", record_type = f32}");
  auto plan = planWeights(*parsed.module, records);
  REQUIRE_FALSE(static_cast<bool>(plan));
  CHECK(llvm::toString(plan.takeError()) == "global @w asks for a conversion of its record that does not exist");
}

TEST_CASE("a weight that reaches outside its record is refused") {
  ParsedModule parsed(globals);
  std::vector<uint8_t> r0 = randomBytes(20), r1 = randomBytes(23);
  RecordBytes records;
  records["r0"] = r0;
  auto expectError = [&] {
    auto plan = planWeights(*parsed.module, records);
    REQUIRE_FALSE(static_cast<bool>(plan));
    CHECK(llvm::toString(plan.takeError()) == "the bytes of global @strided are not in the archive");
  };
  expectError(); // no record r1
  records["r1"] = r1;
  expectError(); // a byte too short
}

TEST_CASE("files appear whole or not at all") {
  llvm::SmallString<128> folder;
  REQUIRE(!llvm::sys::fs::createUniqueDirectory("atomic", folder));
  std::string path = (folder + "/out").str();
  REQUIRE(!writeFileAtomically(path, "content"));
  CHECK((*llvm::MemoryBuffer::getFile(path))->getBuffer() == "content");
  std::string nowhere = (folder + "/none/out").str();
  std::string message = llvm::toString(writeFileAtomically(nowhere, "content"));
  CHECK(message.find("cannot be written") != std::string::npos);
  REQUIRE(!llvm::sys::fs::remove_directories(folder));
}
