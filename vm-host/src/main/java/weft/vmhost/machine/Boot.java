package weft.vmhost.machine;

/// What is put into RAM at each start and reset, and how the harts enter it.
public sealed interface Boot permits MachineSpec.BootImage, ElfProgram, FirmwareBoot {
    /// `/chosen/bootargs`.
    String arguments();
}
