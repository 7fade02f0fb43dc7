// Classifies a picture (binary PPM) with a compiled image classifier and prints the five best classes.
//
//     c++ -std=c++20 -I runtime/include examples/02-classify-from-cpp/main.cpp -ldl -o classify
//     ./classify resnet50.so picture.ppm

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <tenon/model.hpp>

namespace {

[[noreturn]] void fail(const std::string &sentence) {
  std::fprintf(stderr, "classify: %s\n", sentence.c_str());
  std::exit(1);
}

struct Picture {
  int64_t width = 0, height = 0;
  std::vector<unsigned char> rgb;
  float at(int64_t x, int64_t y, int64_t channel) const {
    return static_cast<float>(rgb[static_cast<size_t>((y * width + x) * 3 + channel)]) / 255;
  }
};

Picture readPpm(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string magic;
  int64_t largest = 0;
  Picture picture;
  file >> magic >> picture.width >> picture.height >> largest;
  constexpr int64_t limit = 32768;
  if (magic != "P6" || largest != 255 || picture.width < 1 || picture.height < 1 || picture.width > limit ||
      picture.height > limit)
    fail("'" + path + "' is no 8-bit binary PPM; convert it, for example with ImageMagick");
  file.get();
  picture.rgb.resize(static_cast<size_t>(picture.width * picture.height * 3));
  if (!file.read(reinterpret_cast<char *>(picture.rgb.data()), static_cast<std::streamsize>(picture.rgb.size())))
    fail("'" + path + "' ends too early; it was cut off");
  return picture;
}

// The middle square of the picture, resized (bilinear) and normalised as ImageNet models expect: [1, 3, height, width].
tenon::Tensor toInput(const Picture &picture, int64_t height, int64_t width) {
  const float mean[] = {0.485f, 0.456f, 0.406f}, deviation[] = {0.229f, 0.224f, 0.225f};
  tenon::Tensor input = tenon::Tensor::zeros<float>({1, 3, height, width});
  std::span<float> values = input.values<float>();
  int64_t side = std::min(picture.width, picture.height);
  int64_t left = (picture.width - side) / 2, top = (picture.height - side) / 2;
  auto place = [side](int64_t index, int64_t count) {
    float at = (static_cast<float>(index) + 0.5f) * static_cast<float>(side) / static_cast<float>(count) - 0.5f;
    return std::clamp(at, 0.0f, static_cast<float>(side - 1));
  };
  size_t next = 0;
  for (int channel = 0; channel < 3; ++channel)
    for (int64_t row = 0; row < height; ++row)
      for (int64_t column = 0; column < width; ++column) {
        float y = place(row, height), x = place(column, width);
        auto y0 = static_cast<int64_t>(y), x0 = static_cast<int64_t>(x);
        int64_t y1 = std::min(y0 + 1, side - 1), x1 = std::min(x0 + 1, side - 1);
        auto pixel = [&](int64_t px, int64_t py) { return picture.at(left + px, top + py, channel); };
        float above = std::lerp(pixel(x0, y0), pixel(x1, y0), x - static_cast<float>(x0));
        float below = std::lerp(pixel(x0, y1), pixel(x1, y1), x - static_cast<float>(x0));
        values[next++] = (std::lerp(above, below, y - static_cast<float>(y0)) - mean[channel]) / deviation[channel];
      }
  return input;
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 3)
    fail("give a compiled model and a picture");

  // 1. Load.
  tenon::Result<tenon::Model> model = tenon::Model::load(argv[1]);
  if (!model)
    fail(model.error().sentence);
  if (model->inputs().size() != 1 || model->inputs()[0].ndim != 4)
    fail("the model takes no picture; give an image classifier");

  // 2. Prepare the input in the size the model was exported for, 224 where that may vary.
  auto sizeOf = [&](int dim) {
    int64_t size = model->inputs()[0].shape[dim];
    return size == TENON_DYNAMIC ? 224 : size;
  };
  std::vector<tenon::Tensor> inputs;
  inputs.push_back(toInput(readPpm(argv[2]), sizeOf(2), sizeOf(3)));

  // 3. Run.
  tenon::Result<std::vector<tenon::Tensor>> outputs = model->run(inputs);
  if (!outputs)
    fail(outputs.error().sentence);
  if (outputs->empty() || !(*outputs)[0].is<float>())
    fail("the model gives no float32 scores; give an image classifier");

  // 4. The five best, with softmax probabilities.
  std::span<const float> scores = std::as_const((*outputs)[0]).values<float>();
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  size_t shown = std::min<size_t>(5, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                    [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  double total = 0;
  for (float score : scores)
    total += std::exp(static_cast<double>(score - scores[order[0]]));
  for (size_t i = 0; i < shown; ++i)
    std::printf("class %4zu  %.3f\n", order[i], std::exp(static_cast<double>(scores[order[i]] - scores[order[0]])) / total);
}
