//===- GuardCode.cpp - relations between sizes that tracing found -------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A guard is a Python expression over L['x'].size()[0]: it becomes a symbolic expression over the input's dimensions,
// and a tenon.guard of its value. One that lies outside this grammar is a warning:
//
//   or := and {'or' and}   and := not {'and' not}   not := 'not' not | sum [('=='|'!='|'<'|'<='|'>'|'>=') sum]
//   sum := product {('+'|'-') product}   product := unary {('*'|'//'|'/'|'%') unary}   unary := '-' unary | power
//   power := atom ['**' unary]   atom := NUMBER | '(' or ')' | function '(' or {',' or} ')' | input
//   input := L['name'] path ['.size()[' INT ']']   path := {'[' INT ']' | "['" KEY "']"}
//
// Elements of *args and **kwargs stand as L['args'][0] and L['kwargs']['key']; they are named args_0 and key.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Importer.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;
using namespace tenon::frontend;

namespace {

SymExpr call(std::string name, std::vector<SymExpr> operands) {
  SymExpr expr;
  expr.kind = SymExpr::Kind::Call;
  expr.name = std::move(name);
  expr.operands = std::move(operands);
  return expr;
}

SymExpr integer(int64_t value) {
  SymExpr expr;
  expr.integer = value;
  return expr;
}

SymExpr real(double value) {
  SymExpr expr;
  expr.kind = SymExpr::Kind::Float;
  expr.real = value;
  return expr;
}

class GuardParser {
public:
  GuardParser(const ExportedProgram &program, StringRef text) : program(program), rest(text) {}

  /// The expression; null where the text is outside the grammar.
  std::optional<SymExpr> parse() {
    SymExpr expr = parseOr();
    return failed || !rest.trim().empty() ? std::nullopt : std::optional(std::move(expr));
  }

  /// A dimension, or a number, of an input.
  struct Mention {
    std::string input;
    std::optional<size_t> dim;
    SymExpr value;
  };
  /// Those in the expression, each once.
  ArrayRef<Mention> mentions() const { return mentioned; }

private:
  bool accept(StringRef token) {
    rest = rest.ltrim();
    return rest.consume_front(token);
  }
  SymExpr fail() {
    failed = true;
    return {};
  }

