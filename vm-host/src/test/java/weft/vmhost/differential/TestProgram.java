package weft.vmhost.differential;

/// What a [ProgramImage] runs: text that ends at a label `end`, and the state it starts from.
interface TestProgram {
    /// Where a program runs, and what it may see there.
    enum Mode {
        MACHINE(0x1800),
        USER(0),
        SUPERVISOR(0x0800),
        SUPERVISOR_SEES_USER(0x4_0800),
        SUPERVISOR_READS_CODE(0x8_0800);

        private static final long FLOAT_DIRTY = 0x6000;
        private final long status;

        Mode(long status) {
            this.status = status;
        }

        /// The bits of mstatus to set: MPP, FS, and SUM or MXR.
        long status() {
            return status | FLOAT_DIRTY;
        }
    }

    Mode mode();

    String text();

    /// x0..x31, f0..f31, fcsr at the start.
    ///
    /// @param code the address of the first instruction
    /// @param scratch the address of the program's own memory
    long[] inputs(long code, long scratch);

    /// The same when it runs once more: with other values, so that code that was translated for the
    /// first ones meets them.
    default long[] inputs(int lap, long code, long scratch) {
        return inputs(code, scratch);
    }

    /// Its memory at the start, in words of 64 bits.
    long[] scratch(long code, long scratch);
}
