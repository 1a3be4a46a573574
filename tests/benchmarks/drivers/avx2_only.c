/* Hide AVX-512, VNNI, AVX-IFMA, AMX and AVX10 from a process, so that a machine that has them measures what one with AVX2 runs.
 *
 * Libraries and compilers choose code by the feature bits of CPUID. ARCH_SET_CPUID (Linux, x86-64, "cpuid_fault" in
 * /proc/cpuinfo) makes that instruction fault; the handler executes it and clears the bits. Preloaded by processors.py.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012

static struct sigaction previous;

/* Choose whether CPUID faults in this thread; new threads and forked processes inherit the choice, other programs do not. */
static void trap(int on) { syscall(SYS_arch_prctl, ARCH_SET_CPUID, on ? 0L : 1L); }

static void handle(int number, siginfo_t *information, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *code = (const unsigned char *)registers[REG_RIP];
    if (code[0] != 0x0F || code[1] != 0xA2) { /* not CPUID: a real fault */
        sigaction(SIGSEGV, &previous, NULL);
        return;
    }
    (void)number;
    (void)information;
    unsigned leaf = (unsigned)registers[REG_RAX], subleaf = (unsigned)registers[REG_RCX], a, b, c, d;
    trap(0);
    __cpuid_count(leaf, subleaf, a, b, c, d);
    trap(1);
    if (leaf == 7 && subleaf == 0) {
        b &= ~(1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31); /* F DQ IFMA PF ER CD BW VL */
        c &= ~(1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14);                                  /* VBMI VBMI2 VNNI BITALG VPOPCNTDQ */
        d &= ~(1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25); /* 4VNNIW 4FMAPS VP2INTERSECT AMX_BF16 FP16 AMX_TILE AMX_INT8 */
    } else if (leaf == 7 && subleaf == 1) {
        a &= ~(1u << 4 | 1u << 5 | 1u << 21 | 1u << 23); /* AVX_VNNI AVX512_BF16 AMX_FP16 AVX_IFMA */
        d &= ~(1u << 4 | 1u << 5 | 1u << 8 | 1u << 10 | 1u << 19); /* AVX_VNNI_INT8 NE_CONVERT AMX_COMPLEX AVX_VNNI_INT16 AVX10 */
    }
    registers[REG_RAX] = a;
    registers[REG_RBX] = b;
    registers[REG_RCX] = c;
    registers[REG_RDX] = d;
    registers[REG_RIP] += 2;
}

/* A handler that the program installs for SIGSEGV would end the emulation. */
int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    static int (*real)(int, const struct sigaction *, struct sigaction *);
    if (!real) real = (int (*)(int, const struct sigaction *, struct sigaction *))dlsym(RTLD_NEXT, "sigaction");
    if (number == SIGSEGV && action && action->sa_sigaction != handle && !(action->sa_handler == SIG_DFL)) {
        if (old) *old = previous;
        return 0;
    }
    return real(number, action, old);
}

sighandler_t signal(int number, sighandler_t handler)
{
    static sighandler_t (*real)(int, sighandler_t);
    if (!real) real = (sighandler_t(*)(int, sighandler_t))dlsym(RTLD_NEXT, "signal");
    return number == SIGSEGV ? SIG_DFL : real(number, handler);
}

__attribute__((constructor)) static void begin(void)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &action, &previous);
    if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0L)) {
        perror("avx2_only: the processor cannot trap CPUID");
        _exit(1);
    }
}