  SymExpr parseOr() {
    SymExpr left = parseAnd();
    while (!failed && accept("or "))
      left = call("Or", {left, parseAnd()});
    return left;
  }
  SymExpr parseAnd() {
    SymExpr left = parseNot();
    while (!failed && accept("and "))
      left = call("And", {left, parseNot()});
    return left;
  }
  SymExpr parseNot() {
    if (++depth > maxDepth)
      return fail();
    SymExpr result = accept("not ") ? call("Not", {parseNot()}) : parseComparison();
    --depth;
    return result;
  }
  SymExpr parseComparison() {
    static const std::pair<StringRef, const char *> operators[] = {{"==", "Equality"},      {"!=", "Unequality"},
                                                                   {"<=", "LessThan"},      {">=", "GreaterThan"},
                                                                   {"<", "StrictLessThan"}, {">", "StrictGreaterThan"}};
    SymExpr left = parseSum();
    for (auto [token, name] : operators)
      if (!failed && accept(token))
        return call(name, {left, parseSum()});
    return left;
  }
  SymExpr parseSum() {
    SymExpr left = parseProduct();
    while (!failed) {
      if (accept("+"))
        left = call("Add", {left, parseProduct()});
      else if (accept("-"))
        left = call("Add", {left, call("Mul", {integer(-1), parseProduct()})});
      else
        break;
    }
    return left;
  }
  SymExpr parseProduct() {
    SymExpr left = parseUnary();
    while (!failed) {
      if (accept("//"))
        left = call("FloorDiv", {left, parseUnary()});
      else if (accept("/"))
        left = call("FloatTrueDiv", {left, parseUnary()});
      else if (accept("%"))
        left = call("PythonMod", {left, parseUnary()});
      else if (accept("*"))
        left = call("Mul", {left, parseUnary()});
      else
        break;
    }
    return left;
  }
  SymExpr parseUnary() {
    if (++depth > maxDepth)
      return fail();
    SymExpr result = accept("-") ? call("Mul", {integer(-1), parseUnary()}) : parsePower();
    --depth;
    return result;
  }
  SymExpr parsePower() {
    SymExpr base = parseAtom();
    return !failed && accept("**") ? call("Pow", {base, parseUnary()}) : base;
  }
  SymExpr parseAtom() {
    static const std::pair<StringRef, const char *> functions[] = {
        {"torch.sym_max(", "Max"},      {"torch.sym_min(", "Min"},     {"max(", "Max"},
        {"min(", "Min"},                {"abs(", "Abs"},               {"torch.sym_float(", "ToFloat"},
        {"float(", "ToFloat"},          {"math.trunc(", "TruncToInt"}, {"torch.sym_int(", "TruncToInt"},
        {"int(", "TruncToInt"},         {"math.floor(", "FloorToInt"}, {"math.ceil(", "CeilToInt"},
        {"round(", "RoundToInt"},       {"torch.sym_not(", "Not"},      {"torch.sym_sqrt(", "OpaqueUnaryFn_sqrt"}};
    rest = rest.ltrim();
    if (!rest.empty() && llvm::isDigit(rest.front()))
      return parseNumber();
    if (accept("("))
      return closed(parseOr());
    for (auto [token, name] : functions)
      if (accept(token)) {
        std::vector<SymExpr> operands{parseOr()};
        while (!failed && accept(","))
          operands.push_back(parseOr());
        return closed(call(name, std::move(operands)));
      }
    return accept("L['") ? parseInput() : fail();
  }
  SymExpr parseNumber() {
    StringRef text = rest.take_while([](char c) { return llvm::isAlnum(c) || c == '.'; });
    rest = rest.drop_front(text.size());
    if (int64_t number = 0; !text.getAsInteger(10, number))
      return integer(number);
    double value = 0;
    return text.getAsDouble(value) ? fail() : real(value);
  }
  SymExpr closed(SymExpr expr) { return failed || accept(")") ? expr : fail(); }

  // What follows L[': the name of an argument, a path into its nesting, and a dimension.
  SymExpr parseInput() {
    std::string name = takeKey();
    auto isArgument = [&] { return llvm::is_contained(program.forwardArgNames, name); };
    if (size_t position = 0; !isArgument() && rest.consume_front("["))
      name = rest.consume_front("'")                                                     ? takeKey()
             : !rest.consumeInteger(10, position) && rest.consume_front("]") ? name + "_" + std::to_string(position)
                                                                             : "";
    auto found = llvm::find(program.forwardArgNames, name);
    if (found == program.forwardArgNames.end() || !program.inSpec || program.inSpec->children.size() != 2)
      return fail();
    size_t number = found - program.forwardArgNames.begin(), leaf = 0;
    const TreeSpec *tree = nullptr;
    for (const TreeSpec &group : program.inSpec->children)
      for (const TreeSpec &argument : group.children) {
        if (number-- == 0)
          tree = &argument;
        if (!tree)
          leaf += countLeaves(argument);
      }
    while (tree && !tree->isLeaf() && rest.consume_front("["))
      tree = descend(*tree, leaf);
    return tree && tree->isLeaf() ? parseSize(leaf) : fail();
  }

  // What stands before the next quote and bracket.
  std::string takeKey() {
    auto [key, after] = rest.split("']");
    rest = after;
    return key.str();
  }

