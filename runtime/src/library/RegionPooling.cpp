//===- RegionPooling.cpp - tenon.pool_regions --------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Every step of a box's geometry is rounded as torchvision's CPU functions round it: one bit decides whether a sample or a
// pixel at the border counts. Threads share the boxes; the positions of samples are computed once for all channels.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Lines.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

using namespace tenon;
using namespace tenon::library;

namespace {

/// f16 that is rounded after every operation; _Float16 keeps more digits within an expression.
struct Half {
  _Float16 value = 0;
  Half() = default;
  explicit Half(double x) : value(static_cast<_Float16>(static_cast<float>(x))) {}
  explicit operator double() const { return static_cast<double>(value); }
  friend Half operator+(Half a, Half b) { return Half(float(a.value) + float(b.value)); }
  friend Half operator-(Half a, Half b) { return Half(float(a.value) - float(b.value)); }
  friend Half operator*(Half a, Half b) { return Half(float(a.value) * float(b.value)); }
  friend Half operator/(Half a, Half b) { return Half(float(a.value) / float(b.value)); }
};

/// The shapes of one call.
struct Regions {
  const RegionSpec &spec;
  TensorView input, boxes, output;
  int64_t channels() const { return output.sizes[1]; }
  bool isPositional() const {
    return spec.kind == RegionPoolKind::PositionalAlign || spec.kind == RegionPoolKind::PositionalMean;
  }
  int64_t sourceChannel(int64_t channel, int64_t y, int64_t x) const {
    return isPositional() ? (channel * output.sizes[2] + y) * output.sizes[3] + x : channel;
  }
  template <typename Type> const Type *plane(int64_t image, int64_t channel) const {
    return static_cast<const Type *>(input.data) + image * input.strides[0] + channel * input.strides[1];
  }
  template <typename Type> Type *bin(int64_t box, int64_t channel, int64_t y, int64_t x) const {
    return static_cast<Type *>(output.data) + box * output.strides[0] + channel * output.strides[1] +
           y * output.strides[2] + x * output.strides[3];
  }
};

} // namespace

/// Towards zero; what no int32 can be counts as the nearest one, NaN as zero.
static int64_t toInteger(double value) {
  if (!(value == value))
    return 0;
  constexpr double least = std::numeric_limits<int32_t>::min(), greatest = std::numeric_limits<int32_t>::max();
  return static_cast<int64_t>(std::min(std::max(value, least), greatest));
}

/// Number `column` of box `box`.
template <typename Type> static Type boxNumber(const Regions &regions, int64_t box, int64_t column) {
  return static_cast<const Type *>(
      regions.boxes.data)[box * regions.boxes.strides[0] + column * regions.boxes.strides[1]];
}

template <typename Type> static int64_t imageOf(const Regions &regions, int64_t box) {
  int64_t image = toInteger(static_cast<double>(boxNumber<Type>(regions, box, 0)));
  if (image < 0 || image >= regions.input.sizes[0])
    throw Error(TENON_INVALID_ARGUMENT, "box " + std::to_string(box) + " lies in image " + std::to_string(image) +
                                            " of " + std::to_string(regions.input.sizes[0]) + "; number images from 0");
  return image;
}

//===--- means of samples --------------------------------------------------------------------------------------------===//

namespace {

/// A box along one axis: where it starts, how long its bins are, how many samples each has (fewer than none where it ends before
/// it starts).
template <typename Type> struct SampledAxis {
  Type start, binSize;
  int64_t size, numSamples;

  SampledAxis(const RegionSpec &spec, Type first, Type last, int64_t size, int64_t numBins) : size(size) {
    bool isPositional = spec.kind == RegionPoolKind::PositionalAlign;
    Type scale(spec.scale), offset(isPositional || spec.centred ? 0.5 : 0.0);
    start = first * scale - offset;
    Type length = last * scale - offset - start;
    if (!isPositional && !spec.centred && static_cast<double>(length) < 1)
      length = Type(1.0);
    binSize = length / Type(static_cast<double>(numBins));
    numSamples = spec.sampling > 0 ? spec.sampling : toInteger(std::ceil(static_cast<double>(binSize)));
  }
};

/// Where a sample lies between two pixels of one axis, and what each of them counts.
template <typename Type> struct Place {
  bool isInside;
  int64_t low = 0, high = 0;
  Type lowWeight{}, highWeight{};

  Place(const SampledAxis<Type> &axis, int64_t bin, int64_t sample) {
    auto number = [](double value) { return Type(value); };
    Type within =
        number(static_cast<float>(sample) + 0.5f) * axis.binSize / number(static_cast<double>(axis.numSamples));
    Type at = axis.start + number(static_cast<double>(bin)) * axis.binSize + within;
    auto position = static_cast<double>(at);
    isInside = position >= -1.0 && position <= static_cast<double>(axis.size);
    if (!isInside)
      return;
    if (position <= 0)
      at = number(0);
    low = high = toInteger(static_cast<double>(at));
    if (low >= axis.size - 1) {
      low = high = axis.size - 1;
      at = number(static_cast<double>(low));
    } else {
      ++high;
    }
    highWeight = at - number(static_cast<double>(low));
    lowWeight = number(1.0 - static_cast<double>(highWeight));
  }
};

/// Four pixels of a plane and their weights.
template <typename Type> struct Sample {
  int64_t offsets[4];
  Type weights[4];
};

} // namespace

