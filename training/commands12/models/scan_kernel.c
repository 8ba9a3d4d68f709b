/* The selective state space, frame by frame, for training on a CPU: what scan.py's `scan_stretch` computes, and its
   gradient. Sixteen rows of the batch lie beside each other, so that every inner loop is one vector instruction.

   Arrays: x, y (frames, heads, width, 16); dt, fade (frames, heads, 16); b, c (frames, states, 16);
   state, kept (frames + 1, heads, states, width, 16): `kept` starts with the state before the first frame. */

#define LANES 16
#define EACH for (int lane = 0; lane < LANES; lane++)

typedef struct {
    int frames, heads, states, width;
} Shape;

void scan_forward(Shape s, const float *restrict x, const float *restrict dt, const float *restrict fade,
                  const float *restrict b, const float *restrict c, float *restrict y, float *restrict kept)
{
    const int cell = s.heads * s.states * s.width * LANES;
    for (int t = 0; t < s.frames; t++) {
        const float *before = kept + (long)t * cell;
        float *after = kept + (long)(t + 1) * cell;
        for (int h = 0; h < s.heads; h++) {
            const float *f = fade + (t * s.heads + h) * LANES, *d = dt + (t * s.heads + h) * LANES;
            for (int w = 0; w < s.width; w++) {
                const int place = ((t * s.heads + h) * s.width + w) * LANES;
                float driven[LANES], sum[LANES] = {0};
                EACH driven[lane] = d[lane] * x[place + lane];
                for (int n = 0; n < s.states; n++) {
                    const float *bn = b + (t * s.states + n) * LANES, *cn = c + (t * s.states + n) * LANES;
                    const int at = ((h * s.states + n) * s.width + w) * LANES;
                    EACH {
                        const float value = f[lane] * before[at + lane] + bn[lane] * driven[lane];
                        after[at + lane] = value;
                        sum[lane] += cn[lane] * value;
                    }
                }
                EACH y[place + lane] = sum[lane];
            }
        }
    }
}

/* gstate (heads, states, width, 16): the gradient of the state after the last frame on entry, of the one before the
   first frame on return. The other g arrays are written (gb, gc, gdt and gfade must be zero on entry). */
void scan_backward(Shape s, const float *restrict x, const float *restrict dt, const float *restrict fade,
                   const float *restrict b, const float *restrict c, const float *restrict kept,
                   const float *restrict gy, float *restrict gx, float *restrict gdt, float *restrict gfade,
                   float *restrict gb, float *restrict gc, float *restrict gstate)
{
    const int cell = s.heads * s.states * s.width * LANES;
    for (int t = s.frames - 1; t >= 0; t--) {
        const float *before = kept + (long)t * cell, *after = kept + (long)(t + 1) * cell;
        for (int h = 0; h < s.heads; h++) {
            const int head = (t * s.heads + h) * LANES;
            float to_dt[LANES] = {0}, to_fade[LANES] = {0};
            for (int w = 0; w < s.width; w++) {
                const int place = ((t * s.heads + h) * s.width + w) * LANES;
                float driven[LANES], to_driven[LANES] = {0};
                EACH driven[lane] = dt[head + lane] * x[place + lane];
                for (int n = 0; n < s.states; n++) {
                    const int row = (t * s.states + n) * LANES, at = ((h * s.states + n) * s.width + w) * LANES;
                    EACH {
                        const float g = gstate[at + lane] + c[row + lane] * gy[place + lane];
                        gc[row + lane] += after[at + lane] * gy[place + lane];
                        gb[row + lane] += g * driven[lane];
                        to_driven[lane] += g * b[row + lane];
                        to_fade[lane] += g * before[at + lane];
                        gstate[at + lane] = g * fade[head + lane];
                    }
                }
                EACH gx[place + lane] = to_driven[lane] * dt[head + lane];
                EACH to_dt[lane] += to_driven[lane] * x[place + lane];
            }
            EACH gdt[head + lane] = to_dt[lane];
            EACH gfade[head + lane] = to_fade[lane];
        }
    }
}
