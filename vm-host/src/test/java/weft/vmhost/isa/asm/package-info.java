/// A small RISC-V assembler for tests: programs are written as text that GNU as takes as well.
///
/// `OperandField` says where operands stand in a word, `InstructionTable` lists the instructions,
/// `Assembler` turns text into bytes.
@NullMarked
package weft.vmhost.isa.asm;

import org.jspecify.annotations.NullMarked;
