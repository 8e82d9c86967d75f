/*
 * Optimizer steps as one would write them by hand, to measure the engine against: one plain loop a chain, the
 * arithmetic of the engine's plans, state in place, the update apart.
 */
#include "kernels.h"
#include <float.h>
#include <math.h>
#include <string.h>

#define OF(x) \
  const float *restrict g = x->g, *restrict p = x->p; \
  float *restrict a = x->a, *restrict b = x->b, *restrict u = x->u; \
  const float c1 = x->c1, c2 = x->c2; \
  (void)p, (void)b, (void)a, (void)c1, (void)c2
#define EACH for (size_t i = begin; i < end; i++)

static const float lr = 1e-3f, b1 = 0.9f, b2 = 0.999f, eps = 1e-8f, eps_root = 0, decay = 1e-4f;

/* The engine keeps nothing below the least normal number. */
static inline float kept(float x) { return fabsf(x) < FLT_MIN ? 0 : x; }
static inline float clipped(float x) {
  const float y = x < -1 ? -1 : x;
  return y > 1 ? 1 : y;
}

#define ADAM(g, extra) do { \
  const float x_ = (g), m = x_ * (1 - b1) + a[i] * b1, v = x_ * x_ * (1 - b2) + b[i] * b2; \
  a[i] = kept(m), b[i] = kept(v); \
  u[i] = (m * c1 / (sqrtf(v * c2 + eps_root) + eps) extra) * -lr; \
} while (0)

static void copy(const Arrays *x, size_t begin, size_t end) {
  memcpy(x->u + begin, x->g + begin, (end - begin) * sizeof(float));
}

static void momentum(const Arrays *x, size_t begin, size_t end) {
  OF(x);
  EACH {
    const float t = g[i] + a[i] * b1;
    a[i] = kept(t), u[i] = t * -lr;
  }
}

static void adam(const Arrays *x, size_t begin, size_t end) {
  OF(x);
  EACH ADAM(g[i], );
}

static void adamw(const Arrays *x, size_t begin, size_t end) {
  OF(x);
  EACH ADAM(g[i], +p[i] * decay);
}

static void lion(const Arrays *x, size_t begin, size_t end) {
  OF(x);
  EACH {
    const float c = g[i] * (1 - b1) + a[i] * b1;
    a[i] = kept(g[i] * (1 - 0.99f) + a[i] * 0.99f);
    u[i] = (c == 0 ? c : copysignf(1, c)) * -lr;
  }
}

static void rmsprop(const Arrays *x, size_t begin, size_t end) {
  OF(x);
  EACH {
    const float v = g[i] * g[i] * (1 - b1) + a[i] * b1;
    a[i] = kept(v), u[i] = g[i] * (1 / sqrtf(v + eps)) * -lr;
  }
}

/* Four partial sums in float64, as the engine has them. */
#define SUM(from, to, value) \
  double s0 = 0, s1 = 0, s2 = 0, s3 = 0; \
  size_t k = from; \
  for (; k + 4 <= to; k += 4) s0 += value(k), s1 += value(k + 1), s2 += value(k + 2), s3 += value(k + 3); \
  for (; k < to; k++) s0 += value(k); \
  const double sum = s0 + s1 + s2 + s3

static double squares(const Arrays *x, size_t begin, size_t end) {
  OF(x);
#define SQUARE(k) (g[k] * g[k])
  SUM(begin, end, SQUARE);
  return (void)u, sum;
}

static void clip_by_global_norm_adam(const Arrays *x, size_t begin, size_t end) {
  OF(x);
  const float over = x->norm < 1 ? 1 : 1 / x->norm;
  EACH ADAM(g[i] * over, );
}

static void clip_centralize_adam(const Arrays *x, size_t begin, size_t end) {
  OF(x);
  for (size_t from = begin; from < end; from += x->row) {
    const size_t to = from + x->row;
#define CLIPPED(k) clipped(g[k])
    SUM(from, to, CLIPPED);
    const float mean = (float)sum * (1 / (float)x->row);
    for (size_t i = from; i < to; i++) ADAM(clipped(g[i]) - mean, );
  }
}

static void tanh_(const Arrays *x, size_t begin, size_t end) {
  OF(x);
  EACH u[i] = tanhf(g[i]);
}

typedef float v4 __attribute__((vector_size(16)));

/* u = g · p, square, four rows by eight columns in registers; p lies in panels of eight columns, as the engine's does. */
static void product(const Arrays *x, size_t begin, size_t end) {
  const size_t n = x->row;
  for (size_t column = 0; column < n; column += 8)
    for (size_t row = begin / n; row < end / n; row += 4) {
      v4 sums[4][2] = {0};
      const float *panel = x->p + column * n, *a = x->g + row * n;
      for (size_t k = 0; k < n; k++, panel += 8) {
        const v4 low = *(const v4 *)panel, high = *(const v4 *)(panel + 4);
        for (int i = 0; i < 4; i++) {
          const float s = a[i * n + k];
          const v4 all = {s, s, s, s};
          sums[i][0] += all * low, sums[i][1] += all * high;
        }
      }
      for (int i = 0; i < 4; i++)
        for (int half = 0; half < 2; half++)
          *(v4 *)(x->u + (row + i) * n + column + 4 * half) = sums[i][half];
    }
}

const Chain chains[] = {
  {"copy", 0, copy},
  {"momentum", 0, momentum},
  {"adam", 0, adam},
  {"adamw", 0, adamw},
  {"lion", 0, lion},
  {"rmsprop", 0, rmsprop},
  {"clip_by_global_norm_adam", squares, clip_by_global_norm_adam},
  {"clip_centralize_adam", 0, clip_centralize_adam},
  {"tanh", 0, tanh_},
  {"product", 0, product},
  {0, 0, 0},
};
