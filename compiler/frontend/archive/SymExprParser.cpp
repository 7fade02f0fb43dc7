//===- SymExprParser.cpp - text of symbolic expressions -----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/SymExprParser.h"

#include "llvm/ADT/StringExtras.h"

#include <charconv>
#include <limits>

namespace tenon::frontend {

namespace {

using Kind = SymExpr::Kind;

struct Function {
  llvm::StringLiteral name, canonicalName;
  unsigned minOperands, maxOperands;
};
constexpr unsigned kAny = ~0u;

/// The functions that torch's own loader accepts, and the short names that sympy prints.
constexpr Function kFunctions[] = {
    {"Add", "Add", 0, kAny},
    {"Mul", "Mul", 0, kAny},
    {"Pow", "Pow", 2, 2},
    {"Max", "Max", 1, kAny},
    {"Min", "Min", 1, kAny},
    {"Equality", "Equality", 2, 2},
    {"Eq", "Equality", 2, 2},
    {"Unequality", "Unequality", 2, 2},
    {"Ne", "Unequality", 2, 2},
    {"StrictLessThan", "StrictLessThan", 2, 2},
    {"Lt", "StrictLessThan", 2, 2},
    {"LessThan", "LessThan", 2, 2},
    {"Le", "LessThan", 2, 2},
    {"StrictGreaterThan", "StrictGreaterThan", 2, 2},
    {"Gt", "StrictGreaterThan", 2, 2},
    {"GreaterThan", "GreaterThan", 2, 2},
    {"Ge", "GreaterThan", 2, 2},
    {"And", "And", 0, kAny},
    {"Or", "Or", 0, kAny},
    {"Not", "Not", 1, 1},
    {"FloorDiv", "FloorDiv", 2, 2},
    {"Mod", "Mod", 2, 2},
    {"PythonMod", "PythonMod", 2, 2},
    {"ModularIndexing", "ModularIndexing", 3, 3},
    {"CleanDiv", "CleanDiv", 2, 2},
    {"CeilDiv", "CeilDiv", 2, 2},
    {"CeilToInt", "CeilToInt", 1, 1},
    {"FloorToInt", "FloorToInt", 1, 1},
    {"TruncToInt", "TruncToInt", 1, 1},
    {"TruncToFloat", "TruncToFloat", 1, 1},
    {"RoundToInt", "RoundToInt", 1, 1},
    {"RoundDecimal", "RoundDecimal", 2, 2},
    {"ToFloat", "ToFloat", 1, 1},
    {"IntTrueDiv", "IntTrueDiv", 2, 2},
    {"FloatTrueDiv", "FloatTrueDiv", 2, 2},
    {"PowByNatural", "PowByNatural", 2, 2},
    {"FloatPow", "FloatPow", 2, 2},
    {"LShift", "LShift", 2, 2},
    {"RShift", "RShift", 2, 2},
    {"Where", "Where", 3, 3},
    {"Identity", "Identity", 1, 1},
    {"OpaqueUnaryFn_sqrt", "OpaqueUnaryFn_sqrt", 1, 1},
    {"IsNonOverlappingAndDenseIndicator", "IsNonOverlappingAndDenseIndicator", 0, kAny},
};

struct Operator {
  llvm::StringLiteral text, function;
  unsigned precedence;
};
/// Python's binary operators but `**`; longer ones first. "-" and "/" are rewritten.
constexpr Operator kOperators[] = {
    {"==", "Equality", 1},
    {"!=", "Unequality", 1},
    {"<=", "LessThan", 1},
    {">=", "GreaterThan", 1},
    {"<", "StrictLessThan", 1},
    {">", "StrictGreaterThan", 1},
    {"|", "Or", 2},
    {"&", "And", 3},
    {"+", "Add", 4},
    {"-", "-", 4},
    {"//", "FloorDiv", 5},
    {"/", "/", 5},
    {"%", "PythonMod", 5},
    {"*", "Mul", 5},
};

/// Each level of a nested expression costs several calls here and one in everything that walks the tree.
constexpr unsigned kMaxDepth = 200;

SymExpr integerOf(int64_t value) { return {Kind::Integer, value, 1, 0, {}, {}}; }
SymExpr rationalOf(int64_t numerator, int64_t denominator) {
  return {Kind::Rational, numerator, denominator, 0, {}, {}};
}
SymExpr realOf(double value) { return {Kind::Float, 0, 1, value, {}, {}}; }
SymExpr booleanOf(bool value) { return {Kind::Boolean, value, 1, 0, {}, {}}; }
SymExpr symbolOf(llvm::StringRef name) { return {Kind::Symbol, 0, 1, 0, name.str(), {}}; }
SymExpr callOf(llvm::StringRef name, std::vector<SymExpr> operands) {
  return {Kind::Call, 0, 1, 0, name.str(), std::move(operands)};
}

/// The sum or product of both; a sum of sums is one sum.
SymExpr combine(llvm::StringRef function, SymExpr left, SymExpr right) {
  if (left.kind == Kind::Call && left.name == function && (function == "Add" || function == "Mul")) {
    left.operands.push_back(std::move(right));
    return left;
  }
  std::vector<SymExpr> operands;
  operands.push_back(std::move(left));
  operands.push_back(std::move(right));
  return callOf(function, std::move(operands));
}

SymExpr negated(SymExpr operand) {
  if (operand.kind == Kind::Integer && operand.integer != std::numeric_limits<int64_t>::min())
    return integerOf(-operand.integer);
  if (operand.kind == Kind::Float)
    return realOf(-operand.real);
  return combine("Mul", integerOf(-1), std::move(operand));
}

class Parser {
public:
  Parser(llvm::StringRef text, std::string &fault) : text(text), rest(text), fault(fault) {}

