/// Measuring: what `weft bench` runs, and the one form in which results are told. Every benchmark
/// runs Weft and, if wanted, a peer, in turns and in processes of their own.
///
/// Reading order: Figure, Row, Report (the common form) · CpuRow, CpuBench (`weft bench cpu`) ·
/// CrossCompiler, GuestProcess, KernelRun (one run of one kernel) · HostLoad, Yardstick (how quiet
/// and how fast the host was). Nothing here decides what is fast enough.
@NullMarked
package weft.ops.bench;

import org.jspecify.annotations.NullMarked;
