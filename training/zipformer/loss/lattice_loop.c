/* The sums of lattice.py, clip by clip and over each clip's own nodes alone. Everything is summed in double. */

#include <math.h>

#define IMPOSSIBLE -1e30

static double either(double a, double b) {
    double more = a > b ? a : b, less = a > b ? b : a;
    return more - less > 40.0 ? more : more + log1p(exp(less - more)); /* behind 40 nothing is left of a double */
}

/* One clip: blank and emit (frames, width) → total, and how likely an alignment takes each arc. `room` holds
   2 (frames + 1) (tokens + 1) doubles. Arcs that are not taken are left as they are: zero. */
static double clip(long frames, long tokens, long width, const float *blank, const float *emit,
                   float *blank_use, float *emit_use, double *room) {
    long nodes = tokens + 1;
    double *alpha = room, *beta = room + (frames + 1) * nodes;
    for (long i = 0; i < 2 * (frames + 1) * nodes; i++) room[i] = IMPOSSIBLE;
    alpha[0] = 0.0;
    for (long t = 0; t + 1 < frames; t++) {
        const double *here = alpha + t * nodes;
        double *next = alpha + (t + 1) * nodes;
        for (long u = 0; u < nodes; u++) {
            double said = u ? here[u - 1] + emit[t * width + u - 1] : IMPOSSIBLE;
            next[u] = either(here[u] + blank[t * width + u], said);
        }
    }
    beta[frames * nodes + tokens] = 0.0;
    for (long t = frames - 1; t >= 0; t--) {
        const double *next = beta + (t + 1) * nodes;
        for (long u = 0; u < nodes; u++) {
            double said = u < tokens ? next[u + 1] + emit[t * width + u] : IMPOSSIBLE;
            beta[t * nodes + u] = either(next[u] + blank[t * width + u], said);
        }
    }
    double total = beta[0];
    for (long t = 0; t < frames; t++)
        for (long u = 0; u < nodes; u++) {
            double entered = alpha[t * nodes + u] - total;
            const double *next = beta + (t + 1) * nodes + u;
            blank_use[t * width + u] = (float)exp(entered + blank[t * width + u] + next[0]);
            if (u < tokens) emit_use[t * width + u] = (float)exp(entered + emit[t * width + u] + next[1]);
        }
    return total;
}

void lattice_sums(long clips, long longest, long width, const float *blank, const float *emit, const long *frames,
                  const long *tokens, double *total, float *blank_use, float *emit_use, double *room) {
    for (long n = 0; n < clips; n++) {
        long place = n * longest * width;
        total[n] = clip(frames[n], tokens[n], width, blank + place, emit + place, blank_use + place,
                        emit_use + place, room);
    }
}