  // Child of `tree` that an index or a quoted key names; adds the leaves before it to `leaf`.
  const TreeSpec *descend(const TreeSpec &tree, size_t &leaf) {
    size_t child = 0;
    if (rest.consume_front("'")) {
      std::string key = takeKey();
      auto context = llvm::json::parse(tree.context);
      if (!context) {
        llvm::consumeError(context.takeError());
        return nullptr;
      }
      auto *keys = context->getAsArray();
      for (child = 0; keys && child < keys->size(); ++child)
        if ((*keys)[child].getAsString() == key)
          break;
    } else if (rest.consumeInteger(10, child) || !rest.consume_front("]")) {
      return nullptr;
    }
    if (child >= tree.children.size())
      return nullptr;
    for (size_t i = 0; i < child; ++i)
      leaf += countLeaves(tree.children[i]);
    return &tree.children[child];
  }

  static size_t countLeaves(const TreeSpec &tree) {
    size_t count = tree.isLeaf();
    for (const TreeSpec &child : tree.children)
      count += countLeaves(child);
    return count;
  }

  SymExpr parseSize(size_t leaf) {
    const Argument *input = nullptr;
    for (auto [i, spec] : llvm::enumerate(program.inputSpecs))
      if ((spec.kind == InputSpec::Kind::UserInput || spec.kind == InputSpec::Kind::ConstantInput) && leaf-- == 0)
        input = spec.kind == InputSpec::Kind::UserInput ? &program.graph.inputs[i] : nullptr;
    if (!input)
      return fail();
    if (auto *number = input->getIf<SymIntArg>(); number && number->isName()) {
      auto entry = program.graph.symIntValues.find(number->name());
      return entry == program.graph.symIntValues.end() ? fail() : mention(number->name(), std::nullopt, entry->second);
    }
    auto *ref = input->getIf<TensorRef>();
    size_t dim = 0;
    if (!ref || !rest.consume_front(".size()[") || rest.consumeInteger(10, dim) || !rest.consume_front("]"))
      return fail();
    auto meta = program.graph.tensorValues.find(ref->name);
    if (meta == program.graph.tensorValues.end() || dim >= meta->second.sizes.size())
      return fail();
    return mention(ref->name, dim, meta->second.sizes[dim]);
  }

  SymExpr mention(const std::string &input, std::optional<size_t> dim, const SymInt &size) {
    if (size.isStatic())
      return integer(size.staticValue());
    if (llvm::none_of(mentioned, [&](const Mention &known) { return known.input == input && known.dim == dim; }))
      mentioned.push_back({input, dim, size.expr()});
    return size.expr();
  }

  static constexpr int maxDepth = 200;
  const ExportedProgram &program;
  StringRef rest;
  SmallVector<Mention> mentioned;
  bool failed = false;
  int depth = 0;
};

} // namespace

// "input 'x' has size {0} in dimension 1, input 'k' is {1}"; the values are appended to `values`.
static std::string describe(Emitter &e, Symbols &symbols, ArrayRef<GuardParser::Mention> mentions, SmallVectorImpl<Value> &values) {
  constexpr size_t maxValues = 10; // places of a guard's message have one digit
  std::string text;
  for (const auto &mention : mentions.take_front(maxValues)) {
    std::string place = "{" + std::to_string(values.size()) + "}";
    text += (text.empty() ? "" : ", ") + ("input '" + mention.input + "' ") +
            (mention.dim ? "has size " + place + " in dimension " + std::to_string(*mention.dim) : "is " + place);
    values.push_back(e.index(symbols.size(e, SymInt{mention.value, std::nullopt})));
  }
  return text;
}

void Importer::guardCode() {
  for (const std::string &text : program.guardsCode) {
    GuardParser parser(program, text);
    std::optional<SymExpr> expr = parser.parse();
    if (!expr || !symbols.allDefined(*expr)) {
      emitWarning(main.getLoc()) << "guard '" << text << "' of the export is outside what can be checked; it is not";
      continue;
    }
    Emitter e(symbols.entry(), main.getLoc());
    Value holds = symbols.scalar(e, *expr).materialize(e.b, e.loc, ScalarType::Bool);
    SmallVector<Value> values;
    std::string sizes = describe(e, symbols, parser.mentions(), values);
    guard(e, holds, (sizes.empty() ? "sizes that do not fit" : sizes) + "; the exported program takes sizes for which " + text, values);
  }
}
