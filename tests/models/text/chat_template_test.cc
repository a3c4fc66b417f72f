// ChatTemplate: inputs, errors that name their place, and finding the template of a model
// directory.

#include "models/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "kernels/base/file.h"

namespace strata {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kChatMl[] =
    "{%- for message in messages %}\n"
    "    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|im_start|>assistant\\n' }}\n"
    "{%- endif %}\n";

// A template with what real ones do: system text, tools, tool calls, alternating roles, reasoning
// that is cut from earlier turns. Its renderings below were made by Python's Jinja2.
constexpr char kElaborate[] = R"jinja({%- if messages[0].role == 'system' %}
  {%- set system = messages[0].content | trim %}
  {%- set rest = messages[1:] %}
{%- else %}
  {%- set system = '' %}
  {%- set rest = messages %}
{%- endif %}
{{- bos_token }}
{%- if system or tools %}
[SYSTEM]{{ system }}
{%- for tool in tools or [] %}

{{ loop.index }}. {{ tool.function.name }}: {{ tool.function.parameters | tojson(indent=2) | indent(3) }}
{%- endfor %}[/SYSTEM]
{% endif %}
{%- for m in rest %}
  {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}
    {{- raise_exception('roles must alternate, got ' ~ rest | map(attribute='role') | join('/')) }}
  {%- endif %}
  {%- if m.role == 'user' %}
[USER]{{ m.content }}[/USER]
  {%- elif m.tool_calls is defined %}
    {%- for call in m.tool_calls %}
[CALL]{"name": {{ call.function.name | tojson }}, "arguments": {{ call.function.arguments | tojson }}}[/CALL]
    {%- endfor %}
  {%- else %}
{% generation %}[BOT]{{ m.content.split('</think>')[-1].lstrip('\n') }}{{ eos_token }}{% endgeneration %}
  {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}

[BOT]
{%- endif %}
)jinja";

ChatTemplate ParseOrDie(absl::string_view source) {
  auto parsed = ChatTemplate::Parse(source, "test.jinja");
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return *std::move(parsed);
}

std::string RenderOrStatus(const ChatTemplate& chat_template, const ChatInput& input) {
  const auto rendered = chat_template.Render(input);
  return rendered.ok() ? *rendered : rendered.status().ToString();
}

TEST(ChatTemplate, RendersMessages) {
  const ChatTemplate chat_template = ParseOrDie(kChatMl);
  ChatInput input{.messages = ChatMessagesToJson({{.role = "system", .content = "Be brief."},
                                                  {.role = "user", .content = "Hi"}})};
  EXPECT_EQ(RenderOrStatus(chat_template, input),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
  input.add_generation_prompt = true;
  EXPECT_EQ(RenderOrStatus(chat_template, input),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n");
}

TEST(ChatTemplate, RendersAnElaborateTemplate) {
  const ChatTemplate chat_template = ParseOrDie(kElaborate);
  ChatInput input{.messages = R"([{"role": "user", "content": "Hi"}])",
                  .add_generation_prompt = true,
                  .bos_token = "<s>",
                  .eos_token = "</s>"};
  EXPECT_EQ(RenderOrStatus(chat_template, input), "<s>[USER]Hi[/USER]\n[BOT]");
  input.add_generation_prompt = false;
  input.messages = R"([{"role": "system", "content": " Be kind. "},
                       {"role": "user", "content": "Hi"},
                       {"role": "assistant", "content": "<think>hm</think>\n\nYo"},
                       {"role": "user", "content": "Bye"}])";
  EXPECT_EQ(RenderOrStatus(chat_template, input),
            "<s>[SYSTEM]Be kind.[/SYSTEM]\n[USER]Hi[/USER][BOT]Yo</s>[USER]Bye[/USER]");
  input.messages = R"([{"role": "user", "content": "1+2?"},
                       {"role": "assistant", "content": "", "tool_calls": [{"type": "function",
                        "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}]}])";
  input.tools = R"([{"type": "function", "function": {"name": "add", "description": "Adds.",
                     "parameters": {"type": "object", "properties":
                       {"b": {"type": "integer"}, "a": {"type": "integer"}}}}}])";
  EXPECT_EQ(RenderOrStatus(chat_template, input),
            "<s>[SYSTEM]\n1. add: {\n     \"type\": \"object\",\n     \"properties\": {\n"
            "       \"b\": {\n         \"type\": \"integer\"\n       },\n       \"a\": {\n"
            "         \"type\": \"integer\"\n       }\n     }\n   }[/SYSTEM]\n[USER]1+2?[/USER]"
            "[CALL]{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": 2}}[/CALL]");
  input.tools.reset();
  input.messages = R"([{"role": "assistant", "content": ""}, {"role": "tool", "content": "3"}])";
  EXPECT_THAT(RenderOrStatus(chat_template, input),
              HasSubstr("test.jinja:18: roles must alternate, got assistant/tool"));
}

