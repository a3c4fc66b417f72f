// Literals, operators and access: values as Python prints them.
//
// Every expected text was made by Python's Jinja2 3.1.6 in the environment that transformers sets
// up; kRefused marks templates that it refuses with an error.

#include <gtest/gtest.h>

#include "tests/models/text/jinja_cases.h"

namespace strata {
namespace {

TEST(JinjaValues, Literals) {
  ExpectRenderings({
      {"{{ 1 }} {{ 1.0 }} {{ 1e3 }} {{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }}",
       "1 1.0 1000.0 1000 31 5 15"},
      {"{{ 1.5e-7 }} {{ 1e16 }} {{ 123456789012345678.0 }} {{ 0.1 + 0.2 }} {{ 1e22 }} {{ 5e-324 }} "
       "{{ 1e15 }} {{ 0.0001 }} {{ 0.00001 }}",
       "1.5e-07 1e+16 1.2345678901234568e+17 0.30000000000000004 1e+22 5e-324 1000000000000000.0 "
       "0.0001 1e-05"},
      {"{{ true }} {{ True }} {{ false }} {{ none }} {{ None }}", "True True False None None"},
      {R"({{ 'a\'b' }} {{ "a\"b" }} {{ 'x\ty\nz' }} {{ '\x41\u00e9\U0001F600\101' }} {{ '\q\\' }})",
       "a'b a\"b x\ty\nz Aé😀A \\q\\"},
      {R"({{ 'a' 'b' "c" }})", "abc"},
      {"{{ [1, 'a', none, true, 2.0] }} {{ (1,) }} {{ (1,2) }} {{ () }} {{ 1, 2 }}",
       "[1, 'a', None, True, 2.0] (1,) (1, 2) () (1, 2)"},
      {"{{ {'a': 1, 2: 'b', none: [], (1,2): {}} }}", "{'a': 1, 2: 'b', None: [], (1, 2): {}}"},
      {"{{ [1,2,] }} {{ {'a':1,} }}", "[1, 2] {'a': 1}"},
      {R"({{ ['it\'s', 'say "x"', 'both\'"', 'tab\t', 'nl\n', 'b\\', '\x01', '\u200b', 'é'] }})",
       R"(["it's", 'say "x"', 'both\'"', 'tab\t', 'nl\n', 'b\\', '\x01', '\u200b', 'é'])"},
      {"{{ d }} {{ people }}",
       "{'z': 1, 'a': 2, 'items': 3} [{'n': 'bob', 'age': 3, 'a': {'b': 2}}, {'n': 'Al', 'age': 1, "
       "'a': {'b': 5}}, {'n': 'cy', 'a': {'b': 1}}]"},
      {"{{ 1.2.3 }}", ""},
      {"{{ l.0 }} {{ l.1 }} {{ nested.k.1.x }}", "3 1 2"},
  });
}

TEST(JinjaValues, Arithmetic) {
  ExpectRenderings({
      {"{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 // -2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }}",
       "3 -4 -4 1 2 -2"},
      {"{{ 7 / 2 }} {{ 6 / 2 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }}",
       "3.5 3.0 3.0 0.5 -0.5"},
      {"{{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 0.5 }} {{ -2 ** 2 }} {{ 2 ** 3 ** 2 }}",
       "1024 0.5 1.4142135623730951 4 64"},
      {"{{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ [1] * 2 }} {{ 'a' * -1 }}|", "ababab ababab [1, 1] |"},
      {"{{ [1] + [2] }} {{ (1,) + (2,) }} {{ 'a' + 'b' }}", "[1, 2] (1, 2) ab"},
      {"{{ 1 + true }} {{ 2 - false }} {{ true + true }}", "2 2 2"},
      {"{{ -n }} {{ +n }} {{ - -n }} {{ -f }} {{ -1|abs }} {{ (-1)|abs }}", "-5 5 5 -2.5 1 1"},
      {"{{ 1 + 2 * 3 - 4 / 2 }} {{ (1 + 2) * 3 }}", "5.0 9"},
      {"{{ 'a' ~ 1 ~ none ~ true ~ 2.0 ~ [1] }}", "a1NoneTrue2.0[1]"},
      {"{{ 1 ~ 2 + 3 }}", kRefused},
      {"{{ 1 + 2 ~ 3 }}", kRefused},
      {"{{ 1 / 0 }}", kRefused},
      {"{{ 1 // 0 }}", kRefused},
      {"{{ 5 % 0 }}", kRefused},
      {"{{ 'a' + 1 }}", kRefused},
      {"{{ 1 + 'a' }}", kRefused},
      {"{{ [] + () }}", kRefused},
      {"{{ none + 1 }}", kRefused},
      {"{{ '%s-%05d-%.2f-%x|%5s|%-5s|%%' % ('a', 42, 3.14159, 255, 'r', 'l') }}",
       "a-00042-3.14-ff|    r|l    |%"},
      {"{{ '%s' % 5 }} {{ '%(a)s %(b)r' % {'a': 1, 'b': 'x'} }} {{ '%s' % [1] }} {{ '%+d % d %e %g "
       "%G %c' % (5, 5, 12345.678, 0.00001, 1e20, 'z') }}",
       "5 1 'x' [1] +5  5 1.234568e+04 1e-05 1E+20 z"},
      {"{{ '%d %s' % 5 }}", kRefused},
      {"{{ '%d' % 'a' }}", kRefused},
      {"{{ '%s' % (1,2) }}", kRefused},
      {"{{ '%*d|%-*d|%.*f' % (5, 42, 5, 42, 2, 3.14159) }}", "   42|42   |3.14"},
      {"{{ '%05.1f|%+.3d|%#x|%#o' % (3.14159, 7, 255, 8) }}", "003.1|+007|0xff|0o10"},
  });
}

