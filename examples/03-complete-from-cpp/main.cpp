// Completes a text, given as token ids, with a compiled language model: greedily, one token at a time.
//
//     c++ -std=c++20 -I runtime/include examples/03-complete-from-cpp/main.cpp -ldl -o complete
//     ./complete gpt2.so 8 15496 11 995        prints 8 more ids

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tenon/model.hpp>

namespace {

[[noreturn]] void fail(const std::string &sentence) {
  std::fprintf(stderr, "complete: %s\n", sentence.c_str());
  std::exit(1);
}

int64_t toNumber(const char *text) {
  int64_t number = -1;
  const char *end = text + std::strlen(text);
  if (std::from_chars(text, end, number).ptr != end || number < 0)
    fail("'" + std::string(text) + "' is no token id; give numbers from 0");
  return number;
}

// The id of the largest of the scores that the model gives to what follows position `last` of the first row.
int64_t bestToken(const tenon::Tensor &scores, int64_t last) {
  auto vocabulary = static_cast<size_t>(scores.shape()[2]);
  std::span<const float> row = scores.values<float>().subspan(static_cast<size_t>(last) * vocabulary, vocabulary);
  return std::ranges::max_element(row) - row.begin();
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 4)
    fail("give a compiled language model, how many tokens to add, and the ids of the text");

  // 1. Load: ids [batch, length] in, scores [batch, length, vocabulary] out.
  tenon::Result<tenon::Model> model = tenon::Model::load(argv[1]);
  if (!model)
    fail(model.error().sentence);
  if (model->inputs().size() != 1 || model->inputs()[0].ndim != 2 || model->outputs()[0].ndim != 3)
    fail("the model takes no token ids or gives no scores; give a causal language model");

  // 2. The window has the length the model was exported for. What lies behind the text is never looked at: a causal model
  // gives a position the same scores whatever follows it. Further rows of the batch stay zero.
  const int64_t batch = model->inputs()[0].shape[0], length = model->inputs()[0].shape[1];
  if (batch == TENON_DYNAMIC || length == TENON_DYNAMIC)
    fail("the model's sizes vary; export it with a fixed length");
  std::vector<tenon::Tensor> inputs;
  inputs.push_back(tenon::Tensor::zeros<int64_t>({batch, length}));
  std::span<int64_t> window = inputs[0].values<int64_t>().first(static_cast<size_t>(length));
  const int64_t wanted = toNumber(argv[2]);
  int64_t count = argc - 3;
  if (count + wanted > length)
    fail("text and completion are longer than the model's window of " + std::to_string(length) + " tokens; shorten them");
  std::transform(argv + 3, argv + argc, window.begin(), toNumber);

  // 3. Run, append the best token, and again.
  for (const int64_t end = count + wanted; count < end; ++count) {
    tenon::Result<std::vector<tenon::Tensor>> outputs = model->run(inputs);
    if (!outputs)
      fail(outputs.error().sentence);
    window[static_cast<size_t>(count)] = bestToken((*outputs)[0], count - 1);
    std::printf("%s%lld", count > argc - 3 ? " " : "", static_cast<long long>(window[static_cast<size_t>(count)]));
  }
  std::printf("\n");
}
