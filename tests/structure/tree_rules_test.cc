#include "tests/structure/tree_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace strata {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string Includes(std::string_view name) {
  return "// A file.\n#include \"" + std::string(name) + "\"\n";
}

struct DirectionCase {
  std::string_view path;
  std::string_view include;
};

constexpr DirectionCase kUpOrSideways[] = {
    {"kernels/base/a.h", "kernels/device/b.h"},
    {"kernels/device/a.h", "kernels/ops/b.h"},
    {"kernels/ops/a.h", "kernels/cpu/b.h"},
    {"kernels/ops/a.cc", "kernels/cuda/b.cuh"},
    {"kernels/cpu/a.cc", "kernels/cuda/b.h"},
    {"kernels/cuda/a.cu", "kernels/cpu/b.h"},
    {"kernels/cpu/a.cc", "models/b.h"},
    {"models/a.cc", "offload/b.h"},
    {"models/text/a.cc", "offload/checkpoint/b.h"},
    {"offload/a.h", "models/families/b.h"},
    {"offload/plan/a.h", "engine/b.h"},
    {"engine/a.cc", "engine/evaluate/b.h"},
    {"engine/a.cc", "engine/cli/b.h"},
    {"engine/evaluate/a.cc", "engine/serve/b.h"},
    {"engine/serve/a.cc", "engine/cli/b.h"},
    {"models/a.cc", "tests/support/b.h"},
    {"engine/cli/a.cc", "bench/b.h"},
};

constexpr DirectionCase kDownOrOwnRoom[] = {
    {"kernels/device/a.h", "kernels/base/b.h"},  {"kernels/cpu/a.cc", "kernels/ops/b.h"},
    {"kernels/cuda/a.cu", "kernels/cuda/b.cuh"}, {"models/families/a.cc", "models/b.h"},
    {"models/a.cc", "models/families/b.h"},      {"offload/a.cc", "kernels/ops/b.h"},
    {"engine/a.cc", "offload/plan/b.h"},         {"engine/a.cc", "models/text/b.h"},
    {"engine/evaluate/a.cc", "engine/b.h"},      {"engine/cli/a.cc", "engine/serve/b.h"},
    {"tests/engine/a.cc", "tests/support/b.h"},  {"bench/a.cc", "engine/b.h"},
    {"models/a.h", "absl/status/status.h"},
};

TEST(IncludeDirection, UpAndSidewaysAreFaults) {
  for (const auto& [path, include] : kUpOrSideways) {
    EXPECT_THAT(CheckIncludeDirection(path, Includes(include)),
                ElementsAre(AllOf(StartsWith(std::string(path) + ":2: "),
                                  HasSubstr(std::string(include)))));
  }
}

TEST(IncludeDirection, DownAndOwnRoomAreAllowed) {
  for (const auto& [path, include] : kDownOrOwnRoom) {
    EXPECT_THAT(CheckIncludeDirection(path, Includes(include)), IsEmpty());
  }
}

TEST(IncludeDirection, WantsPathsFromTheRoot) {
  EXPECT_THAT(CheckIncludeDirection("models/a.cc", Includes("b.h")),
              ElementsAre(HasSubstr("from the root")));
  EXPECT_THAT(CheckIncludeDirection("models/a.cc", Includes("../offload/b.h")),
              ElementsAre(HasSubstr("from the root")));
}

TEST(IncludeDirection, KnowsEveryRoom) {
  EXPECT_THAT(CheckIncludeDirection("kernels/a.h", ""), ElementsAre(HasSubstr("no room")));
  EXPECT_THAT(CheckIncludeDirection("scripts/a.h", ""), ElementsAre(HasSubstr("no room")));
}

TEST(IncludeDirection, SeesOddlyWrittenIncludesAndAngleBrackets) {
  EXPECT_EQ(CheckIncludeDirection("models/a.cc", "  #  include  \"offload/b.h\"").size(), 1u);
  EXPECT_EQ(CheckIncludeDirection("models/a.cc", "#include <offload/b.h>").size(), 1u);
  EXPECT_EQ(CheckIncludeDirection("models/a.cc", "#include\"offload/b.h\"  // why").size(), 1u);
}

TEST(IncludeDirection, IgnoresCommentsAndLiterals) {
  EXPECT_THAT(CheckIncludeDirection("models/a.cc", "// #include \"offload/b.h\"\n"), IsEmpty());
  EXPECT_THAT(CheckIncludeDirection("models/a.cc", "/*\n#include \"offload/b.h\"\n*/\n"),
              IsEmpty());
  EXPECT_THAT(
      CheckIncludeDirection("models/a.cc", "auto s = R\"x(\n#include \"offload/b.h\"\n)x\";"),
      IsEmpty());
}

TEST(Header, NeedsOpeningCommentAndPragma) {
  EXPECT_THAT(CheckHeader("models/a.h", "// What it is.\n#pragma once\n"), IsEmpty());
  EXPECT_THAT(CheckHeader("models/a.h", "#pragma once\n// Late.\n"),
              ElementsAre(HasSubstr("comment")));
  EXPECT_THAT(CheckHeader("models/a.h", "// What it is.\n// #pragma once\nint x;\n"),
              ElementsAre(HasSubstr("#pragma once")));
  EXPECT_EQ(CheckHeader("models/a.h", "").size(), 2u);
  EXPECT_THAT(CheckHeader("models/a.cc", ""), IsEmpty());
}