TEST(JinjaValues, Comparison) {
  ExpectRenderings({
      {"{{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' == 'a' }} {{ 'a' != 'b' }} {{ none == none }} {{ "
       "[1,2] == [1,2] }} {{ [1] == (1,) }} {{ {'a':1,'b':2} == {'b':2,'a':1} }}",
       "True True True True True True False True"},
      {"{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 3 > 2 >= 2 }} {{ 1 <= 1.0 }}", "True False True True"},
      {"{{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ [1,2] < [1,3] }} {{ [1] < [1,0] }} {{ (1,2) < (2,) }}",
       "True True True True True"},
      {"{{ 1 < 'a' }}", kRefused},
      {"{{ none < 1 }}", kRefused},
      {"{{ 1 in [1,2] }} {{ 'a' in 'cat' }} {{ 'a' in d }} {{ 5 in d }} {{ 1 not in [1] }} {{ 1.0 "
       "in [1] }} {{ '' in 'a' }} {{ true in [1] }}",
       "True True True False False True True True"},
      {"{{ 1 in 'abc' }}", kRefused},
      {"{{ 1 in 5 }}", kRefused},
      {"{{ 'x' in missing }}", "False"},
      {"{{ missing == missing2 }} {{ missing == none }} {{ missing != '' }}", "True False True"},
      {"{{ not true }} {{ not 1 == 2 }} {{ not not '' }}", "False True False"},
      {"{{ 1 and 2 }} {{ 0 and 2 }} {{ 0 or 'x' }} {{ '' or none }} {{ [] or {} or 'e' }}",
       "2 0 x None e"},
      {"{{ true or false and false }} {{ (true or false) and false }}", "True False"},
      {"{{ 'a' if n > 3 else 'b' }} {{ 'a' if n > 30 else 'b' }} {{ 'a' if false }}|{{ 1 if false "
       "else 2 if false else 3 }}",
       "a b |3"},
      {"{{ ('x' if false).y }}", kRefused},
      {"{{ 2 > 1 == true }}", "True"},
      {"{{ {1: 'a'}[true] }} {{ {1: 'a'}[1.0] }}", "a a"},
  });
}

TEST(JinjaValues, Access) {
  ExpectRenderings({
      {"{{ d.a }} {{ d['a'] }} {{ d['items'] }} {{ d.missing }}| {{ d.missing is defined }} {{ "
       "d.items is callable }} {{ d.get('a') }} {{ d.get('q') }} {{ d.get('q', 7) }}",
       "2 2 3 | False True 2 None 7"},
      {"{{ d.items() }} {{ d.keys() }} {{ d.values() }} {{ d.items()|list }} {{ d.keys()|list }}",
       "dict_items([('z', 1), ('a', 2), ('items', 3)]) dict_keys(['z', 'a', 'items']) "
       "dict_values([1, 2, 3]) [('z', 1), ('a', 2), ('items', 3)] ['z', 'a', 'items']"},
      {"{{ l[0] }} {{ l[-1] }} {{ l[9] }}| {{ l['x'] }}|", "3 2 | |"},
      {"{{ s[0] }} {{ s[-1] }} {{ s[1:4] }} {{ s[:-2] }} {{ s[::-1] }} {{ s[::2] }} {{ s[5:1] }}| "
       "{{ s[-3:] }} {{ s[10:0:-3] }} {{ s[100:] }}|",
       "H d ell Hello Wor dlroW olleH HloWrd | rld dooe |"},
      {"{{ u[6:] }} {{ u[7] }} {{ u|length }} {{ u[::-1] }} {{ messages[1].content[-1:] }}",
       " Été 中文 É 13 文中 étÉ eßartS 😀"},
      {"{{ l[1:] }} {{ l[::-1] }} {{ (1,2,3)[:2] }} {{ range(5)[1:3] }} {{ range(5)[2] }} {{ "
       "l[none:none] }} {{ l[-2:] }}",
       "[1, 2] [2, 1, 3] (1, 2) range(1, 3) 2 [3, 1, 2] [1, 2]"},
      {"{{ missing }}|{{ missing.x }}", kRefused},
      {"{{ d.missing.x }}", kRefused},
      {"{{ none.x }}|", "|"},
      {"{{ z.x.y }}", kRefused},
      {"{{ missing[0] }}", kRefused},
      {"{{ missing() }}", kRefused},
      {"{{ d.a() }}", kRefused},
      {"{{ 'x'() }}", kRefused},
      {"{{ n.bit }}|{{ n.bit is defined }}", "|False"},
      {"{{ nested.k[1].x }} {{ nested['k'][0]['x'] }}", "2 1"},
      {"{{ l.append(4) }}", kRefused},
      {"{{ d.update({}) }}", kRefused},
      {"{{ l.append is defined }}", "False"},
      {"{{ d.__class__ }}|{{ ''.__class__.__mro__ }}", kRefused},
      {"{{ messages[0]['role'] }} {{ messages[-1]['content'] }} {{ messages[1:][0].role }}",
       "system yo user"},
      {"{{ l[::0] }}", kRefused},
      {"{{ d[l] }}|", "|"},
      {"{{ 'abc'.0 }}{{ 'abc'.2 }}", "ac"},
  });
}

}  // namespace
}  // namespace strata
