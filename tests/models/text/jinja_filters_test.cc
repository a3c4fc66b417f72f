// Filters and tests.
//
// Every expected text was made by Python's Jinja2 3.1.6 in the environment that transformers sets
// up; kRefused marks templates that it refuses with an error.

#include <gtest/gtest.h>

#include "tests/models/text/jinja_cases.h"

namespace strata {
namespace {

TEST(JinjaFilters, TextFilters) {
  ExpectRenderings({
      {R"({{ s|upper }} {{ s|lower }} {{ 'foo bar-baz (qux) don\'t'|title }} {{ s|capitalize }} {{ '  x '|trim }}| {{ 'xxaxx'|trim('x') }} {{ none|trim }} {{ 5|upper }} {{ missing|trim }}|)",
       "HELLO WORLD hello world Foo Bar-Baz (Qux) Don't Hello world x| a None 5 |"},
      {"{{ 'a-b-c'|replace('-', '+') }} {{ 'a-b-c'|replace('-', '+', 1) }} {{ 111|replace(1, 2) }}",
       "a+b+c a+b-c 222"},
      {"{{ multi|indent }}", "a\n    b\n\n    c"},
      {"{{ multi|indent(2, true) }}", "  a\n  b\n\n  c"},
      {"{{ multi|indent(2, blank=true) }}", "a\n  b\n  \n  c"},
      {"{{ multi|indent('> ', first=true, blank=true) }}", "> a\n> b\n> \n> c"},
      {R"({{ 'a\n'|indent(2) }}|{{ ''|indent(2) }}|{{ 'x'|indent(width=3, first=True) }})",
       "a\n||   x"},
      {"{{ 'foo bar baz qux'|truncate(9) }}|{{ 'foo bar baz qux'|truncate(9, true) }}|{{ 'foo bar "
       "baz qux'|truncate(11) }}|{{ 'foo bar baz qux'|truncate(9, false, '..', 0) }}",
       "foo...|foo ba...|foo bar baz qux|foo.."},
      {"{{ 'ab'|center(6) }}|{{ 'foo bar, b_z é'|wordcount }}", "  ab  |4"},
      {R"({{ '<a href="x">&\'</a>'|escape }} {{ '<'|e }} {{ '<b>'|safe }})",
       "&lt;a href=&#34;x&#34;&gt;&amp;&#39;&lt;/a&gt; &lt; <b>"},
      {"{{ '%s is %d'|format('x', 5) }} {{ '%(a)s'|format(a=1) }}", "x is 5 1"},
      {"{{ 'a b&c/é'|urlencode }} {{ {'a b': 'c&d', 'e': 1}|urlencode }}",
       "a%20b%26c/%C3%A9 a+b=c%26d&e=1"},
      {"{{ 5|string + 'x' }} {{ [1]|string }} {{ none|string }} {{ missing|string }}|",
       "5x [1] None |"},
      {"{{ 5|indent }}", kRefused},
  });
}

TEST(JinjaFilters, SequenceFilters) {
  ExpectRenderings({
      {"{{ l|length }} {{ d|length }} {{ s|count }} {{ missing|length }} {{ ''|length }}",
       "3 3 11 0 0"},
      {"{{ 5|length }}", kRefused},
      {"{{ l|first }} {{ l|last }} {{ s|first }} {{ s|last }} {{ d|first }} {{ d|last }} {{ "
       "[]|first }}| {{ []|last }}|",
       "3 2 H d z items | |"},
      {"{{ l|join }} {{ l|join(', ') }} {{ people|join('-', attribute='n') }} {{ d|join }} {{ "
       "''|join('x') }}|",
       "312 3, 1, 2 bob-Al-cy zaitems |"},
      {"{{ 'abc'|list }} {{ d|list }} {{ missing|list }} {{ range(3)|list }} {{ (1,2)|list }}",
       "['a', 'b', 'c'] ['z', 'a', 'items'] [] [0, 1, 2] [1, 2]"},
      {"{{ d|items|list }} {{ missing|items|list }}", "[('z', 1), ('a', 2), ('items', 3)] []"},
      {"{{ l|sort }} {{ w|sort }} {{ w|sort(case_sensitive=true) }} {{ l|sort(reverse=true) }} {{ "
       "people|sort(attribute='a.b')|map(attribute='n')|list }} {{ "
       "people|sort(attribute='n')|map(attribute='n')|join(',') }}",
       "[1, 2, 3] ['A', 'a', 'b', 'c'] ['A', 'a', 'b', 'c'] [3, 2, 1] ['cy', 'bob', 'Al'] "
       "Al,bob,cy"},
      {"{{ [1,'a']|sort }}", kRefused},
      {"{{ d|dictsort }} {{ d|dictsort(by='value') }} {{ d|dictsort(reverse=true) }} {{ "
       "{'B':1,'a':2}|dictsort }} {{ {'B':1,'a':2}|dictsort(true) }}",
       "[('a', 2), ('items', 3), ('z', 1)] [('z', 1), ('a', 2), ('items', 3)] [('z', 1), ('items', "
       "3), ('a', 2)] [('a', 2), ('B', 1)] [('B', 1), ('a', 2)]"},
      {"{{ ['a','A','b',1,1.0,true]|unique|list }} {{ ['a','A']|unique(true)|list }} {{ "
       "people|unique(attribute='age')|list|length }}",
       "['a', 'b', 1] ['a', 'A'] 3"},
      {"{{ l|reverse|list }} {{ 'abc'|reverse }} {{ d|reverse|list }}",
       "[2, 1, 3] cba ['items', 'a', 'z']"},
      {"{{ l|sum }} {{ people|sum(attribute='a.b') }} {{ l|sum(start=10) }} {{ []|sum }} {{ l|min "
       "}} {{ l|max }} {{ w|min }} {{ w|max }} {{ people|min(attribute='a.b') }} {{ []|max }}|",
       "6 8 16 0 1 3 A c {'n': 'cy', 'a': {'b': 1}} |"},
      {"{{ [1,2,3,4,5]|batch(2)|list }} {{ [1,2,3]|batch(2, 'x')|list }} {{ "
       "[1,2,3,4,5]|slice(2)|list }} {{ [1,2,3,4,5]|slice(3, 'x')|list }}",
       "[[1, 2], [3, 4], [5]] [[1, 2], [3, 'x']] [[1, 2, 3], [4, 5]] [[1, 2], [3, 4], [5, 'x']]"},
      {"{{ w|map('upper')|list }} {{ ['1','2']|map('int')|sum }} {{ "
       "people|map(attribute='age')|list }} {{ people|map(attribute='age', default=9)|list }} {{ "
       "people|map(attribute='a.b')|list }} {{ [' a ']|map('trim')|join }} {{ "
       "['a-b']|map('replace','-','+')|list }}",
       "['B', 'A', 'C', 'A'] 3 [3, 1, Undefined] [3, 1, 9] [2, 5, 1] a ['a+b']"},
      {"{{ [0,1,'',2]|select|list }} {{ [0,1,2,3]|select('odd')|list }} {{ "
       "[1,2,3]|reject('equalto', 2)|list }} {{ [1,2,3]|select('gt', 1)|list }} {{ "
       "['a','b']|select('in', ['a'])|list }} {{ [1,none,missing]|select('none')|list }}",
       "[1, 2] [1, 3] [1, 3] [2, 3] ['a'] [None]"},
      {"{{ people|selectattr('age')|map(attribute='n')|list }} {{ "
       "people|selectattr('age','defined')|list|length }} {{ "
       "people|rejectattr('age','equalto',3)|map(attribute='n')|list }} {{ "
       "messages|selectattr('role','==','user')|map(attribute='content')|first }}",
       "['bob', 'Al'] 2 ['Al', 'cy'] Hi é中😀"},
      {"{{ (messages|selectattr('role','equalto','tool')|list|length) }} {% if "
       "messages|selectattr('role','equalto','tool') %}truthy{% endif %}",
       "0 truthy"},
      {"{{ l|select('odd')|length }}", kRefused},
      {"{% set g = l|select %}{{ g|list }} {{ g|list }}", "[3, 1, 2] []"},
      {"{% set g = l|select %}{{ g|first }} {{ g|list }} {{ 9 in g }}", "3 [1, 2] False"},
      {"{{ l|select|last }}", kRefused},
      {"{{ l|map('nope')|list }}", kRefused},
      {"{{ l|select('nope')|list }}", kRefused},
      {"{{ range(5) }} {{ range(1,10,3) }} {{ range(5,0,-2)|list }} {{ range(0)|list }} {{ "
       "range(3)|length }}",
       "range(0, 5) range(1, 10, 3) [5, 3, 1] [] 3"},
  });
}

TEST(JinjaFilters, ScalarFilters) {
  ExpectRenderings({
      {"{{ missing|default('x') }} {{ none|default('x') }} {{ ''|default('x') }}| {{ "
       "''|default('x', true) }} {{ none|default('x', boolean=true) }} {{ d.q|d(1) }} {{ "
       "missing|default }}|",
       "x None | x x 1 |"},
      {"{{ -5|abs }} {{ -2.5|abs }} {{ true|abs }}", "5 2.5 1"},
      {"{{ '42'|int }} {{ '42.7'|int }} {{ 'x'|int }} {{ 'x'|int(7) }} {{ ' 12 '|int }} {{ "
       "3.99|int }} {{ -3.99|int }} {{ none|int }} {{ '0x1f'|int(0, 16) }} {{ '1_000'|int }} {{ "
       "true|int }} {{ '-5'|int }} {{ '+5'|int }} {{ '101'|int(base=2) }} {{ '1e3'|int }}",
       "42 42 0 7 12 3 -3 0 31 1000 1 -5 5 5 1000"},
      {"{{ '4.5'|float }} {{ 'x'|float }} {{ 'x'|float(1.5) }} {{ 3|float }} {{ '1e3'|float }} {{ "
       "'inf'|float }} {{ ' 2 '|float }}",
       "4.5 0.0 1.5 3.0 1000.0 inf 2.0"},
      {"{{ 2.5|round }} {{ 3.5|round }} {{ 2.675|round(2) }} {{ 42.55|round(1) }} {{ "
       "42.55|round(1,'floor') }} {{ 42.55|round(1,'ceil') }} {{ 5|round }} {{ 1234.5|round(-2) }} "
       "{{ -2.5|round }} {{ 42|round(0,'floor') }}",
       "2.0 4.0 2.67 42.5 42.5 42.6 5 1200.0 -2.0 42.0"},
      {"{{ none|abs }}", kRefused},
      {"{{ missing|int }}", kRefused},
      {"{{ 'a'|nope }}", kRefused},
      {"{{ d|attr('a') }}| {{ d|attr('items') is callable }}", "| True"},
      {"{{ [1]|int }} {{ d|float }}", "0 0.0"},
  });
}

TEST(JinjaFilters, ToJson) {
  ExpectRenderings({
      {R"({{ d|tojson }} {{ people|tojson }} {{ [1,2.0,none,true,'é<>&\'"\\\n\t\x01\x7f'] | tojson }} {{ ()|tojson }} {{ {}|tojson }})",
       "{\"z\": 1, \"a\": 2, \"items\": 3} [{\"n\": \"bob\", \"age\": 3, \"a\": {\"b\": 2}}, "
       "{\"n\": \"Al\", \"age\": 1, \"a\": {\"b\": 5}}, {\"n\": \"cy\", \"a\": {\"b\": 1}}] [1, "
       "2.0, null, true, \"é<>&'\\\"\\\\\\n\\t\\u0001\177\"] [] {}"},
      {"{{ messages|tojson(indent=2) }}",
       "[\n  {\n    \"role\": \"system\",\n    \"content\": \"Be <b>.\"\n  },\n  {\n    \"role\": "
       "\"user\",\n    \"content\": \"Hi é中😀\"\n  },\n  {\n    \"role\": \"assistant\",\n    "
       "\"content\": \"yo\",\n    \"tool_calls\": [\n      {\n        \"function\": {\n          "
       "\"name\": \"f\",\n          \"arguments\": {\n            \"b\": 1,\n            \"a\": "
       "[\n              1,\n              2.5,\n              null,\n              true\n         "
       "   ]\n          }\n        }\n      }\n    ]\n  }\n]"},
      {"{{ [[],{},[1]]|tojson(indent=4) }} {{ d|tojson(indent='--') }}",
       "[\n    [],\n    {},\n    [\n        1\n    ]\n] {\n--\"z\": 1,\n--\"a\": 2,\n--\"items\": "
       "3\n}"},
      {"{{ d|tojson(separators=(',', ':')) }} {{ d|tojson(sort_keys=true) }} {{ d|tojson(true) }} "
       "{{ messages[1]|tojson(ensure_ascii=true) }} {{ d|tojson(indent=1, separators=(' ,', ' : "
       "')) }}",
       "{\"z\":1,\"a\":2,\"items\":3} {\"a\": 2, \"items\": 3, \"z\": 1} {\"z\": 1, \"a\": 2, "
       "\"items\": 3} {\"role\": \"user\", \"content\": \"Hi \\u00e9\\u4e2d\\ud83d\\ude00\"} {\n "
       "\"z\" : 1 ,\n \"a\" : 2 ,\n \"items\" : 3\n}"},
      {"{{ {1: 'a', none: 'b', true: 'c', 1.5: 'd'}|tojson }} {{ 1e100|tojson }} {{ 'x'|tojson }} "
       "{{ 1.0|tojson }} {{ n|tojson }}",
       R"({"1": "c", "null": "b", "1.5": "d"} 1e+100 "x" 1.0 5)"},
      {"{{ missing|tojson }}", kRefused},
      {"{{ range(3)|tojson }}", kRefused},
      {"{{ d.items()|tojson }}", kRefused},
      {"{{ d|tojson(indent=0) }}", "{\n\"z\": 1,\n\"a\": 2,\n\"items\": 3\n}"},
  });
}

TEST(JinjaFilters, Tests) {
  ExpectRenderings({
      {"{{ n is defined }} {{ missing is defined }} {{ missing is undefined }} {{ z is none }} {{ "
       "n is not none }} {{ t is true }} {{ 1 is true }} {{ false is false }} {{ t is boolean }}",
       "True False True True True True False True True"},
      {"{{ s is string }} {{ n is string }} {{ n is number }} {{ f is number }} {{ t is number }} "
       "{{ n is integer }} {{ t is integer }} {{ f is float }} {{ n is float }}",
       "True False True True True True False True False"},
      {"{{ d is mapping }} {{ l is mapping }} {{ l is iterable }} {{ s is iterable }} {{ n is "
       "iterable }} {{ d is iterable }} {{ l is sequence }} {{ s is sequence }} {{ d is sequence "
       "}} {{ n is sequence }} {{ missing is iterable }} {{ missing is sequence }} {{ d.items() is "
       "sequence }} {{ (1,) is sequence }} {{ none is iterable }}",
       "True False True True False True True True True False True True False True False"},
      {"{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ -3 is "
       "odd }}",
       "True True True False True"},
      {"{{ 1 is eq 1 }} {{ 1 is equalto 2 }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 2 is gt(1) }} {{ 2 "
       "is ge 2 }} {{ 2 is le 1 }} {{ 'a' is in ['a'] }} {{ 'a' is in 'b' }} {{ 1 is sameas 1 }} "
       "{{ none is sameas none }} {{ 5 is greaterthan 3 }}",
       "True False True True True True False True False True True True"},
      {"{{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 'x' is escaped }} {{ 'upper' is filter }} {{ "
       "'nope' is filter }} {{ 'odd' is test }} {{ range is callable }} {{ s is callable }}",
       "True True False True False True True False"},
      {"{{ n is defined and n > 3 }} {{ n is not defined or true }} {{ missing is not defined }} "
       "{{ not n is defined }} {{ 'a' if n is defined else 'b' }} {{ n is integer == true }}",
       "True True True False a True"},
      {"{{ 1 is nope }}", kRefused},
      {"{{ 'x' is odd }}", kRefused},
      {"{{ n is number is true }}", kRefused},
      {"{{ 2 is in [1,2] and true }} {{ n is string or 'fallback' }} {{ s is string and s|length > "
       "3 }}",
       "True fallback True"},
  });
}

}  // namespace
}  // namespace strata
