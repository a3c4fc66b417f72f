// Methods of str, list, tuple and dict.
//
// Every expected text was made by Python's Jinja2 3.1.6 in the environment that transformers sets
// up; kRefused marks templates that it refuses with an error.

#include <gtest/gtest.h>

#include "tests/models/text/jinja_cases.h"

namespace strata {
namespace {

TEST(JinjaMethods, StringMethods) {
  ExpectRenderings({
      {R"({{ '  x '.strip() }}|{{ '  x '.lstrip() }}|{{ '  x '.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'abcba'.strip('ab') }}|{{ '\u00a0\u3000x\x1f'.strip() }}|)",
       "x|x |  x|a|c|x|"},
      {"{{ 'a,b,,c'.split(',') }} {{ ' a  b c '.split() }} {{ 'a b c'.split(' ', 1) }} {{ 'a  b c "
       "'.split(None, 1) }} {{ 'abc'.split('x') }} {{ ''.split() }} {{ ''.split(',') }}",
       "['a', 'b', '', 'c'] ['a', 'b', 'c'] ['a', 'b c'] ['a', 'b c '] ['abc'] [] ['']"},
      {"{{ 'a.b.c'.rsplit('.', 1) }} {{ ' a b  c '.rsplit(None, 1) }} {{ 'a.b.c'.rsplit('.') }} {{ "
       "'a b c'.split(sep=' ', maxsplit=1) }}",
       "['a.b', 'c'] [' a b', 'c'] ['a', 'b', 'c'] ['a', 'b c']"},
      {"{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith('bc') }} {{ 'abc'.startswith(('x','a')) }} "
       "{{ 'abc'.startswith('b', 1) }} {{ 'abc'.endswith('b', 0, 2) }} {{ 'abc'.startswith('', 5) "
       "}}",
       "True True True True True False"},
      {R"({{ s.upper() }} {{ s.lower() }} {{ s.title() }} {{ s.capitalize() }} {{ s.swapcase() }} {{ "they're bill's".title() }} {{ u.upper() }} {{ u.lower() }} {{ 'éa'.capitalize() }})",
       "HELLO WORLD hello world Hello World Hello world hELLO wORLD They'Re Bill'S STRASSE ÉTÉ "
       "中文 straße été 中文 Éa"},
      {"{{ 'aXbXc'.replace('X', '-') }} {{ 'aXbXc'.replace('X', '-', 1) }} {{ 'ab'.replace('', "
       "'-') }} {{ 'é'.replace('', '.') }} {{ 'aaa'.replace('a', 'b', 0) }}",
       "a-b-c a-bXc -a-b- .é. aaa"},
      {"{{ s.find('o') }} {{ s.find('zz') }} {{ s.rfind('o') }} {{ s.index('W') }} {{ s.find('o', "
       "5) }} {{ s.count('l') }} {{ s.count('') }} {{ u.find('中') }} {{ s.count('l', 4) }} {{ "
       "s.find('', 20) }}",
       "4 -1 7 6 7 3 12 11 1 -1"},
      {"{{ s.index('zz') }}", kRefused},
      {"{{ '-'.join(['a','b']) }} {{ ','.join(d) }} {{ ''.join('abc') }}", "a-b z,a,items abc"},
      {"{{ ','.join([1]) }}", kRefused},
      {"{{ 'ab'.center(7, '*') }} {{ 'abc'.center(6, '*') }} {{ 'ab'.center(5,'*') }} {{ "
       "'ab'.ljust(4) }}| {{ 'ab'.rjust(4, '.') }} {{ '-5'.zfill(4) }} {{ 'abc'.center(8,'*') }}",
       "***ab** *abc** **ab* ab  | ..ab -005 **abc***"},
      {R"({{ 'abc'.isalpha() }} {{ 'a1'.isalnum() }} {{ '12'.isdigit() }} {{ '12'.isnumeric() }} {{ '1.2'.isdecimal() }} {{ ' \n'.isspace() }} {{ 'abc'.islower() }} {{ 'ABc'.isupper() }} {{ 'Ab Cd'.istitle() }} {{ ''.isalpha() }} {{ 'a_1'.isidentifier() }} {{ ''.isascii() }} {{ 'a\n'.isprintable() }})",
       "True True True True False True True False True False True True False"},
      {"{{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'abc'.partition('x') }} {{ "
       "'abc'.rpartition('x') }}",
       "('a', '=', 'b=c') ('a=b', '=', 'c') ('abc', '', '') ('', '', 'abc')"},
      {R"({{ multi.splitlines() }} {{ 'a\r\nb\x0bc\u2028d'.splitlines() }} {{ 'a\nb\n'.splitlines(true) }})",
       R"(['a', 'b', '', 'c'] ['a', 'b', 'c', 'd'] ['a\n', 'b\n'])"},
      {"{{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.py'.removesuffix('.py') }} {{ "
       "'x'.removeprefix('y') }}",
       "x x x"},
      {"{{ '{} {} {a}'.format(1, 'b', a=[1]) }} {{ '{0}{1}{0}'.format('x','y') }} {{ "
       "'{:>5}|{:<5}|{:^5}|{:*^7}'.format('a','b','c','d') }} {{ '{:05d} {:,} {:.2f} {:x} {:b} "
       "{:+} {:%} {:e}'.format(42, 1234567, 3.14159, 255, 5, 3, 0.25, 12345.6789) }}",
       "1 b [1] xyx     a|b    |  c  |***d*** 00042 1,234,567 3.14 ff 101 +3 25.000000% "
       "1.234568e+04"},
      {"{{ '{a[b]} {c.x} {{}} {!r} {:{w}}'.format('q', 'z', a={'b': 1}, c={'x': 2}, w=4) }}|",
       "1 2 {} 'q' z   |"},
      {"{{ '{} {}'.format(1) }}", kRefused},
      {"{{ '{'.format(1) }}", kRefused},
      {R"({{ 'a\tb'.expandtabs(4) }})", "a   b"},
      {"{{ 'x'.strip.y }}", ""},
      {"{{ 'ab'.casefold() }} {{ ['a'].count('a') }} {{ ['a','b'].index('b') }} {{ "
       "(1,2,1).count(1) }} {{ range(3).count(1) }}",
       "ab 1 1 2 1"},
      {"{{ 'a'.nope() }}", kRefused},
  });
}

}  // namespace
}  // namespace strata
