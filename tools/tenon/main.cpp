//===- main.cpp - the command line of Tenon ---------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A dispatcher: each sub-command is a file of its own. Where the compiler is not built (a foreign architecture), the tool
// runs and inspects models only.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/Commands.h"

#include <cstdio>

static constexpr int badUsage = 2;

// CLI11's sentences begin with a capital and end with a full stop; ours do neither.
static std::string asSentence(std::string text) {
  bool isAcronym = text.size() > 1 && text[1] >= 'A' && text[1] <= 'Z';
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z' && !isAcronym)
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  while (!text.empty() && (text.back() == '.' || text.back() == '\n'))
    text.pop_back();
  return text;
}

// CLI11 takes a command that does not exist for a missing one.
static bool isUnknownCommand(const CLI::App &app, const char *word) {
  return word && word[0] != '-' && !app.get_subcommand_no_throw(word);
}

int main(int argc, char **argv) {
  CLI::App app("Tenon compiles models of torch.export to native shared objects, and runs them.", "tenon");
  app.require_subcommand(1);
  int exitCode = 0;
#ifdef TENON_WITH_COMPILER
  tenon::tools::addCompileCommand(app, exitCode);
#endif
  tenon::tools::addInspectCommand(app, exitCode);
  tenon::tools::addRunCommand(app, exitCode);
  tenon::tools::addCompareCommand(app, exitCode);
  tenon::tools::addBenchCommand(app, exitCode);
  if (isUnknownCommand(app, argc > 1 ? argv[1] : nullptr)) {
    std::fprintf(stderr, "tenon: there is no command '%s'; see 'tenon --help'\n", argv[1]);
    return badUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &asked) {
    return app.exit(asked); // --help
  } catch (const CLI::ParseError &error) {
    std::fprintf(stderr, "tenon: %s; see 'tenon --help'\n", asSentence(error.what()).c_str());
    return badUsage;
  }
  return exitCode;
}
