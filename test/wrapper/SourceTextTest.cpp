//===- SourceTextTest.cpp - hostile names, strings and numbers ------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/wrapper/SourceText.h"
#include "compiler/codegen/wrapper/TemplateText.h"

#include "catch2/catch_test_macros.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>

using namespace tenon;

TEST_CASE("identifiers are plain, bounded and never keywords") {
  CHECK(sanitizeIdentifier("layer1.0.conv1.weight") == "layer1_0_conv1_weight");
  CHECK(sanitizeIdentifier("__Relu__2") == "relu_2");
  CHECK(sanitizeIdentifier("2x") == "v2x");
  CHECK(sanitizeIdentifier("") == "value");
  CHECK(sanitizeIdentifier("\"*/)\\\n", "node") == "node");
  CHECK(sanitizeIdentifier("Class") == "class_value");
  CHECK(sanitizeIdentifier("run") == "run_value");
  CHECK(sanitizeIdentifier("\xe2\x80\xae" "abc") == "abc");
  CHECK(sanitizeIdentifier("bert.encoder.layer.11.attention.self.query.weight") == "v11_attention_self_query_weight");
  CHECK(sanitizeIdentifier("a.bcdefghij.klmnopqrst.uvwxyz_0123") == "bcdefghij_klmnopqrst_uvwxyz_0123");
  CHECK(sanitizeIdentifier("xx12345678901234567890123456789012") == "v2345678901234567890123456789012");
  CHECK(sanitizeIdentifier(std::string(1 << 20, 'a')).size() == maxIdentifierLength);
  CHECK_FALSE(isPlainIdentifier("a b"));
  CHECK_FALSE(isPlainIdentifier("while"));
  CHECK_FALSE(isPlainIdentifier("a__b"));
  CHECK(isPlainIdentifier("kernel_add_relu_2"));
}

TEST_CASE("identifiers that become equal stay different") {
  IdentifierSet names;
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    std::string name = names.unique(std::string(40, 'x') + (i % 2 ? "!" : "?"));
    CHECK(name.size() <= maxIdentifierLength);
    CHECK(seen.insert(name).second);
  }
  CHECK(names.unique("conv") == "conv_value");
  CHECK(names.unique("conv") == "conv_value_2");
}

TEST_CASE("string literals hold no byte that a compiler could read otherwise") {
  CHECK(stringLiteral("plain") == "\"plain\"");
  CHECK(stringLiteral("a\"b\\c") == "\"a\\\"b\\\\c\"");
  CHECK(stringLiteral("?" "?/") == "\"\\077\\077/\"");
  CHECK(stringLiteral("\n1") == "\"\\0121\"");
  CHECK(stringLiteral(std::string("\0" "7", 2)) == "\"\\0007\"");
  CHECK(stringLiteral("\xff") == "\"\\377\"");
  for (int byte = 0; byte < 256; ++byte)
    for (char c : stringLiteral(std::string(1, static_cast<char>(byte)))) {
      CHECK(c >= ' ');
      CHECK(c <= '~');
    }
}

TEST_CASE("long string literals fit the lines") {
  std::string text = stringLiteralLines(std::string(1000, '\\'), 4);
  size_t start = 0;
  while (start < text.size()) {
    size_t end = std::min(text.find('\n', start), text.size());
    CHECK(end - start <= maxLineLength);
    CHECK(text.substr(start, 5) == "    \"");
    start = end + 1;
  }
}

TEST_CASE("doubles survive as text") {
  for (double value : {0.0, -0.0, 1.0, -6.0, 0.1, 1.0 / 3, 1e300, 5e-324, 2.2250738585072014e-308, 1e-5, 123456789.5,
                       std::numeric_limits<double>::max()}) {
    std::string text = doubleLiteral(value);
    double back = std::strtod(text.c_str(), nullptr);
    CHECK(back == value);
    CHECK(std::signbit(back) == std::signbit(value));
    CHECK(text.find(',') == std::string::npos);
  }
  CHECK(doubleLiteral(INFINITY) == "__builtin_inf()");
  CHECK(doubleLiteral(-INFINITY) == "-__builtin_inf()");
  CHECK(doubleLiteral(NAN) == "__builtin_nan(\"\")");
}

TEST_CASE("integers keep their type") {
  CHECK(integerLiteral(7) == "7");
  CHECK(integerLiteral(-1) == "-1");
  CHECK(integerLiteral(INT64_MIN) == "INT64_MIN");
  CHECK(integerLiteral(int64_t{1} << 40) == "1099511627776LL");
}

TEST_CASE("long statements break at the outermost bracket") {
  std::string inner = "{" + std::string(50, 'a') + ", b}";
  std::string text = layOut("call(" + inner + ", " + inner + ", " + inner + ");", 2);
  CHECK(text == "  call(" + inner + ", " + inner + ",\n       " + inner + ");\n");
  CHECK(layOut("f(a, b);", 2) == "  f(a, b);\n");
}

TEST_CASE("templates fill placeholders once") {
  llvm::StringMap<std::string> values;
  values["a"] = "/*{ b }*/";
  values["b"] = "  two\n  lines\n";
  values["c"] = "";
  CHECK(fillTemplate("x /*{ a }*/ y\n  /*{ b }*/\n/*{ c }*/\nend\n", values) ==
        "x /*{ b }*/ y\n  two\n  lines\nend\n");
}