  std::optional<SymExpr> parse() {
    SymExpr result = expression(0);
    skipSpace();
    if (!rest.empty())
      fail("unexpected text");
    return failed ? std::nullopt : std::optional(std::move(result));
  }

private:
  SymExpr fail(const llvm::Twine &what) {
    if (!failed)
      fault = (what + " at character " + llvm::Twine(text.size() - rest.size())).str();
    failed = true;
    return {};
  }
  void skipSpace() { rest = rest.ltrim(' '); }
  bool consume(llvm::StringRef token) {
    skipSpace();
    return rest.consume_front(token);
  }
  void expect(llvm::StringRef token) {
    if (!failed && !consume(token))
      fail("expected '" + token + "'");
  }

  SymExpr expression(unsigned minPrecedence);
  SymExpr unary();
  SymExpr power();
  SymExpr primary();
  SymExpr number();
  SymExpr name();
  SymExpr call(llvm::StringRef function);
  SymExpr literal(llvm::StringRef function);
  SymExpr rational();
  llvm::StringRef quoted();
  void skipKeywords();
  const Operator *findOperator(unsigned minPrecedence);
  SymExpr apply(const Operator &op, SymExpr left, SymExpr right);
  int64_t signedInteger();

  llvm::StringRef text, rest;
  std::string &fault;
  bool failed = false;
  unsigned depth = 0;
};

const Operator *Parser::findOperator(unsigned minPrecedence) {
  skipSpace();
  for (const Operator &op : kOperators)
    if (rest.starts_with(op.text) && !rest.starts_with("**"))
      return op.precedence >= minPrecedence ? &op : nullptr;
  return nullptr;
}

SymExpr Parser::apply(const Operator &op, SymExpr left, SymExpr right) {
  if (op.text == "-")
    return combine("Add", std::move(left), negated(std::move(right)));
  if (op.text == "/")
    return combine("Mul", std::move(left), combine("Pow", std::move(right), integerOf(-1)));
  return combine(op.function, std::move(left), std::move(right));
}

SymExpr Parser::expression(unsigned minPrecedence) {
  if (++depth > kMaxDepth)
    return fail("nested too deeply");
  SymExpr left = unary();
  // A chain of left-associative operators nests to the left: its length counts as depth, but sums and products stay
  // flat.
  unsigned chain = 0;
  while (const Operator *op = failed ? nullptr : findOperator(minPrecedence)) {
    rest = rest.drop_front(op->text.size());
    if (op->function != "Add" && op->function != "Mul" && ++chain + depth > kMaxDepth)
      return fail("nested too deeply");
    left = apply(*op, std::move(left), expression(op->precedence + 1));
  }
  --depth;
  return left;
}

SymExpr Parser::unary() {
  bool isNegated = consume("-"), isInverted = !isNegated && consume("~");
  if (!isNegated && !isInverted)
    return power();
  if (++depth > kMaxDepth)
    return fail("nested too deeply");
  SymExpr operand = unary();
  --depth;
  return isNegated ? negated(std::move(operand)) : callOf("Not", {std::move(operand)});
}

SymExpr Parser::power() {
  SymExpr base = primary();
  if (failed || !consume("**"))
    return base;
  if (++depth > kMaxDepth)
    return fail("nested too deeply");
  SymExpr exponent = unary();
  --depth;
  return combine("Pow", std::move(base), std::move(exponent));
}

SymExpr Parser::primary() {
  if (consume("(")) {
    SymExpr inner = expression(0);
    expect(")");
    return inner;
  }
  skipSpace();
  if (!rest.empty() && llvm::isDigit(rest.front()))
    return number();
  if (!rest.empty() && (llvm::isAlpha(rest.front()) || rest.front() == '_'))
    return name();
  return fail("expected an expression");
}

/// Reads digits, or digits with a point or an exponent.
SymExpr Parser::number() {
  llvm::StringRef digits = rest.take_while(llvm::isDigit);
  llvm::StringRef after = rest.drop_front(digits.size());
  bool isReal = after.starts_with(".") || after.starts_with_insensitive("e");
  int64_t integer = 0;
  double real = 0;
  auto [end, error] =
      isReal ? std::from_chars(rest.begin(), rest.end(), real) : std::from_chars(rest.begin(), rest.end(), integer);
  if (error != std::errc())
    return fail("the number is out of range");
  rest = rest.drop_front(end - rest.begin());
  return isReal ? realOf(real) : integerOf(integer);
}

SymExpr Parser::name() {
  llvm::StringRef word = rest.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
  llvm::StringRef atWord = rest;
  rest = rest.drop_front(word.size());
  if (word == "true" || word == "True" || word == "false" || word == "False")
    return booleanOf(word.front() == 't' || word.front() == 'T');
  if (word == "oo" || word == "int_oo")
    return realOf(std::numeric_limits<double>::infinity());
  if (!rest.starts_with("("))
    return symbolOf(word);
  rest = rest.drop_front();
  if (word == "Symbol" || word == "Integer" || word == "Rational" || word == "Float")
    return literal(word);
  for (const Function &function : kFunctions)
    if (function.name == word) {
      SymExpr result = call(function.canonicalName);
      if (!failed && (result.operands.size() < function.minOperands || result.operands.size() > function.maxOperands))
        return fail("wrong number of operands of '" + word + "'");
      return result;
    }
  rest = atWord;
  return fail("unknown function '" + word + "'");
}

/// Reads the operands of a function, behind its parenthesis.
SymExpr Parser::call(llvm::StringRef function) {
  SymExpr result = callOf(function, {});
  if (consume(")"))
    return result;
  do
    result.operands.push_back(expression(0));
  while (!failed && consume(","));
  expect(")");
  return result;
}

/// Reads what follows "Symbol(", "Integer(", "Rational(" or "Float(".
SymExpr Parser::literal(llvm::StringRef function) {
  SymExpr result;
  if (function == "Symbol") {
    result = symbolOf(quoted());
  } else if (function == "Integer") {
    result = integerOf(signedInteger());
  } else if (function == "Rational") {
    result = rational();
  } else {
    llvm::StringRef digits = quoted();
    double value = 0;
    if (!failed && digits.getAsDouble(value))
      return fail("malformed number");
    result = realOf(value);
  }
  skipKeywords();
  expect(")");
  return result;
}

SymExpr Parser::rational() {
  int64_t numerator = signedInteger();
  expect(",");
  int64_t denominator = signedInteger();
  if (!failed && denominator <= 0)
    return fail("the denominator must be positive");
  return rationalOf(numerator, denominator);
}

int64_t Parser::signedInteger() {
  skipSpace();
  int64_t value = 0;
  auto [end, error] = std::from_chars(rest.begin(), rest.end(), value);
  if (!failed && error != std::errc())
    fail(error == std::errc::result_out_of_range ? "the number is out of range" : "expected an integer");
  rest = rest.drop_front(end - rest.begin());
  return value;
}

llvm::StringRef Parser::quoted() {
  expect("'");
  llvm::StringRef content = rest.take_until([](char c) { return c == '\''; });
  rest = rest.drop_front(content.size());
  expect("'");
  if (!failed && content.empty())
    fail("empty name");
  return content;
}

/// Skips ", NAME=VALUE": assumptions of symbols and the precision of floats.
void Parser::skipKeywords() {
  while (!failed && consume(",")) {
    skipSpace();
    rest = rest.drop_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
    expect("=");
    rest = rest.drop_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
  }
}

} // namespace

std::optional<SymExpr> parseSymExpr(llvm::StringRef text, std::string &fault) { return Parser(text, fault).parse(); }

} // namespace tenon::frontend
