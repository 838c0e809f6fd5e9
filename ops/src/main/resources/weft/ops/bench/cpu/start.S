# The first instructions of every kernel: hart 0 gets a stack and the floating-point unit, others
# sleep. RAM begins here on Weft's machine and on QEMU's `virt`.
    .section .text.start
    .globl _start
_start:
    csrr  t0, mhartid
park:
    beqz  t0, run
    wfi
    j     park
run:
    li    t0, 0x2000            # mstatus.FS = Initial
    csrs  mstatus, t0
    fscsr zero
    la    t0, trapped
    csrw  mtvec, t0
    la    sp, stack_end
    call  bench_main
    .align 2
trapped:
    csrr  a0, mcause
    csrr  a1, mepc
    csrr  a2, mtval
    call  bench_trapped
