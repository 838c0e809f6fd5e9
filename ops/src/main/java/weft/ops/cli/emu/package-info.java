/// `weft emu`: the emulator by itself, without a fabric.
@NullMarked
package weft.ops.cli.emu;

import org.jspecify.annotations.NullMarked;
