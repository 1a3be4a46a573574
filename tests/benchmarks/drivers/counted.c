/* Begin and end counting under callgrind --instr-atstart=no; without callgrind these do nothing. */
#include <valgrind/callgrind.h>

void begin_counting(void)
{
    CALLGRIND_START_INSTRUMENTATION;
}

void end_counting(void)
{
    CALLGRIND_STOP_INSTRUMENTATION;
}
