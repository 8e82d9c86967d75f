#include <stddef.h>

/* One session's arrays: gradient, parameters, two of state, update; all of `n` floats, in rows of `row`. */
typedef struct {
  float *g, *p, *a, *b, *u;
  size_t row;
  /* What changes from step to step: 1/(1 - b1^t), 1/(1 - b2^t), and the norm over the tree. */
  float c1, c2, norm;
} Arrays;

typedef struct {
  const char *name;
  /* Where there is a norm: the sum of squares of a part. */
  double (*sum)(const Arrays *, size_t begin, size_t end);
  void (*pass)(const Arrays *, size_t begin, size_t end);
} Chain;

extern const Chain chains[];
