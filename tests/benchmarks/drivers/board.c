/* Count the instructions that an exported model takes for an image on an emulated processor without an operating system.
 *
 * The emulator runs one instruction a nanosecond (-icount shift=0). COUNTER_UNIT is the number of instructions between two
 * values of the counter that is read. Prints a line for each image and T: T, class, instructions.
 */
#include <stdint.h>

#include "memory.h"
#include "model.h"

extern const int image_count;
extern const model_pixel images[];

static const int times[] = {1, 2, 4};

#if defined(__aarch64__)

static long semihost(long operation, const void *argument)
{
    register long x0 __asm__("x0") = operation;
    register const void *x1 __asm__("x1") = argument;
    __asm__ volatile("hlt 0xf000" : "+r"(x0) : "r"(x1) : "memory");
    return x0;
}

static uint64_t counter(void)
{
    uint64_t value;
    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value));
    return value;
}

static void start_counter(void) {}

#define COUNTER_MASK UINT64_MAX

__asm__(".section .start, \"ax\"\n.global _start\n_start:\n"
        "mov x0, #(3 << 20)\nmsr cpacr_el1, x0\nisb\n" /* vector registers */
        "adrp x0, stack_top\nadd x0, x0, :lo12:stack_top\nmov sp, x0\nb run\n.text\n");

#elif defined(__riscv)

static long semihost(long operation, const void *argument)
{
    register long a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = argument;
    __asm__ volatile(".balign 16\n.option push\n.option norvc\nslli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

static uint64_t counter(void) /* one image takes less than 2^32 instructions */
{
    unsigned long value;
    __asm__ volatile("csrr %0, minstret" : "=r"(value));
    return value;
}

#define COUNTER_MASK UINT32_MAX

static void start_counter(void) {}

__asm__(".section .start, \"ax\"\n.global _start\n_start:\n"
        ".option push\n.option norelax\nla sp, stack_top\n.option pop\nj run\n.text\n");

#else /* Cortex-M */

static long semihost(long operation, const void *argument)
{
    register long r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static volatile uint32_t *const systick = (uint32_t *)0xE000E010; /* control, reload, current */

static uint64_t counter(void) { return 0xFFFFFF - systick[2]; } /* of 24 bits */

static void start_counter(void)
{
    systick[1] = 0xFFFFFF;
    systick[2] = 0;
    systick[0] = 5; /* on, processor clock */
}

#define COUNTER_MASK 0xFFFFFFu

extern uint32_t stack_top;
void run(void);
__attribute__((section(".start"), used)) static void *const vectors[] = {&stack_top, (void *)run};

#endif

static void print(uint32_t value, char end)
{
    char text[24], *first = text + sizeof text;
    *--first = 0;
    *--first = end;
    do
        *--first = (char)('0' + value % 10);
    while (value /= 10);
    semihost(4, first); /* SYS_WRITE0 */
}

void run(void)
{
    extern char bss_start[], bss_end[];
    memset(bss_start, 0, (size_t)(bss_end - bss_start));
    for (int i = 0; i < image_count; i++) {
        const model_pixel *image = images + i * MODEL_PIXELS;
        uint32_t taken = 0;
        for (unsigned n = 0; n < sizeof times / sizeof *times; n++) {
            start_counter();
            const uint64_t before = counter();
            if (n == 0)
                model_reset();
            for (int t = n ? times[n - 1] : 0; t < times[n]; t++)
                model_step(t > 0 && KEEPS_IMAGE ? NULL : image);
            const int class = model_answer();
            taken += (uint32_t)((counter() - before) & COUNTER_MASK) * COUNTER_UNIT;
            print((uint32_t)times[n], ' ');
            print((uint32_t)class, ' ');
            print(taken, '\n');
        }
    }
    const uintptr_t exit[] = {0x20026, 0}; /* ADP_Stopped_ApplicationExit, code 0 */
    semihost(0x20, exit); /* SYS_EXIT_EXTENDED */
    for (;;)
        ;
}
