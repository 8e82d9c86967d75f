/*
 * Reads lines `chain elements row threads steps` and answers each with a line of JSON: the milliseconds of every step.
 * Arrays and state stay from line to line while elements, row and chain do; `copy` leaves them alone.
 */
#include "kernels.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { most = 64 };
static Arrays arrays;
static size_t elements;
static int steps_taken;

typedef struct {
  const Chain *chain;
  size_t begin, end;
  int summing;
  double sum;
} Part;

static void *work(void *argument) {
  Part *part = argument;
  if (part->summing) part->sum = part->chain->sum(&arrays, part->begin, part->end);
  else part->chain->pass(&arrays, part->begin, part->end);
  return 0;
}

/* Whole rows for each thread; the caller is one of them. */
static double share(const Chain *chain, int threads, int summing) {
  pthread_t ids[most];
  Part parts[most];
  const size_t rows = elements / arrays.row;
  for (int k = 0; k < threads; k++) {
    const size_t begin = rows * k / threads * arrays.row, end = rows * (k + 1) / threads * arrays.row;
    parts[k] = (Part){chain, begin, end, summing, 0};
    if (k > 0) pthread_create(&ids[k], 0, work, &parts[k]);
  }
  work(&parts[0]);
  for (int k = 1; k < threads; k++) pthread_join(ids[k], 0);
  double sum = 0;
  for (int k = 0; k < threads; k++) sum += parts[k].sum;
  return sum;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}

static double step(const Chain *chain, int threads) {
  const double since = now();
  steps_taken++;
  arrays.c1 = 1 / (1 - pow(0.9, steps_taken));
  arrays.c2 = 1 / (1 - pow(0.999, steps_taken));
  if (chain->sum) arrays.norm = sqrt(share(chain, threads, 1));
  share(chain, threads, 0);
  return now() - since;
}

static float *fresh(float *old, size_t n) {
  free(old);
  float *made = aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64);
  if (made == 0) exit(1);
  memset(made, 0, n * sizeof(float));
  return made;
}

static void prepare(size_t n, size_t row) {
  float **all[] = {&arrays.g, &arrays.p, &arrays.a, &arrays.b, &arrays.u};
  for (int k = 0; k < 5; k++) *all[k] = fresh(*all[k], n);
  for (size_t i = 0; i < n; i++) arrays.g[i] = sinf(i), arrays.p[i] = cosf(i);
  elements = n, arrays.row = row, steps_taken = 0;
}

int main(void) {
  char name[64], last[64] = "";
  size_t n, row;
  int threads, steps;
  while (scanf("%63s %zu %zu %d %d", name, &n, &row, &threads, &steps) == 5) {
    const Chain *chain = chains;
    while (chain->name && strcmp(chain->name, name)) chain++;
    if (chain->name == 0 || threads < 1 || threads > most) return 2;
    const int stateless = strcmp(name, "copy") == 0;
    if (n != elements || row != arrays.row || (!stateless && strcmp(last, name))) prepare(n, row);
    if (!stateless) strcpy(last, name);
    printf("[");
    for (int k = 0; k < steps; k++) printf("%s%.4f", k ? "," : "", step(chain, threads));
    printf("]\n");
    fflush(stdout);
  }
  return 0;
}