TEST(ChatTemplate, ToolsKeepTheOrderOfTheirKeys) {
  const ChatTemplate chat_template =
      ParseOrDie("{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}");
  const ChatInput input{
      .messages = "[]",
      .tools = R"([{"type": "function", "function": {"name": "f", "b": 1.0, "a": "<é>"}}])"};
  EXPECT_EQ(
      RenderOrStatus(chat_template, input),
      "{\"type\": \"function\", \"function\": {\"name\": \"f\", \"b\": 1.0, \"a\": \"<é>\"}}\n");
}

TEST(ChatTemplate, VariablesAreDefinedAsInTransformers) {
  const ChatTemplate chat_template = ParseOrDie(
      "{{ tools is none }} {{ documents is none }} {{ add_generation_prompt }} "
      "{{ bos_token is defined }} {{ enable_thinking is defined }}");
  EXPECT_EQ(RenderOrStatus(chat_template, {.messages = "[]"}), "True True False False False");
  const ChatInput input{.messages = "[]",
                        .documents = "[]",
                        .bos_token = "<s>",
                        .variables = R"({"enable_thinking": false, "tools": [1]})"};
  EXPECT_EQ(RenderOrStatus(chat_template, input), "False False False True True");
}

TEST(ChatTemplate, TheTimeComesFromTheCaller) {
  const ChatTemplate chat_template = ParseOrDie("{{ strftime_now('%d %b %Y') }}");
  EXPECT_EQ(RenderOrStatus(chat_template,
                           {.messages = "[]", .now = absl::CivilSecond(2024, 2, 9, 23, 5, 0)}),
            "09 Feb 2024");
  EXPECT_EQ(chat_template.Render({.messages = "[]"}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(ChatTemplate, RefusalsOfTheTemplateCarryItsMessage) {
  const ChatTemplate chat_template = ParseOrDie(
      "{% for m in messages %}\n"
      "{% if m.role == 'tool' %}\n"
      "{{ raise_exception('Role ' ~ m.role ~ ' is not supported!') }}\n"
      "{% endif %}{% endfor %}");
  const absl::Status status = chat_template.Render({.messages = R"([{"role": "tool"}])"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "test.jinja:3: Role tool is not supported!");
}

TEST(ChatTemplate, ErrorsNameOriginAndLine) {
  EXPECT_EQ(ChatTemplate::Parse("a\n{% if x %}\n{{ 1 + }}", "m.jinja").status().message(),
            "m.jinja:3: unexpected '}}'");
  EXPECT_EQ(ChatTemplate::Parse("{% for x in y %}", "m.jinja").status().message(),
            "m.jinja:1: unexpected end of template: 'endfor' is missing");
  EXPECT_EQ(ParseOrDie("a\n\n{{ x.y.z }}").Render({.messages = "[]"}).status().message(),
            "test.jinja:3: 'x' is undefined");
  EXPECT_EQ(ParseOrDie("{{ 'a'\n + 1 }}").Render({.messages = "[]"}).status().message(),
            "test.jinja:2: can only concatenate str (not \"int\") to str");
  EXPECT_EQ(ParseOrDie("{% macro m() %}\n{{ 1 // 0 }}\n{% endmacro %}\n\n{{ m() }}")
                .Render({.messages = "[]"})
                .status()
                .message(),
            "test.jinja:2: division by zero");
}

TEST(ChatTemplate, TagsThatNeedOtherTemplatesAreUnimplemented) {
  for (const char* source :
       {"{% include 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}",
        "{% extends 'x' %}", "{% block x %}{% endblock %}", "{% autoescape true %}"}) {
    const absl::Status status = ChatTemplate::Parse(source, "m").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << source;
    EXPECT_THAT(std::string(status.message()), StartsWith("m:1: tag '")) << source;
  }
  for (const char* source : {"{{ [1]|random }}", "{{ [1]|groupby('x') }}", "{{ 'a'.encode() }}"}) {
    EXPECT_EQ(ParseOrDie(source).Render({.messages = "[]"}).status().code(),
              absl::StatusCode::kUnimplemented)
        << source;
  }
}

TEST(ChatTemplate, InputsMustBeWellFormed) {
  const ChatTemplate chat_template = ParseOrDie(kChatMl);
  for (const char* messages : {"", "{}", "[", "\"text\"", "[{\"role\": \"a\", \"role\": \"b\"}]"}) {
    const absl::Status status = chat_template.Render({.messages = messages}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << messages;
    EXPECT_THAT(std::string(status.message()), StartsWith("messages: ")) << messages;
  }
  EXPECT_THAT(
      std::string(chat_template.Render({.messages = "[]", .tools = "1"}).status().message()),
      StartsWith("tools: expected a JSON array"));
  EXPECT_FALSE(chat_template.Render({.messages = "[]", .variables = "[]"}).ok());
  EXPECT_EQ(ChatTemplate::Parse("\xff", "m").status().message(),
            "m: the template is not valid UTF-8");
}

// A model directory below the test's temporary folder.
class ChatTemplateLoad : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "chat_template_load_" +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& name, absl::string_view contents) {
    ASSERT_TRUE(WriteFileAtomically(directory_ + "/" + name, contents).ok());
  }
  std::string LoadAndRender(const ChatInput& input, absl::string_view name = "") {
    const auto loaded = ChatTemplate::Load(directory_, name);
    if (!loaded.ok()) return loaded.status().ToString();
    if (!loaded->has_value()) return "no template";
    return RenderOrStatus(**loaded, input);
  }

  std::string directory_;
};

TEST_F(ChatTemplateLoad, NoTemplate) {
  EXPECT_EQ(LoadAndRender({.messages = "[]"}), "no template");
  Write("tokenizer_config.json", R"({"bos_token": "<s>", "chat_template": null})");
  EXPECT_EQ(LoadAndRender({.messages = "[]"}), "no template");
}

TEST_F(ChatTemplateLoad, TextInTokenizerConfigWithSpecialTokens) {
  Write("tokenizer_config.json",
        R"({"chat_template": "{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ unk_token }}",
            "bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false},
            "pad_token": null})");
  EXPECT_EQ(LoadAndRender({.messages = "[]"}), "<s>|</s>||");
  EXPECT_EQ(LoadAndRender({.messages = "[]", .bos_token = "B"}), "B|</s>||");
  EXPECT_EQ(LoadAndRender({.messages = "[]", .variables = R"({"bos_token": "V"})"}), "V|</s>||");
}

TEST_F(ChatTemplateLoad, NamedTemplates) {
  Write("tokenizer_config.json",
        R"({"chat_template": [{"name": "default", "template": "plain"},
                              {"name": "tool_use", "template": "with tools"},
                              {"name": "rag", "template": "documents"}]})");
  EXPECT_EQ(LoadAndRender({.messages = "[]"}), "plain");
  EXPECT_EQ(LoadAndRender({.messages = "[]", .tools = "[]"}), "with tools");
  EXPECT_EQ(LoadAndRender({.messages = "[]", .tools = "[]"}, "rag"), "documents");
  EXPECT_EQ(LoadAndRender({.messages = "[]", .tools = "[]"}, "default"), "plain");
  EXPECT_THAT(LoadAndRender({.messages = "[]"}, "other"),
              HasSubstr("no template 'other' among [default, tool_use, rag]"));
}

