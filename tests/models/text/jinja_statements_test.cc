// Tags, scopes, white space and global functions.
//
// Every expected text was made by Python's Jinja2 3.1.6 in the environment that transformers sets
// up; kRefused marks templates that it refuses with an error.

#include <gtest/gtest.h>

#include "tests/models/text/jinja_cases.h"

namespace strata {
namespace {

TEST(JinjaStatements, If) {
  ExpectRenderings({
      {"{% if n > 3 %}a{% elif n > 2 %}b{% else %}c{% endif %}{% if n > 30 %}a{% elif n > 2 %}b{% "
       "else %}c{% endif %}{% if false %}a{% elif false %}b{% else %}c{% endif %}",
       "abc"},
      {"{% if missing %}x{% endif %}|{% if '' or [] or {} or 0 or none or 0.0 %}x{% else %}falsy{% "
       "endif %}",
       "|falsy"},
      {"{% if not d %}x{% endif %}{% if 'a' in d and d['a'] == 2 %}y{% endif %}", "y"},
      {"{% if true %}{% set q = 1 %}{% endif %}{{ q }}", "1"},
  });
}

TEST(JinjaStatements, For) {
  ExpectRenderings({
      {"{% for x in l %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}", "3,1,2"},
      {"{% for x in [] %}x{% else %}none{% endfor %}|{% for x in l if x > 5 %}x{% else %}none{% "
       "endfor %}|{% for x in missing %}x{% else %}none{% endfor %}",
       "none|none|none"},
      {"{% for x in 'abc' %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 "
       "}}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ "
       "loop.depth }};{% endfor %}",
       "1032TrueFalse3b1;2121FalseFalse3ac1;3210FalseTrue3b1;"},
      {"{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor "
       "%}{% for (a, b), c in [((1,2),3)] %}{{ a+b+c }}{% endfor %}",
       "z=1;a=2;items=3;zaitems6"},
      {"{% for x in l if x != 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% endfor %}",
       "1:3/2 2:2/2 "},
      {"{% for x in range(6) %}{% if x == 1 %}{% continue %}{% endif %}{% if x == 4 %}{% break "
       "%}{% endif %}{{ x }}{% endfor %}",
       "023"},
      {"{% set x = 0 %}{% for i in l %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}", "3 1 2 0"},
      {"{% set ns = namespace(x=0, y='a') %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor "
       "%}{{ ns.x }}{{ ns.y }}{{ ns.z }}",
       "6a"},
      {"{% for x in l %}{{ loop.cycle('a','b') }}{{ loop.changed(x > 1) }} {% endfor %}",
       "aTrue bTrue aTrue "},
      {"{% for x in [1,2] %}{% for y in 'ab' %}{{ loop.index }}{{ y }}{% endfor %}{{ loop.index "
       "}};{% endfor %}",
       "1a2b1;1a2b2;"},
      {"{% for x in [{'n':1,'c':[{'n':2,'c':[{'n':3}]}]},{'n':4}] recursive %}{{ loop.depth }}:{{ "
       "x.n }}{% if x.c %}({{ loop(x.c) }}){% endif %}{% endfor %}",
       "1:1(2:2(3:3))1:4"},
      {"{% for x in 5 %}{% endfor %}", kRefused},
      {"{% for x in none %}{% endfor %}", kRefused},
      {"{% for a, b in [(1,2,3)] %}{% endfor %}", kRefused},
      {"{% for a, b in [(1,)] %}{% endfor %}", kRefused},
      {"{% for x in l %}{{ loop.nope }}|{% endfor %}", "|||"},
      {"{% for x in l %}{% endfor %}{{ x }}|{{ loop }}|", "||"},
      {"{% for m in messages %}{{ m.role }}{% if loop.nextitem is defined %}->{{ "
       "loop.nextitem.role }}{% endif %} {% endfor %}",
       "system->user user->assistant assistant "},
      {"{% for x in l %}{% if loop.first %}{{ loop is defined }}{% endif %}{% endfor %}{% for i in "
       "range(2) %}{{ loop['index'] }}{% endfor %}",
       "True12"},
      {"{% for x in (1,2),(3,4) %}{{ x }}{% endfor %}", "(1, 2)(3, 4)"},
      {"{% for x in l|sort %}{{ x }}{% endfor %}{% for x in l if x > 1 %}{% for y in l if y > x "
       "%}{{ x }}<{{ y }} {% endfor %}{% endfor %}",
       "1232<3 "},
  });
}

TEST(JinjaStatements, Set) {
  ExpectRenderings({
      {"{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = 1, %}{{ c }}{% set (x, y) = (3, 4) %}{{ x "
       "}}{{ y }}",
       "12(1,)34"},
      {"{% set t2 %}a{{ n }}b{% endset %}{{ t2 }}{% set t3 | upper | replace('A', 'x') %}abc{{ n "
       "}}{% endset %}{{ t3 }}",
       "a5bxBC5"},
      {"{% set a = 1 %}{% if true %}{% set a = 2 %}{% endif %}{{ a }}", "2"},
      {"{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{% set ns.a = [1] %}{{ ns.a "
       "}}{{ ns['b'] }}",
       "12[1]2"},
      {"{% set d.a = 5 %}", kRefused},
      {"{% set ns = namespace(found=false) %}{% for m in messages %}{% if m.role == 'user' %}{% "
       "set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}",
       "True"},
      {"{% with a = 1, b = n %}{{ a }}{{ b }}{% set c = 3 %}{{ c }}{% endwith %}{{ a }}{{ c }}|{% "
       "with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}",
       "153|1"},
      {"{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}", "211"},
      {"{% set x = d %}{% set y = dict(x, q=1) %}{{ y }}{{ dict(a=1) }}{{ dict([('a',1)]) }}",
       "{'z': 1, 'a': 2, 'items': 3, 'q': 1}{'a': 1}{'a': 1}"},
      {"{% set a = a|default('z') %}{{ a }}", "z"},
      {"{% set ns = namespace() %}{% set ns.l = [] %}{% for i in l %}{% set ns.l = ns.l + [i] %}{% "
       "endfor %}{{ ns.l }}",
       "[3, 1, 2]"},
      {"{% set ns = namespace(n=1) %}{% macro m() %}{% set ns.n = ns.n + 1 %}{% endmacro %}{{ m() "
       "}}{{ m() }}{{ ns.n }}",
       "3"},
  });
}

TEST(JinjaStatements, Macro) {
  ExpectRenderings({
      {"{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ "
       "m(1, c='y') }}{{ m(b=5, a=4) }}{{ m() }}",
       "12x;13x;12y;45x;2x;"},
      {"{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}{{ m() }}",
       "(1, 2){'x': 3}(){}"},
      {"{% macro m() %}{% endmacro %}{{ m(1) }}", kRefused},
      {"{% macro m() %}{% endmacro %}{{ m(x=1) }}", kRefused},
      {"{% macro m(x) %}[{{ caller() }}{{ x }}]{% endmacro %}{% call m(1) %}body{{ n }}{% endcall "
       "%}",
       "[body51]"},
      {"{% macro m(items) %}{% for i in items %}{{ caller(i) }},{% endfor %}{% endmacro %}{% "
       "call(i) m([1,2]) %}<{{ i }}>{% endcall %}",
       "<1>,<2>,"},
      {"{% macro m() %}{{ caller is defined }}{{ caller }}{% endmacro %}{{ m() }}|", "False|"},
      {"{% macro fact(n) %}{% if n <= 1 %}1{% else %}{{ n * fact(n - 1)|int }}{% endif %}{% "
       "endmacro %}{{ fact(5) }}",
       "120"},
      {"{% macro m() %}{{ later }}{% endmacro %}{% set later = 5 %}{{ m() }}", "5"},
      {"{% set v = 1 %}{% macro m() %}{{ v }}{% set v = 2 %}{{ v }}{% endmacro %}{{ m() }}{{ v }}",
       "121"},
      {"{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "11"},
      {"{% macro m(a) %}{{ a is defined }}{% endmacro %}{{ m() }}{{ m.name }}", "Falsem"},
      {"{% macro a() %}A{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a()|lower }}{{ a() "
       "~ 'x' }}{{ a()|length }}",
       "abABx2"},
      {"{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "312"},
      {"{% macro m(x) %}{{ x }}{% endmacro %}{{ m(*[1]) }}{{ m(**{'x': 2}) }}", "12"},
      {"{% macro m() -%}  a  {%- endmacro %}[{{ m() }}]", "[a]"},
      {"{{ m() }}{% macro m() %}x{% endmacro %}", kRefused},
      {"{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(1, 2, 3) }}", kRefused},
      {"{% macro m(x=[]) %}{{ x }}{% endmacro %}{{ m() }}{{ m(none) }}", "[]None"},
  });
}

TEST(JinjaStatements, Blocks) {
  ExpectRenderings({
      {"{% filter upper %}abc{{ s }}{% endfilter %}{% filter replace('a','b')|upper %}aa{% "
       "endfilter %}",
       "ABCHELLO WORLDBB"},
      {"a{# comment #}b{#- x -#} c {#- y #} d", "abc d"},
      {"{% raw %}{{ x }}{% if %}{% endraw %}|{%- raw -%}  y  {%- endraw -%}  z",
       "{{ x }}{% if %}|yz"},
      {"{% generation %}a{% set q = 1 %}{{ n }}{% endgeneration %}{{ q }}|", "a5|"},
      {"{% print 1, 'a' %}", "1a"},
      {"{% for i in [1,2] %}{% filter upper %}a{% if i == 1 %}{% continue %}{% endif %}b{% "
       "endfilter %}{% endfor %}",
       "AB"},
      {"{% for i in [1,2] %}{% set q %}a{% break %}{% endset %}{% endfor %}{{ q }}|", "|"},
      {"{% for m in messages %}{% generation %}{{ m.role }}{% endgeneration %}{% endfor %}",
       "systemuserassistant"},
  });
}

TEST(JinjaStatements, WhiteSpace) {
  ExpectRenderings({
      {"a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc"},
      {"a\n  {%- if true %}\n  b\n  {%- endif %}\nc\n\n", "a  bc\n"},
      {"  {{ 1 }}\n  {{- 2 -}}\n  {{ 3 }}  \n", "  123  "},
      {"{% if true -%}\n\n   x   \n{%- endif %}\n y", "x y"},
      {"  {%+ if true %}x{% endif +%}\n y", "  x\n y"},
      {"a {# c #}\n  {# d #}\nb", "a b"},
      {"\n\n{% set x = 1 %}\n\n{{ x }}\n\n", "\n\n\n1\n"},
      {"x  {% if true %} y  {% endif %}  z", "x   y    z"},
      {"\t{% if true %}\r\n\ta\r\n\t{% endif %}\r\nb\rc", "\ta\nb\nc"},
      {"{%- for m in messages -%}\n  {{ m.role }}\n{%- endfor -%}\n\n", "systemuserassistant"},
      {"{{ 1 }}{% if true %}\n{% endif %}\n{{ 2 }}\n", "12"},
      {"{%set x=1%}{{x}}{%if x%}y{%endif%}", "1y"},
      {"{{'{{'}}{{ '}}' }}{{ '%}' }}", "{{}}%}"},
      {"{% if true %}a{% endif %}   {% if true %}b{% endif %}\n   {% if true %}\nc{% endif %}",
       "a   bc"},
      {"{#- a -#}  x  {#+ b +#}\n y", "x  \n y"},
      {"  {% raw %}\n  x\n  {% endraw %}\n  y", "\n  x\n  y"},
      {"a\n{{- '' }}\n b {{ '' -}}\n c", "a\n b c"},
      {"{% for x in l %}\n  - {{ x }}\n{% endfor %}\nend", "  - 3\n  - 1\n  - 2\nend"},
      {"{ { x } } {% raw %}{%{% endraw %} { {% raw %}{{ {% endraw %}", "{ { x } } {% { {{ "},
      {"a{{ 1 }}\n\n{# x #}\n\nb\n\n\n", "a1\n\n\nb\n\n"},
      {"{{ {'a': {'b': 1}}['a']['b'] }} {{ {'a':{}} }}", "1 {'a': {}}"},
      {"{{ 1\n + 2\n}}{{\n'a'\n~\n'b'\n}}", "3ab"},
  });
}

TEST(JinjaStatements, Functions) {
  ExpectRenderings({
      {"{{ raise_exception('No ' ~ n) }}", kRefused},
      {"{{ strftime_now('%Y-%m-%d %H:%M:%S') }} {{ strftime_now('%d %b %Y') }} {{ "
       "strftime_now('%A, %B %-d, %j %I %p %y %a %%') }} {{ "
       "strftime_now('%e|%F|%T|%D|%c|%x|%X|%u|%w') }}",
       "2025-07-10 12:00:00 10 Jul 2025 Thursday, July 10, 191 12 PM 25 Thu % "
       "10|2025-07-10|12:00:00|07/10/25|Thu Jul 10 12:00:00 2025|07/10/25|12:00:00|4|4"},
      {"{{ range(100001)|length }}", kRefused},
      {"{{ range(1, 2, 0) }}", kRefused},
      {"{{ range('a') }}", kRefused},
      {"{{ dict(1) }}", kRefused},
      {"{{ namespace is callable }}{{ raise_exception is defined }}{{ strftime_now is defined }}",
       "TrueTrueTrue"},
      {"{% if strftime_now is defined %}{% set date = strftime_now('%d %b %Y') %}{% else %}{% set "
       "date = '26 Jul 2024' %}{% endif %}{{ date }}",
       "10 Jul 2025"},
      {"{% if n %}{{ raise_exception('bad') }}{% endif %}", kRefused},
  });
}

}  // namespace
}  // namespace strata
