// Bodies that treat every element alike, and the norms, which reduce a row first.
//
// Tails run the same vector code on lanes padded with zeros, so the value of an element does not
// depend on where it stands. Sums use two vectors of accumulators that depend on the column only.
#pragma once

#include "kernels/cpu/bodies.h"
#include "kernels/cpu/body/math.h"
#include "kernels/cpu/body/simd.h"

namespace strata::cpu {
namespace {

// out[i] = operation(inputs[i]...), any number of rows of one length.
template <typename Operation, typename... Inputs>
inline void ForEach(float* out, int64_t n, Operation operation, const Inputs*... inputs) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(out + i, operation(Load(inputs + i)...));
  if (i < n) StorePart(out + i, operation(LoadPart(inputs + i, n - i)...), n - i);
}

void Scale(const float* x, float scale, float* out, int64_t n) {
  ForEach(
      out, n, [scale](Vec v) { return v * scale; }, x);
}

void WeightedSum(const float* a, float a_weight, const float* b, float b_weight, float* out,
                 int64_t n) {
  const Vec weight = Broadcast(a_weight);
  ForEach(
      out, n, [=](Vec va, Vec vb) { return Fma(va, weight, vb * b_weight); }, a, b);
}

void Add(const float* a, const float* b, float* out, int64_t n) {
  ForEach(
      out, n, [](Vec va, Vec vb) { return va + vb; }, a, b);
}

template <Function kFunction>
void ActivateAs(const float* x, float* out, int64_t n) {
  ForEach(
      out, n, [](Vec v) { return Apply<kFunction>(v); }, x);
}

void Activate(Function function, const float* x, float* out, int64_t n) {
  switch (function) {
    case Function::kRelu:
      return ActivateAs<Function::kRelu>(x, out, n);
    case Function::kSilu:
      return ActivateAs<Function::kSilu>(x, out, n);
    case Function::kGelu:
      return ActivateAs<Function::kGelu>(x, out, n);
    case Function::kGeluTanh:
      return ActivateAs<Function::kGeluTanh>(x, out, n);
  }
}

template <Function kFunction>
void GatedActivateAs(const float* gate, const float* up, float* out, int64_t n) {
  ForEach(
      out, n, [](Vec g, Vec u) { return Apply<kFunction>(g) * u; }, gate, up);
}

void GatedActivate(Function function, const float* gate, const float* up, float* out, int64_t n) {
  switch (function) {
    case Function::kRelu:
      return GatedActivateAs<Function::kRelu>(gate, up, out, n);
    case Function::kSilu:
      return GatedActivateAs<Function::kSilu>(gate, up, out, n);
    case Function::kGelu:
      return GatedActivateAs<Function::kGelu>(gate, up, out, n);
    case Function::kGeluTanh:
      return GatedActivateAs<Function::kGeluTanh>(gate, up, out, n);
  }
}

// Calls `body` with a typed null pointer of the element's storage form.
template <typename Body>
inline void WithElement(Element element, Body body) {
  switch (element) {
    case Element::kF32:
      return body(static_cast<const float*>(nullptr));
    case Element::kF16:
      return body(static_cast<const Half*>(nullptr));
    case Element::kBF16:
      return body(static_cast<const Brain*>(nullptr));
  }
}

void WidenRow(const void* x, Element element, float* out, int64_t n) {
  WithElement(element, [=]<typename T>(const T*) {
    ForEach(
        out, n, [](Vec v) { return v; }, static_cast<const T*>(x));
  });
}

void WidenAddRow(const void* x, Element element, float* out, int64_t n) {
  WithElement(element, [=]<typename T>(const T*) {
    ForEach(
        out, n, [](Vec v, Vec o) { return o + v; }, static_cast<const T*>(x), out);
  });
}

template <typename T>
void NarrowRowTo(const float* x, T* out, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) StoreNarrow(out + i, Load(x + i));
  if (i < n) StoreNarrowPart(out + i, LoadPart(x + i, n - i), n - i);
}

void NarrowRow(const float* x, void* out, Element element, int64_t n) {
  switch (element) {
    case Element::kF32:
      return ForEach(
          static_cast<float*>(out), n, [](Vec v) { return v; }, x);
    case Element::kF16:
      return NarrowRowTo(x, static_cast<Half*>(out), n);
    case Element::kBF16:
      return NarrowRowTo(x, static_cast<Brain*>(out), n);
  }
}

void Rope(float* x, const float* cosines, const float* sines, int64_t half) {
  float* upper = x + half;
  int64_t j = 0;
  for (; j + kLanes <= half; j += kLanes) {
    const Vec a = Load(x + j), b = Load(upper + j);
    const Vec cosine = Load(cosines + j), sine = Load(sines + j);
    Store(x + j, Fma(a, cosine, -(b * sine)));
    Store(upper + j, Fma(b, cosine, a * sine));
  }
  if (const int64_t rest = half - j; rest > 0) {
    const Vec a = LoadPart(x + j, rest), b = LoadPart(upper + j, rest);
    const Vec cosine = LoadPart(cosines + j, rest), sine = LoadPart(sines + j, rest);
    StorePart(x + j, Fma(a, cosine, -(b * sine)), rest);
    StorePart(upper + j, Fma(b, cosine, a * sine), rest);
  }
}

// The sum of a row: term(v, sum) adds a vector of elements to a vector of sums.
template <typename Term>
inline float SumOf(const float* x, int64_t n, Term term) {
  Vec first = {}, second = {};
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    first = term(Load(x + i), first);
    second = term(Load(x + i + kLanes), second);
  }
  if (i + kLanes <= n) {
    first = term(Load(x + i), first);
    i += kLanes;
  }
  float sum = Sum(first + second);
  for (; i < n; ++i) {
    const Vec last = term(Broadcast(x[i]), Vec{});
    sum += last[0];
  }
  return sum;
}

void RmsNorm(const float* x, const void* weight, Element weight_element, float epsilon, float* out,
             int64_t n) {
  const float squares = SumOf(x, n, [](Vec v, Vec sum) { return Fma(v, v, sum); });
  const float scale = 1.0f / __builtin_sqrtf(squares / static_cast<float>(n) + epsilon);
  WithElement(weight_element, [=]<typename T>(const T*) {
    ForEach(
        out, n, [=](Vec v, Vec w) { return v * scale * w; }, x, static_cast<const T*>(weight));
  });
}

void LayerNorm(const float* x, const void* weight, Element weight_element, const void* bias,
               Element bias_element, float epsilon, float* out, int64_t n) {
  const float count = static_cast<float>(n);
  const float mean = SumOf(x, n, [](Vec v, Vec sum) { return v + sum; }) / count;
  const float squares = SumOf(x, n, [=](Vec v, Vec sum) { return Fma(v - mean, v - mean, sum); });
  const float scale = 1.0f / __builtin_sqrtf(squares / count + epsilon);
  WithElement(weight_element, [=]<typename W>(const W*) {
    WithElement(bias_element, [=]<typename B>(const B*) {
      ForEach(
          out, n, [=](Vec v, Vec w, Vec b) { return Fma((v - mean) * scale, w, b); }, x,
          static_cast<const W*>(weight), static_cast<const B*>(bias));
    });
  });
}

}  // namespace
}  // namespace strata::cpu
