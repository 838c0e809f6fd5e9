package weft.vmhost.nativecode;

import weft.runtime.BrokenInvariant;
import weft.vmhost.interpreter.DecodedPage;
import weft.vmhost.interpreter.PageLoop;
import weft.vmhost.isa.Decoded;
import weft.vmhost.translator.TranslatorSettings.Access;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// The interpreter's loop in machine code, one for all harts of the process. A call of it costs
/// what a call of translated code does (see [CodeCache]), and it, too, must return soon: it does
/// after [PageLoop#END_MAX] instructions and what is left of the page.
final class PageLoopCode implements PageLoop {
    private static final int SIZE_BYTES = 1 << 15;
    private static final MethodHandle CALL = call();
    private static final PageLoopCode TRUSTED = new PageLoopCode(Access.TRUSTED);

    private final ExecutableMemory memory = new ExecutableMemory(SIZE_BYTES);
    private final MemorySegment enter;

    private PageLoopCode(Access access) {
        var code = new Assembler(memory.executable());
        int enterAt = new PageLoopWriter(code, access).write();
        byte[] bytes = code.bytes();
        MemorySegment.copy(
                MemorySegment.ofArray(bytes),
                0,
                ExecutableMemory.segment(memory.writable(), SIZE_BYTES),
                0,
                bytes.length);
        enter = ExecutableMemory.segment(memory.executable() + enterAt, 1);
    }

    /// Made when a test first asks.
    private static final class ForTests {
        static final PageLoopCode CHECKED = new PageLoopCode(Access.CHECKED);
    }

    /// The loop; only where [HostSupport#isSupported], which has made the one that guests get.
    static PageLoop of(Access access) {
        return access == Access.CHECKED ? ForTests.CHECKED : TRUSTED;
    }

    @Override
    public long run(long[] x, long[] slots, long slot, long[] frame) {
        if (x.length < Decoded.PLACES
                || slots.length < DecodedPage.SLOTS + 2
                || slot < 0
                || slot >= slots.length
                || frame.length != FRAME_LENGTH) {
            throw new IllegalArgumentException("arrays that cannot be accessed unchecked");
        }
        long cursor;
        try {
            cursor =
                    (long)
                            CALL.invokeExact(
                                    enter,
                                    MemorySegment.ofArray(x),
                                    MemorySegment.ofArray(slots),
                                    slot,
                                    MemorySegment.ofArray(frame));
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
        if (cursor < 0) {
            throw new BrokenInvariant("the interpreter would access memory of the host");
        }
        return cursor;
    }

    @SuppressWarnings("restricted")
    private static MethodHandle call() {
        return Linker.nativeLinker()
                .downcallHandle(
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_LONG,
                                ValueLayout.ADDRESS,
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.ADDRESS),
                        Linker.Option.critical(true));
    }
}
