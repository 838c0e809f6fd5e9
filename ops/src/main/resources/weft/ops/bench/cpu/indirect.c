/* A bytecode interpreter: each operation is reached through a jump table, every fourth one calls
   through a table of functions. */
#include "kernel.h"

const char kernel_name[] = "indirect";

enum op { LOAD, ADD, SUB, XOR, SHIFT, MUL, CALL, DEC, LOOP, HALT };

struct code {
    u8 op, a, b, c;
};

#define REGISTERS 16
#define BODY 61
#define LOOPS 40000

static struct code program[BODY + 4];

typedef u64 (*function)(u64, u64);

static NOINLINE u64 rotate(u64 x, u64 y)
{
    return x << (y & 31) | x >> (63 - (y & 31));
}
static NOINLINE u64 least(u64 x, u64 y)
{
    return x < y ? x : y;
}
static NOINLINE u64 blend(u64 x, u64 y)
{
    return (x & 0xff00ff00ff00ff00ul) | (y & 0x00ff00ff00ff00fful);
}
static NOINLINE u64 fold(u64 x, u64 y)
{
    return (x ^ y >> 17) * 5 + 0xe6546b64;
}

static const function functions[] = {rotate, least, blend, fold};

void kernel_prepare(void)
{
    u64 seed = 3;
    int at = 0;
    program[at++] = (struct code){LOAD, 15, 0, 0};
    for (int i = 0; i < BODY; i++) {
        u64 r = next_random(&seed);
        u8 op = i % 4 == 3 ? CALL : (u8) (ADD + r % 5);
        program[at++] = (struct code){op, (u8) (r >> 8 & 7), (u8) (r >> 16 & 7), (u8) (r >> 24 & 7)};
    }
    program[at++] = (struct code){DEC, 15, 0, 0};
    program[at++] = (struct code){LOOP, 15, 1, 0};
    program[at] = (struct code){HALT, 0, 0, 0};
}

static NOINLINE u64 interpret(const struct code *code, u64 *r)
{
    static const void *const labels[] = {
        &&load, &&add, &&sub, &&xor, &&shift, &&mul, &&call, &&dec, &&loop, &&halt,
    };
    const struct code *pc = code;
#define NEXT goto *labels[pc->op]
    NEXT;
load:
    r[pc->a] = LOOPS;
    pc++;
    NEXT;
add:
    r[pc->a] = r[pc->b] + r[pc->c];
    pc++;
    NEXT;
sub:
    r[pc->a] = r[pc->b] - r[pc->c] + 1;
    pc++;
    NEXT;
xor:
    r[pc->a] ^= r[pc->b] + pc->c;
    pc++;
    NEXT;
shift:
    r[pc->a] = r[pc->b] >> (pc->c & 7) | 1;
    pc++;
    NEXT;
mul:
    r[pc->a] = r[pc->b] * (r[pc->c] | 1);
    pc++;
    NEXT;
call:
    r[pc->a] = functions[(r[pc->b] + pc->c) & 3](r[pc->a], r[pc->b]);
    pc++;
    NEXT;
dec:
    r[pc->a]--;
    pc++;
    NEXT;
loop:
    pc = r[pc->a] != 0 ? code + pc->b : pc + 1;
    NEXT;
halt:
    return r[0];
}

u64 kernel_repeat(void)
{
    u64 r[REGISTERS];
    for (int i = 0; i < REGISTERS; i++) {
        r[i] = (u64) i * 0x123456789ul;
    }
    u64 sum = interpret(program, r);
    for (int i = 0; i < 8; i++) {
        sum = mixed(sum, r[i]);
    }
    return sum;
}
