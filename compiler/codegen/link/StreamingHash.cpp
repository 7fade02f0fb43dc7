//===- StreamingHash.cpp - XXH3-64 over pieces ----------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/link/StreamingHash.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/xxhash.h"

#include <cstring>

using namespace llvm;
using support::endian::read64le;

namespace tenon {

static constexpr uint64_t prime32 = 0x9E3779B1, prime64 = 0x9E3779B185EBCA87;

// The default secret of the specification.
static constexpr uint8_t secret[192] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde, 0xd4, 0x6d, 0xe9,
    0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78,
    0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21, 0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6,
    0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71,
    0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8, 0xa8, 0xfa, 0x76, 0x3f, 0xe3,
    0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8,
    0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa,
    0x13, 0x63, 0xeb, 0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, 0x2b,
    0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f, 0x95,
    0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e};

static uint64_t foldedProduct(uint64_t a, uint64_t b) {
  auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

static void accumulate(std::array<uint64_t, 8> &lanes, const uint8_t *stripe, const uint8_t *key) {
  for (size_t i = 0; i < 8; ++i) {
    uint64_t value = read64le(stripe + 8 * i), mixed = value ^ read64le(key + 8 * i);
    lanes[i ^ 1] += value;
    lanes[i] += (mixed & 0xffffffff) * (mixed >> 32);
  }
}

void StreamingHash::consumeBlock(const uint8_t *block) {
  for (size_t i = 0; i < blockBytes / stripeBytes; ++i)
    accumulate(lanes, block + i * stripeBytes, secret + 8 * i);
  for (size_t i = 0; i < 8; ++i)
    lanes[i] = (lanes[i] ^ (lanes[i] >> 47) ^ read64le(secret + sizeof(secret) - stripeBytes + 8 * i)) * prime32;
  std::memcpy(lastStripe.data(), block + blockBytes - stripeBytes, stripeBytes);
}

// A block is consumed only when more follows: the end of the input is treated differently.
void StreamingHash::update(ArrayRef<uint8_t> bytes) {
  numBytes += bytes.size();
  if (!pending.empty() || bytes.size() <= blockBytes) {
    size_t taken = std::min(bytes.size(), blockBytes - pending.size());
    pending.insert(pending.end(), bytes.begin(), bytes.begin() + taken);
    bytes = bytes.drop_front(taken);
    if (bytes.empty())
      return;
    consumeBlock(pending.data());
    pending.clear();
  }
  while (bytes.size() > blockBytes) {
    consumeBlock(bytes.data());
    bytes = bytes.drop_front(blockBytes);
  }
  pending.assign(bytes.begin(), bytes.end());
}

uint64_t StreamingHash::finish() const {
  if (numBytes <= 240) // short inputs have formulas of their own
    return xxh3_64bits(pending);
  std::array<uint64_t, 8> sums = lanes;
  for (size_t i = 0; i < (pending.size() - 1) / stripeBytes; ++i)
    accumulate(sums, pending.data() + i * stripeBytes, secret + 8 * i);
  std::array<uint8_t, stripeBytes> last = lastStripe;
  size_t fresh = std::min(pending.size(), stripeBytes);
  std::memmove(last.data(), last.data() + fresh, stripeBytes - fresh);
  std::memcpy(last.data() + stripeBytes - fresh, pending.data() + pending.size() - fresh, fresh);
  accumulate(sums, last.data(), secret + sizeof(secret) - stripeBytes - 7);
  uint64_t hash = numBytes * prime64;
  for (size_t i = 0; i < 4; ++i)
    hash += foldedProduct(sums[2 * i] ^ read64le(secret + 11 + 16 * i), sums[2 * i + 1] ^ read64le(secret + 19 + 16 * i));
  hash ^= hash >> 37;
  hash *= 0x165667919E3779F9;
  return hash ^ (hash >> 32);
}

} // namespace tenon
