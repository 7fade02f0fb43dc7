//===- SymExprTest.cpp - expressions, parsed and printed ----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/SymExprParser.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace tenon::frontend;

namespace {

struct Text {
  std::string source, printed;
};

SymExpr parse(const std::string &text) {
  std::string fault;
  std::optional<SymExpr> expr = parseSymExpr(text, fault);
  INFO(text << ": " << fault);
  REQUIRE(expr);
  return *expr;
}

} // namespace

TEST_CASE("both syntaxes print as infix text") {
  auto [source, printed] = GENERATE(
      Text{"Symbol('s77', positive=True, integer=True)", "s77"}, Text{"Integer(-1)", "-1"},
      Text{"Rational(1, 2)", "1/2"}, Text{"Float('1.5', precision=53)", "1.5"}, Text{"true", "true"},
      Text{"False", "false"}, Text{"Add(Mul(Integer(2), Symbol('s0', integer=True)), Integer(1))", "2*s0 + 1"},
      Text{"Pow(Add(Symbol('a'), Symbol('b')), Integer(2))", "(a + b)**2"},
      Text{"FloorDiv(Symbol('s0'), Integer(2))", "s0//2"}, Text{"PythonMod(Symbol('s0'), Integer(-2))", "s0 % -2"},
      Text{"Max(Integer(1), Symbol('u0'))", "Max(1, u0)"},
      Text{"CeilToInt(FloatTrueDiv(ToFloat(Symbol('s0')), Float('0.5', precision=53)))",
           "CeilToInt(FloatTrueDiv(ToFloat(s0), 0.5))"},
      Text{"StrictLessThan(Symbol('a'), Symbol('b'))", "a < b"}, Text{"Not(Symbol('a'))", "Not(a)"},
      Text{"2*s77 + 1", "2*s77 + 1"}, Text{"a*(b + c)", "a*(b + c)"}, Text{"a - b", "a + -1*b"}, Text{"-3", "-3"},
      Text{"a//b//c", "(a//b)//c"}, Text{"a/b", "a*b**(-1)"}, Text{"a**b**c", "a**(b**c)"}, Text{"a % 4", "a % 4"},
      Text{"Eq(Mod(s0, 2), 0)", "Mod(s0, 2) == 0"}, Text{"a <= b & c", "a <= b & c"}, Text{"~a", "Not(a)"},
      Text{"1.5e3", "1500.0"}, Text{"oo", "inf"}, Text{"-oo", "-inf"},
      Text{"Integer(9223372036854775807)", "9223372036854775807"});
  CHECK(parse(source).toString() == printed);
}

TEST_CASE("sums and products of infix text are flat, and both syntaxes give the same tree") {
  SymExpr sum = parse("a + b + c");
  CHECK(sum.name == "Add");
  CHECK(sum.operands.size() == 3);
  CHECK(parse("s0*2 + 1") == parse("Add(Mul(Symbol('s0', integer=True), Integer(2)), Integer(1))"));
  CHECK(parse("Ne(a, 1)") == parse("a != 1"));
  CHECK(parse("Integer(3)").isInteger(3));
  CHECK_FALSE(parse("Float('3')").isInteger(3));
}

TEST_CASE("printed text parses to the tree it came from") {
  auto text =
      GENERATE("2*s77 + 1", "(a + b)*c", "a//2 % 3", "a*b**2", "Max(a, Min(b, 3))", "(a < b) | (c >= d)", "(a + b)**2");
  CHECK(parse(parse(text).toString()) == parse(text));
}

TEST_CASE("malformed expressions are refused") {
  std::string nested = std::string(5000, '(') + "a" + std::string(5000, ')'), chain = "a", minuses(5000, '-'),
              powers = "a";
  for (int i = 0; i < 5000; ++i) {
    chain += "//a";
    powers += "**a";
  }
  auto [source, fault] = GENERATE_COPY(
      Text{"", "expected an expression at character 0"}, Text{"a b", "unexpected text at character 2"},
      Text{"Foo(a)", "unknown function 'Foo' at character 0"}, Text{"Pow(a)", "wrong number of operands of 'Pow'"},
      Text{"Not(a, b)", "wrong number of operands of 'Not'"}, Text{"Symbol('s0'", "expected ')' at character 11"},
      Text{"Symbol(s0)", "expected ''' at character 7"}, Text{"Symbol('')", "empty name"},
      Text{"Symbol('s0', x)", "expected '='"}, Text{"Integer(x)", "expected an integer at character 8"},
      Text{"Integer(9223372036854775808)", "the number is out of range"},
      Text{"99999999999999999999", "the number is out of range"}, Text{"1e999", "the number is out of range"},
      Text{"Rational(1, 0)", "the denominator must be positive"}, Text{"Float('x')", "malformed number"},
      Text{"Add(a,", "expected an expression"}, Text{"a +", "expected an expression"},
      Text{"'a'", "expected an expression"}, Text{nested, "nested too deeply"}, Text{chain, "nested too deeply"},
      Text{minuses + "a", "nested too deeply"}, Text{powers, "nested too deeply"});
  std::string actual;
  CHECK_FALSE(parseSymExpr(source, actual));
  CHECK_THAT(actual, Catch::Matchers::ContainsSubstring(fault));
}

TEST_CASE("element types have names and sizes") {
  CHECK(elementSizeInBytes(ScalarType::BFloat16) == 2);
  CHECK(elementSizeInBytes(ScalarType::ComplexDouble) == 16);
  CHECK(elementSizeInBytes(ScalarType::Unknown) == 0);
  CHECK(elementSizeInBytes(static_cast<ScalarType>(20)) == 0);
  CHECK(std::string(scalarTypeName(ScalarType::Float32)) == "float32");
  CHECK(std::string(scalarTypeName(ScalarType::Unknown)) == "unknown");
}