TEST(Header, KeepsHeavyHeadersOut) {
  const std::string head = "// What it is.\n#pragma once\n";
  for (const char* heavy :
       {"<Eigen/Core>", "<nlohmann/json.hpp>", "\"nlohmann/json.hpp\"", "<pcre2.h>",
        "<sentencepiece_processor.h>", "<liburing.h>", "<cublasLt.h>", "<cuda_runtime.h>"}) {
    EXPECT_THAT(CheckHeader("offload/a.h", head + "#include " + heavy + "\n"),
                ElementsAre(StartsWith("offload/a.h:3:")))
        << heavy;
    EXPECT_THAT(CheckHeader("offload/a.cc", std::string("#include ") + heavy + "\n"), IsEmpty());
  }
  EXPECT_THAT(CheckHeader("offload/a.h", head + "#include <nlohmann/json_fwd.hpp>\n"), IsEmpty());
}

TEST(OwnHeaderFirst, IsWantedWhereThereIsOne) {
  const std::string own = "#include \"models/a.h\"\n";
  const std::string other = "#include <vector>\n";
  EXPECT_THAT(CheckOwnHeaderFirst("models/a.cc", own + other, true), IsEmpty());
  EXPECT_THAT(CheckOwnHeaderFirst("models/a.cc", other + own, true),
              ElementsAre(HasSubstr("'models/a.h' first")));
  EXPECT_EQ(CheckOwnHeaderFirst("models/a.cc", "", true).size(), 1u);
  EXPECT_THAT(CheckOwnHeaderFirst("models/a.cc", other, false), IsEmpty());
}

TEST(ConditionalCompilation, IsKeptOutOfTheUpperFloors) {
  for (const char* path : {"engine/a.cc", "models/text/a.h", "offload/plan/a.cc"}) {
    EXPECT_THAT(CheckNoConditionalCompilation(path, "int x;\n#if FOO\n#endif\n"),
                ElementsAre(StartsWith(std::string(path) + ":2:")));
    EXPECT_EQ(CheckNoConditionalCompilation(path, " # ifdef FOO\n").size(), 1u);
    EXPECT_EQ(CheckNoConditionalCompilation(path, "#ifndef FOO\n").size(), 1u);
    EXPECT_THAT(CheckNoConditionalCompilation(path, "R\"(\n# if a script says so\n)\"\n"),
                IsEmpty());
  }
  EXPECT_THAT(CheckNoConditionalCompilation("kernels/cpu/a.cc", "#ifdef __AVX2__\n"), IsEmpty());
}

TEST(Environment, IsReadByTheProgramOnly) {
  const std::string read = "const char* home = std::getenv(\"HOME\");\n";
  EXPECT_THAT(CheckNoEnvironment("engine/evaluate/a.cc", read), ElementsAre(HasSubstr(":1:")));
  EXPECT_EQ(CheckNoEnvironment("kernels/cpu/a.cc", read).size(), 1u);
  EXPECT_THAT(CheckNoEnvironment("engine/cli/a.cc", read), IsEmpty());
  EXPECT_THAT(CheckNoEnvironment("tests/support/a.cc", read), IsEmpty());
  EXPECT_THAT(CheckNoEnvironment("models/a.cc", "// getenv is not for us\n\"getenv\";"), IsEmpty());
}

TEST(Length, EndsAtSixHundredLines) {
  std::string text;
  for (int i = 0; i < 600; ++i) text += "x\n";
  EXPECT_THAT(CheckLength("models/a.cc", text), IsEmpty());
  EXPECT_THAT(CheckLength("models/a.cc", text + "x\n"), ElementsAre(HasSubstr("601 lines")));
}

TEST(CodeOnly, BlanksCommentsAndLiteralsAndKeepsLines) {
  EXPECT_EQ(CodeOnly("a // b\nc"), "a     \nc");
  EXPECT_EQ(CodeOnly("a /* b\nc */ d"), "a     \n     d");
  EXPECT_EQ(CodeOnly("f(\"//\\\"\"); g"), "f(\"    \"); g");
  EXPECT_EQ(CodeOnly("'\"' x '\\'' y"), "' ' x '  ' y");
  EXPECT_EQ(CodeOnly("1'000'000 // x"), "1'000'000     ");
  EXPECT_EQ(CodeOnly("x R\"q(a)b\"\n)q\" y"), "x         \n    y");
  EXPECT_EQ(CodeOnly("#include \"a/b.h\" // c"), "#include \"a/b.h\"     ");
  EXPECT_EQ(CodeOnly("\"open"), "\"    ");
  EXPECT_EQ(CodeOnly("\"open\\"), "\"     ");
  EXPECT_EQ(CodeOnly("/* open"), "       ");
  EXPECT_EQ(CodeOnly(""), "");
}

}  // namespace
}  // namespace strata