template <typename Type>
static Sample<Type> sampleAt(const Place<Type> &y, const Place<Type> &x, const TensorView &input) {
  int64_t row = input.strides[2], column = input.strides[3];
  return {
      {y.low * row + x.low * column, y.low * row + x.high * column, y.high * row + x.low * column,
       y.high * row + x.high * column},
      {y.lowWeight * x.lowWeight, y.lowWeight * x.highWeight, y.highWeight * x.lowWeight, y.highWeight * x.highWeight}};
}

/// Adds `samples` to the bin of every channel.
template <typename Type>
static void addSamples(const Regions &regions, int64_t image, int64_t box, int64_t y, int64_t x,
                       const Sample<Type> *samples, int64_t count) {
  for (int64_t channel = 0; channel < regions.channels(); ++channel) {
    const Type *plane = regions.plane<Type>(image, regions.sourceChannel(channel, y, x));
    Type *bin = regions.bin<Type>(box, channel, y, x), sum = *bin;
    for (int64_t i = 0; i < count; ++i) {
      const Sample<Type> &sample = samples[i];
      Type value = sample.weights[0] * plane[sample.offsets[0]];
      for (int corner = 1; corner < 4; ++corner)
        value = value + sample.weights[corner] * plane[sample.offsets[corner]];
      sum = sum + value;
    }
    *bin = sum;
  }
}

/// Outside samples of `align` count as the first pixel times zero, which shows where that is no finite number.
template <typename Type> static void alignBox(const Regions &regions, int64_t box) {
  constexpr int64_t chunk = 64;
  bool skipsOutside = regions.spec.kind == RegionPoolKind::PositionalAlign;
  int64_t image = imageOf<Type>(regions, box), numRows = regions.output.sizes[2], numColumns = regions.output.sizes[3];
  auto axis = [&](int64_t column, int64_t size, int64_t numBins) {
    return SampledAxis<Type>(regions.spec, boxNumber<Type>(regions, box, column),
                             boxNumber<Type>(regions, box, column + 2), size, numBins);
  };
  SampledAxis<Type> ys = axis(2, regions.input.sizes[2], numRows), xs = axis(1, regions.input.sizes[3], numColumns);
  int64_t numSamples;
  if (__builtin_mul_overflow(ys.numSamples, xs.numSamples, &numSamples) ||
      numSamples > std::numeric_limits<int32_t>::max())
    throw Error(TENON_INVALID_ARGUMENT,
                "box " + std::to_string(box) + " has more pixels than can be counted; check its corners");
  Type count(static_cast<double>(skipsOutside ? numSamples : std::max<int64_t>(numSamples, 1)));
  for (int64_t y = 0; y < numRows; ++y)
    for (int64_t x = 0; x < numColumns; ++x) {
      for (int64_t channel = 0; channel < regions.channels(); ++channel)
        *regions.bin<Type>(box, channel, y, x) = Type(0.0);
      Sample<Type> samples[chunk];
      int64_t pending = 0;
      auto flush = [&] { addSamples(regions, image, box, y, x, samples, std::exchange(pending, 0)); };
      for (int64_t i = 0; i < ys.numSamples; ++i) {
        Place<Type> row(ys, y, i);
        for (int64_t j = 0; j < xs.numSamples; ++j) {
          Place<Type> column(xs, x, j);
          bool isInside = row.isInside && column.isInside;
          if (!isInside && skipsOutside)
            continue;
          samples[pending++] = isInside ? sampleAt(row, column, regions.input) : Sample<Type>{};
          if (pending == chunk)
            flush();
        }
      }
      flush();
      for (int64_t channel = 0; channel < regions.channels(); ++channel) {
        Type *bin = regions.bin<Type>(box, channel, y, x);
        *bin = *bin / count;
      }
    }
}

