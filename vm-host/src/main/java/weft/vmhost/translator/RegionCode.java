package weft.vmhost.translator;

/// What every translated region extends.
abstract class RegionCode {
    /// The entry that returns at once, to have the method compiled before it is of use.
    static final int DRY = -1;

    /// Executes guest instructions until the region ends, an instruction needs the interpreter, or
    /// a backward jump finds the budget used up.
    ///
    /// @param entry where to begin: the number of an entry, or [#DRY]
    /// @param page the virtual address of the page
    /// @return the virtual address of the next instruction
    abstract long run(RegionCall call, int entry, long page);
}
