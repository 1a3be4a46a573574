/* What an MPS2 board needs to reach main, and the instructions that a time-step takes there.
 *
 * The emulator runs one instruction a nanosecond (-icount shift=0) and SysTick counts at 25 MHz: 40 instructions a tick.
 */
#include <stdint.h>
#include <stdio.h>

#include "model.h"

extern int selftest(void); /* main.c of the exported folder */
extern void _start(void);
extern uint32_t __stack;

__attribute__((section(".vectors"), used)) static void *const vectors[] = {&__stack, _start};

static volatile uint32_t *const systick = (uint32_t *)0xE000E010; /* control, reload, current */

int main(void)
{
    static model_pixel image[MODEL_PIXELS];
    for (int i = 0; i < MODEL_PIXELS; i++)
        image[i] = (model_pixel)(i * 2654435761u >> 24);
    systick[1] = 0xFFFFFF;
    systick[2] = 0;
    systick[0] = 5; /* on, processor clock */
    model_reset();
    for (int t = 0; t < 4; t++) {
        const uint32_t before = systick[2];
        model_step(image);
        const uint32_t ticks = (before - systick[2]) & 0xFFFFFF;
        uint32_t spikes = 0;
        for (int i = 0; i < MODEL_LAYERS; i++)
            spikes += model_spikes()[i];
        printf("time-step %d: %lu thousand instructions, %lu spikes\n", t + 1, (unsigned long)(ticks * 40 / 1000),
               (unsigned long)spikes);
    }
    return selftest();
}
