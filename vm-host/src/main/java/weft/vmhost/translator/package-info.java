/// The translator: guest code that runs often becomes Java bytecode, which HotSpot compiles.
///
/// ```
///  Translator (one a hart, an Engine)             Translations (one a machine)
///    runs regions, one after the other              RegionTable: what has been translated
///    interprets where there is none   ──request──►  RegionShape: which instructions
///    Heat: where that was often       ◄──region───  RegionWriter: their bytecode
///                                                   RegionLoader: a class of it
///                                                 TranslationThread (one a JVM): when
/// ```
///
/// Reading order: [weft.vmhost.translator.Translator], [weft.vmhost.translator.RegionShape],
/// [weft.vmhost.translator.RegionWriter], [weft.vmhost.translator.MemoryAccess].
///
/// The interpreter is the reference and the way out: a region that meets anything but its straight
/// way (an address the TLB does not know, an operation it does not contain) ends before that
/// instruction, with all state in the hart, and the interpreter executes it. No meaning of an
/// instruction that can trap stands here twice.
///
/// Nothing here knows devices, privilege or traps, and nothing outside knows bytecode.
@NullMarked
package weft.vmhost.translator;

import org.jspecify.annotations.NullMarked;