TEST_F(ChatTemplateLoad, FilesOfTheirOwn) {
  Write("chat_template.json", R"({"chat_template": "from json {{ bos_token }}"})");
  EXPECT_EQ(LoadAndRender({.messages = "[]"}), "from json ");
  Write("tokenizer_config.json", R"({"bos_token": "<s>"})");
  EXPECT_EQ(LoadAndRender({.messages = "[]"}), "from json <s>");
  Write("chat_template.jinja", "from jinja {{ bos_token }}\n");
  EXPECT_EQ(LoadAndRender({.messages = "[]"}), "from jinja <s>");
}

TEST_F(ChatTemplateLoad, BrokenFilesNameThemselves) {
  Write("tokenizer_config.json", R"({"chat_template": "{% if %}"})");
  EXPECT_THAT(LoadAndRender({.messages = "[]"}),
              HasSubstr("tokenizer_config.json chat_template:1: expected an expression"));
  Write("tokenizer_config.json", R"({"chat_template": 5})");
  EXPECT_THAT(LoadAndRender({.messages = "[]"}), HasSubstr("expected a string or a list"));
  Write("tokenizer_config.json", R"({"chat_template": [{"name": "default"}]})");
  EXPECT_THAT(LoadAndRender({.messages = "[]"}), HasSubstr("key 'template' is missing"));
  Write("tokenizer_config.json", "[]");
  EXPECT_THAT(LoadAndRender({.messages = "[]"}), HasSubstr("expected a JSON object"));
  Write("tokenizer_config.json", R"({"chat_template": "{% bad )");
  EXPECT_THAT(LoadAndRender({.messages = "[]"}), HasSubstr("tokenizer_config.json"));
}

// The templates of real models, where they lie beside a checkout; texts made by transformers.
TEST(ChatTemplateModels, RenderAsTransformersDoes) {
  const std::string models = STRATA_SOURCE_DIR "/../shared/models/tokenizers/";
  if (!std::filesystem::exists(models)) GTEST_SKIP() << "no tokenizers at " << models;
  const std::string qwen_turns =
      "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYo<|im_end|>\n"
      "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n";
  const std::string qwen_thought =
      "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\nx\n</"
      "think>\n\nYo<|im_end|>\n"
      "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n";
  struct Expected {
    std::string model;
    std::string first_turn;   // of one user message, enable_thinking false
    std::string second_turn;  // with a system message and an answer with reasoning
  };
  for (const Expected& expected :
       {Expected{"qwen2.5",
                 "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful "
                 "assistant.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
                 "<|im_start|>system\nS<|im_end|>\n" + qwen_thought},
        Expected{"qwen3",
                 "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
                 "<|im_start|>system\nS<|im_end|>\n" + qwen_turns},
        Expected{"deepseek-v3", "<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜>",
                 "<｜begin▁of▁sentence｜>S<｜User｜>Hi<｜Assistant｜>\n\nYo<｜end▁of▁sentence｜>"
                 "<｜User｜>Bye<｜Assistant｜>"}}) {
    const auto loaded = ChatTemplate::Load(models + expected.model);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    ASSERT_TRUE(loaded->has_value()) << expected.model;
    ChatInput input{.messages = R"([{"role": "user", "content": "Hi"}])",
                    .add_generation_prompt = true,
                    .variables = R"({"enable_thinking": false})"};
    EXPECT_EQ(RenderOrStatus(**loaded, input), expected.first_turn) << expected.model;
    input.variables.clear();
    input.messages =
        ChatMessagesToJson({{.role = "system", .content = "S"},
                            {.role = "user", .content = "Hi"},
                            {.role = "assistant", .content = "<think>\nx\n</think>\n\nYo"},
                            {.role = "user", .content = "Bye"}});
    EXPECT_EQ(RenderOrStatus(**loaded, input), expected.second_turn) << expected.model;
  }
  for (const char* model : {"opt", "gpt2", "llama-2", "t5-small", "deepseek-llm"}) {
    const auto loaded = ChatTemplate::Load(models + model);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_FALSE(loaded->has_value()) << model;
  }
}

}  // namespace
}  // namespace strata
