package weft.vmhost.nativecode;

import static weft.vmhost.nativecode.Assembler.*;
import static weft.vmhost.nativecode.MemoryWriter.window;

import weft.vmhost.hart.HartWindow;
import weft.vmhost.mmu.Tlb;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// A machine's translated code, from its first byte to the last: filled upwards, never reused. When
/// it is full, a machine begins a new one.
///
/// ```
///   0       where code goes when there is none at the address in rax
///           the way out
///           the beginning of floats
///           the way in
///   …       tables of pages (CodePage) and units, as they come
/// ```
///
/// The way in is a call of the foreign-function API that leaves the thread "in Java": it costs some
/// eight nanoseconds and takes the addresses of the hart's arrays on the heap, which stay where
/// they are until it returns. So code must return soon: the collector waits for it.
final class CodeCache {
    static final int ENTRY_SHIFT = Tlb.CODE_ENTRY_SHIFT;
    static final int ENTRY_MASK = Tlb.FETCH_ENTRIES - 1 << Tlb.CODE_ENTRY_SHIFT;
    static final int ENTRY_TAG = Tlb.CODE_TAG;
    static final int ENTRY_TABLE = Tlb.CODE_TABLE;

    private static final int[] CALLEE_SAVED = {RBX, RBP, 12, 13, R14_BUDGET, R15_WINDOW};
    private static final int ALIGNMENT = 64;

    private static final MethodHandle CALL = call();

    private final ExecutableMemory memory;
    private final long sizeBytes;
    private final long leave;
    private final long beginFloats;
    private final MemorySegment enter;
    private long usedBytes;

    /// @throws IllegalStateException if the system allows no executable memory
    CodeCache(long sizeBytes) {
        this.sizeBytes = sizeBytes;
        memory = new ExecutableMemory(sizeBytes);
        var code = new Assembler(base());
        var wayOut = new Label();
        code.store(window(HartWindow.PC), RAX);
        code.movImmediate(RAX, 0);
        code.bind(wayOut);
        writeWayOut(code);
        var floats = new Label();
        code.bind(floats);
        writeBeginFloats(code);
        var wayIn = new Label();
        code.bind(wayIn);
        writeWayIn(code);
        long at = place(code);
        assert at == base();
        leave = at + wayOut.position();
        beginFloats = at + floats.position();
        enter = ExecutableMemory.segment(at + wayIn.position(), 1);
    }

    private static void writeWayOut(Assembler code) {
        code.store(window(HartWindow.EXIT), RAX);
        code.store32(window(HartWindow.BUDGET), R14_BUDGET);
        GuestRegisters.storePinned(code);
        var noFloats = new Label();
        code.op32Immediate(CMP, window(HartWindow.FLOATS), 2);
        code.jump(NOT_EQUAL, noFloats);
        FloatRegisters.store(code);
        code.controlFloats(3, window(HartWindow.GUEST_MXCSR));
        code.controlFloats(2, window(HartWindow.HOST_MXCSR));
        code.bind(noFloats);
        for (int i = CALLEE_SAVED.length - 1; i >= 0; i--) {
            code.pop(CALLEE_SAVED[i]);
        }
        code.ret();
    }

    /// Goes on at rax.
    private static void writeBeginFloats(Assembler code) {
        code.controlFloats(2, window(HartWindow.GUEST_MXCSR));
        code.storeImmediate32(window(HartWindow.FLOATS), 2);
        FloatRegisters.load(code);
        code.jumpRegister(RAX);
    }

    /// Arguments: rdi and rsi the hart's arrays of registers, rdx its window, rcx where to go.
    private static void writeWayIn(Assembler code) {
        for (int register : CALLEE_SAVED) {
            code.push(register);
        }
        code.mov(R15_WINDOW, RDX);
        code.mov(RAX, RCX);
        code.store(window(HartWindow.FLOAT_REGISTERS), RSI);
        code.op(LEA, RBP, Operand.memory(RDI, GuestRegisters.BIAS_BYTES));
        code.mov32(R14_BUDGET, window(HartWindow.BUDGET));
        var noFloats = new Label();
        code.op32Immediate(CMP, window(HartWindow.FLOATS), 2);
        code.jump(NOT_EQUAL, noFloats);
        code.controlFloats(2, window(HartWindow.GUEST_MXCSR));
        FloatRegisters.load(code);
        code.bind(noFloats);
        GuestRegisters.loadPinned(code);
        code.jumpRegister(RAX);
    }

    /// Where the first byte is executed. It is also where code goes when there is none.
    long base() {
        return memory.executable();
    }

    long noCode() {
        return base();
    }

    /// Where code goes to be left, with the address of the record in rax.
    long leave() {
        return leave;
    }

    /// Where code goes to have the floating-point registers and MXCSR made the guest's, with the
    /// address to go on at in rax.
    long beginFloats() {
        return beginFloats;
    }

    /// Where the next byte will be executed.
    long next() {
        return base() + usedBytes;
    }

    long usedBytes() {
        return usedBytes;
    }

    boolean hasRoom(long bytes) {
        return usedBytes + bytes + ALIGNMENT <= sizeBytes;
    }

    /// From where code is executed to where it is written.
    long toWritable(long executable) {
        return executable - memory.executable() + memory.writable();
    }

    /// Takes in code that was written for [#next]; answers its address.
    long place(Assembler code) {
        byte[] bytes = code.bytes();
        long at = reserve(bytes.length);
        assert at == code.origin();
        MemorySegment.copy(
                MemorySegment.ofArray(bytes),
                0,
                ExecutableMemory.segment(toWritable(at), bytes.length),
                0,
                bytes.length);
        return at;
    }

    /// Room for a table of zeros.
    long reserve(int bytes) {
        assert hasRoom(bytes);
        long at = next();
        usedBytes = usedBytes + bytes + ALIGNMENT - 1 & -ALIGNMENT;
        return at;
    }

    /// Executes translated code until it is left.
    void run(MemorySegment x, MemorySegment f, long window, long address) {
        try {
            CALL.invokeExact(enter, x, f, window, address);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    @SuppressWarnings("restricted")
    private static MethodHandle call() {
        return Linker.nativeLinker()
                .downcallHandle(
                        FunctionDescriptor.ofVoid(
                                ValueLayout.ADDRESS,
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_LONG),
                        Linker.Option.critical(true));
    }
}