//===--- whole pixels ------------------------------------------------------------------------------------------------===//

namespace {

/// A box along one axis in whole pixels.
template <typename Type> struct PixelAxis {
  int64_t start, limit;
  Type binSize;

  PixelAxis(const RegionSpec &spec, Type first, Type last, int64_t size, int64_t numBins) {
    bool isMax = spec.kind == RegionPoolKind::Max;
    auto pixel = [&](Type corner) { return toInteger(std::round(corner * static_cast<Type>(spec.scale))); };
    start = pixel(first);
    binSize = static_cast<Type>(std::max<int64_t>(pixel(last) - start + isMax, 1)) / static_cast<Type>(numBins);
    limit = isMax ? size : size - 1; // a mean leaves the last pixel out
  }
  int64_t clipped(Type position) const {
    return std::min(std::max<int64_t>(toInteger(static_cast<double>(position)) + start, 0), limit);
  }
  int64_t begin(int64_t bin) const { return clipped(std::floor(static_cast<Type>(bin) * binSize)); }
  int64_t end(int64_t bin) const { return clipped(std::ceil(static_cast<Type>(bin + 1) * binSize)); }
};

} // namespace

template <typename Type> static void pixelBox(const Regions &regions, int64_t box) {
  bool isMax = regions.spec.kind == RegionPoolKind::Max;
  int64_t image = imageOf<Type>(regions, box), numRows = regions.output.sizes[2], numColumns = regions.output.sizes[3];
  auto axis = [&](int64_t column, int64_t size, int64_t numBins) {
    return PixelAxis<Type>(regions.spec, boxNumber<Type>(regions, box, column),
                           boxNumber<Type>(regions, box, column + 2), size, numBins);
  };
  PixelAxis<Type> ys = axis(2, regions.input.sizes[2], numRows), xs = axis(1, regions.input.sizes[3], numColumns);
  for (int64_t y = 0; y < numRows; ++y)
    for (int64_t x = 0; x < numColumns; ++x) {
      int64_t top = ys.begin(y), bottom = ys.end(y), left = xs.begin(x), right = xs.end(x);
      bool isEmpty = bottom <= top || right <= left;
      for (int64_t channel = 0; channel < regions.channels(); ++channel) {
        const Type *plane = regions.plane<Type>(image, regions.sourceChannel(channel, y, x));
        Type result = isMax && !isEmpty ? static_cast<Type>(-FLT_MAX) : 0;
        for (int64_t row = top; row < bottom; ++row)
          for (int64_t column = left; column < right; ++column) {
            Type pixel = plane[row * regions.input.strides[2] + column * regions.input.strides[3]];
            result = !isMax ? result + pixel : pixel > result ? pixel : result;
          }
        if (!isMax)
          result = isEmpty ? 0 : result / static_cast<Type>((bottom - top) * (right - left));
        *regions.bin<Type>(box, channel, y, x) = result;
      }
    }
}

//===--- the op ------------------------------------------------------------------------------------------------------===//

template <typename Type> static void poolBox(const Regions &regions, int64_t box) {
  if constexpr (!std::is_same_v<Type, Half>)
    if (regions.spec.kind == RegionPoolKind::Max || regions.spec.kind == RegionPoolKind::PositionalMean)
      return pixelBox<Type>(regions, box);
  alignBox<Type>(regions, box);
}

void tenon::poolRegions(Run &run, const RegionSpec &spec, const TensorView &input, const TensorView &boxes,
                        const TensorView &output) {
  if (run.preparing() || countElements(output) == 0)
    return;
  Regions regions{spec, input, boxes, output};
  constexpr int64_t costOfBin = 64; // of 4 samples
  forEachLine(RunContext::of(run), output.sizes[0], countElements(output) / output.sizes[0] * costOfBin,
              [&](int64_t, int64_t box) {
                switch (input.dtype) {
                case DType::F64:
                  return poolBox<double>(regions, box);
                case DType::F16:
                  return poolBox<Half>(regions, box);
                default:
                  return poolBox<float>(regions, box);
                }
              });
}
