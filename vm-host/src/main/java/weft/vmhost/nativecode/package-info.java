/// Guest code that runs more than once becomes machine code of the host: the engine where the host
/// is an x86-64 of the third level (`NativeCode.isSupported`). Why, and what it costs:
/// docs/design/011.
///
/// ```
///  NativeEngine (one a hart)                    NativeCode (one a machine)
///    runs code, interprets elsewhere              Unit: which instructions
///    notes where that was often   ──request──►    BlockWriter: their code, by way of
///    marks where code begins      ◄──a page────     IntegerWriter, MemoryWriter, FloatWriter,
///                                                   GuestRegisters, FloatRegisters, Assembler
///                                                 AccessGroups: which accesses share a look
///                                                 CodeCache: where it stands, the way in and out
///                                                 CodePage: where it begins, by page and slot
/// ```
///
/// Reading order: [weft.vmhost.nativecode.NativeEngine], [weft.vmhost.nativecode.Unit],
/// [weft.vmhost.nativecode.BlockWriter], [weft.vmhost.nativecode.MemoryWriter],
/// [weft.vmhost.nativecode.CodeCache].
///
/// Beside that, [weft.vmhost.nativecode.PageLoopWriter] writes the interpreter's own loop, once for
/// the process ([weft.vmhost.nativecode.PageLoopCode]).
///
/// Code is left, with all state in the hart, for whatever is not its straight way; the interpreter
/// executes that instruction and the code goes on behind it. So no meaning of an instruction that
/// can trap stands here twice.
///
/// A wrong byte here ends the JVM. So: host addresses come from the TLB alone, tests hold them
/// against the bounds of RAM, code is never changed once it can be reached, and nothing outside of
/// this package knows what a host instruction is.
@NullMarked
package weft.vmhost.nativecode;

import org.jspecify.annotations.NullMarked;
