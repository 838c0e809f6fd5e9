/* Five bodies under gravity, double precision: multiply-add, square root and division. */
#include "kernel.h"

const char kernel_name[] = "fp-nbody";

#define BODIES 5
#define STEPS 30000

struct body {
    double x, y, z, vx, vy, vz, mass;
};

static struct body bodies[BODIES];

void kernel_prepare(void)
{
}

static void place(void)
{
    u64 seed = 5;
    for (int i = 0; i < BODIES; i++) {
        double *field = &bodies[i].x;
        for (int k = 0; k < 6; k++) {
            double random = (double) (s64) (next_random(&seed) >> 12) / 4503599627370496.0 - 0.5;
            field[k] = k < 3 ? random * 20 * (i + 1) : random;
        }
        bodies[i].mass = i == 0 ? 39.47 : 0.04 / i;
    }
}

static NOINLINE void advance(double step)
{
    for (int i = 0; i < BODIES; i++) {
        struct body *p = &bodies[i];
        for (int j = i + 1; j < BODIES; j++) {
            struct body *q = &bodies[j];
            double dx = p->x - q->x, dy = p->y - q->y, dz = p->z - q->z;
            double square = dx * dx + dy * dy + dz * dz + 0.01;
            double pull = step / (square * __builtin_sqrt(square));
            p->vx -= dx * q->mass * pull;
            p->vy -= dy * q->mass * pull;
            p->vz -= dz * q->mass * pull;
            q->vx += dx * p->mass * pull;
            q->vy += dy * p->mass * pull;
            q->vz += dz * p->mass * pull;
        }
    }
    for (int i = 0; i < BODIES; i++) {
        struct body *p = &bodies[i];
        p->x += step * p->vx;
        p->y += step * p->vy;
        p->z += step * p->vz;
    }
}

u64 kernel_repeat(void)
{
    place();
    for (int i = 0; i < STEPS; i++) {
        advance(0.001);
    }
    u64 sum = 0;
    const u64 *bits = (const u64 *) bodies;
    for (unsigned i = 0; i < sizeof bodies / 8; i++) {
        sum = mixed(sum, bits[i]);
    }
    return sum;
}
