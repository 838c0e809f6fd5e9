package weft.vmhost.differential;

import java.io.IOException;

/// A bare RISC-V machine: RAM at [ProgramImage#RAM_BASE], one hart that starts there in M-mode, and
/// a word at [ProgramImage#POWER_ADDRESS] that ends the run.
interface TestMachine {
    /// Runs a picture of RAM to its end and gives the picture then.
    byte[] run(byte[] ram) throws IOException, InterruptedException;
}
