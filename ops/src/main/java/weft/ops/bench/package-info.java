/// Measuring: what `weft bench` runs, and the one form in which results are told. Every benchmark
/// runs Weft and, if wanted, a peer, in turns and in processes of their own.
///
/// Reading order: Figure, Row, Report (the common form) · CpuRow, CpuBench (`weft bench cpu`) ·
/// CrossCompiler, GuestProgram, GuestProcess, KernelRun (one run of one kernel or program) ·
/// HostLoad, Yardstick (how quiet and how fast the host was) · AcceptedRatios (the gate). What is
/// fast enough stands in a file.
@NullMarked
package weft.ops.bench;

import org.jspecify.annotations.NullMarked;
