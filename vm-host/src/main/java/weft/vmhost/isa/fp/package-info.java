/// IEEE 754 binary32 and binary64 as RISC-V demands them (unprivileged spec, chapters "F" and "D"):
/// five rounding modes, five accrued flags, tininess detected after rounding, canonical NaNs.
///
/// Everything here is a pure function of raw bits plus the accrued flags; no registers, no NaN
/// boxing, no CSR: those belong to the hart. Read in this order: `SoftFloat` is the door, `Float64`
/// and `Float32` answer on the host's floating point when the host's answer is provably the right
/// one, `SoftArithmetic` is the exact integer arithmetic behind them, `FloatFormat` unpacks, rounds
/// and packs, `Conversions` goes between formats and integers.
///
/// ```
/// SoftFloat ─► Float64, Float32 ─► SoftArithmetic ─► FloatFormat ─► RoundingMode, FloatFlags
///         └──► Conversions ───────────────────────────────┘
/// ```
@NullMarked
package weft.vmhost.isa.fp;

import org.jspecify.annotations.NullMarked;
