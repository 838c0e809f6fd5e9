/* Integer work of the kinds that CoreMark has (own code): a linked list that is searched, reversed
   and sorted; small matrices; a state machine over text; a CRC over all results. */
#include "kernel.h"

const char kernel_name[] = "integer";

#define ITEMS 300
#define SIDE 20
#define TEXT_BYTES 2000
#define ROUNDS 60

struct item {
    struct item *next;
    u16 key;
    u16 value;
};

static struct item items[ITEMS];
static short a[SIDE * SIDE], b[SIDE * SIDE];
static int product[SIDE * SIDE];
static char text[TEXT_BYTES + 1];

void kernel_prepare(void)
{
    static const char *const words[] = {
        "5012", "1.25e+10", "-874", "+122", "35.54400", ".1234500", "-110.700", "+0.64400",
        "5.500e+3", "-.123e-2", "-87e+832", "+0.6e-12", "T0.3e-1F", "-T.T++Tq", "1T3.4e4z",
    };
    u64 seed = 1;
    for (int i = 0; i < SIDE * SIDE; i++) {
        a[i] = (short) next_random(&seed);
        b[i] = (short) next_random(&seed);
    }
    int at = 0;
    while (at < TEXT_BYTES - 10) {
        for (const char *c = words[next_random(&seed) % 15]; *c != 0; c++) {
            text[at++] = *c;
        }
        text[at++] = ',';
    }
    text[at] = 0;
}

static NOINLINE u16 crc16(u16 crc, u64 word)
{
    for (int i = 0; i < 64; i++) {
        int carry = (crc ^ (u16) (word >> i)) & 1;
        crc = (u16) (crc >> 1 ^ (carry ? 0xa001 : 0));
    }
    return crc;
}

static struct item *make_list(u64 seed)
{
    for (int i = 0; i < ITEMS; i++) {
        u64 random = next_random(&seed);
        items[i].next = i + 1 < ITEMS ? &items[i + 1] : 0;
        items[i].key = (u16) random;
        items[i].value = (u16) (random >> 16);
    }
    return items;
}

static NOINLINE struct item *find(struct item *list, u16 key)
{
    while (list != 0 && (list->key & 0xff) != (key & 0xff)) {
        list = list->next;
    }
    return list;
}

static NOINLINE struct item *reversed(struct item *list)
{
    struct item *result = 0;
    while (list != 0) {
        struct item *next = list->next;
        list->next = result;
        result = list;
        list = next;
    }
    return result;
}

typedef int (*order)(const struct item *, const struct item *);

static int by_key(const struct item *x, const struct item *y)
{
    return (int) x->key - (int) y->key;
}

static int by_value(const struct item *x, const struct item *y)
{
    return (int) x->value - (int) y->value;
}

/* Merge sort from the bottom up. */
static NOINLINE struct item *sorted(struct item *list, order compare)
{
    for (int run = 1;; run *= 2) {
        struct item *from = list, *tail = 0;
        int merges = 0;
        list = 0;
        while (from != 0) {
            struct item *second = from;
            int left = 0, right = run;
            merges++;
            while (left < run && second != 0) {
                second = second->next;
                left++;
            }
            while (left > 0 || (right > 0 && second != 0)) {
                struct item *taken;
                if (left > 0 && (right == 0 || second == 0 || compare(from, second) <= 0)) {
                    taken = from;
                    from = from->next;
                    left--;
                } else {
                    taken = second;
                    second = second->next;
                    right--;
                }
                if (tail != 0) {
                    tail->next = taken;
                } else {
                    list = taken;
                }
                tail = taken;
            }
            from = second;
        }
        tail->next = 0;
        if (merges <= 1) {
            return list;
        }
    }
}

static NOINLINE u16 lists(u64 seed)
{
    struct item *list = make_list(seed);
    u16 crc = 0;
    for (int i = 0; i < 40; i++) {
        struct item *found = find(list, (u16) (seed * 31 + (u64) i * 7));
        list = reversed(list);
        crc = crc16(crc, found != 0 ? found->value : 0xffff);
    }
    list = sorted(list, by_key);
    crc = crc16(crc, (u64) list->value << 16 | list->next->key);
    list = sorted(list, by_value);
    return crc16(crc, (u64) list->key << 16 | list->next->value);
}

static NOINLINE u16 matrices(u16 crc, short bias)
{
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            int sum = 0;
            for (int k = 0; k < SIDE; k++) {
                sum += a[i * SIDE + k] * (b[k * SIDE + j] + bias);
            }
            product[i * SIDE + j] = sum;
        }
    }
    int last = 0, rises = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        int bits = (product[i] >> 2 & 15) * (product[i] >> 5 & 127);
        rises += bits > last ? 10 : product[i] > 0;
        last = bits;
    }
    return crc16(crc, (u64) (u32) rises << 32 | (u32) last);
}

enum state { START, SIGN, INT, FLOAT, EXPONENT, SCIENTIFIC, INVALID, STATES };

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One number up to the comma; counts the states it goes through. */
static NOINLINE enum state scan(const char **cursor, u32 *visits)
{
    enum state state = START;
    const char *c = *cursor;
    for (; *c != 0; c++) {
        if (*c == ',') {
            c++;
            break;
        }
        switch (state) {
        case START:
            state = is_digit(*c) ? INT
                  : *c == '+' || *c == '-' ? SIGN : *c == '.' ? FLOAT : INVALID;
            break;
        case SIGN:
            state = is_digit(*c) ? INT : *c == '.' ? FLOAT : INVALID;
            break;
        case INT:
            state = *c == '.' ? FLOAT : is_digit(*c) ? INT : *c == 'e' ? EXPONENT : INVALID;
            break;
        case FLOAT:
            state = *c == 'e' || *c == 'E' ? EXPONENT : is_digit(*c) ? FLOAT : INVALID;
            break;
        case EXPONENT:
            state = *c == '+' || *c == '-' || is_digit(*c) ? SCIENTIFIC : INVALID;
            break;
        case SCIENTIFIC:
            state = is_digit(*c) ? SCIENTIFIC : INVALID;
            break;
        default:
            break;
        }
        visits[state]++;
    }
    *cursor = c;
    return state;
}

static NOINLINE u16 states(u16 crc)
{
    u32 visits[STATES] = {0}, ends[STATES] = {0};
    const char *cursor = text;
    while (*cursor != 0) {
        ends[scan(&cursor, visits)]++;
    }
    for (int i = 0; i < STATES; i++) {
        crc = crc16(crc, (u64) visits[i] << 32 | ends[i]);
    }
    return crc;
}

u64 kernel_repeat(void)
{
    u64 sum = 0;
    for (u64 round = 0; round < ROUNDS; round++) {
        u16 crc = lists(round);
        crc = matrices(crc, (short) round);
        crc = matrices(crc, (short) -round);
        crc = states(crc);
        sum = mixed(sum, crc);
    }
    return sum;
}
