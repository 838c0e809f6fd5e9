package weft.vmhost.interpreter;

import org.jspecify.annotations.Nullable;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.HartState;
import weft.vmhost.hart.Privilege;
import weft.vmhost.hart.Sleep;
import weft.vmhost.hart.SupervisorCalls;
import weft.vmhost.isa.asm.Assembler;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.MmioDevice;
import weft.vmhost.memory.PhysicalBus;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/// One hart, some RAM and a power switch: a program runs from its first line until it jumps to
/// `exit` or traps to M-mode, which comes there too.
///
/// Page tables, Sv39 unless said otherwise, grow in RAM as [#map] asks for pages. The clock stands
/// still unless moved.
final class BareHart implements AutoCloseable {
    static final long RAM = 0x8000_0000L;
    static final long RAM_BYTES = 16 << 20;
    static final long POWER = 0x10_0000L;

    static final int V = 1;
    static final int R = 2;
    static final int W = 4;
    static final int X = 8;
    static final int U = 16;
    static final int G = 32;
    static final int A = 64;
    static final int D = 128;

    private static final long ROOT_TABLE = RAM + 0x80_0000;
    private static final String EXIT =
            """

                .align 2
            exit:
                li t6, 0x100000
                sw zero, 0(t6)
                j .+0
            """;

    final GuestMemory memory = new GuestMemory(RAM, RAM_BYTES);
    final PhysicalBus bus = new PhysicalBus(memory);
    final AtomicLong ticks = new AtomicLong();
    final Hart hart;
    final Engine engine;
    private final Function<Hart, Engine> engines = TestEngines.forMachine();
    private final Assembler assembler;
    private long nextTable = ROOT_TABLE + 0x1000;
    private int levels = 3;

    BareHart(String program) {
        this(program, null);
    }

    BareHart(String program, @Nullable SupervisorCalls calls) {
        hart = new Hart(0, bus, ticks::get, calls);
        engine = engines.apply(hart);
        bus.attach(POWER, 0x1000, new PowerSwitch());
        assembler = new Assembler(RAM).add(program + EXIT);
        memory.write(RAM, ByteBuffer.wrap(assembler.assemble()));
        hart.reset(RAM, Privilege.MACHINE, 0, 0);
        setCsrs(Map.of("mtvec", label("exit"), "mstatus", 0x6000L));
        protect(0, 0x1F, -1);
    }

    /// What executes another hart of the same machine.
    Engine engineFor(Hart other) {
        return other == hart ? engine : engines.apply(other);
    }

    /// Where a label of the program is, as a physical address.
    long label(String name) {
        return assembler.address(name);
    }

    /// Changes CSRs while the hart stands.
    BareHart setCsrs(Map<String, Long> values) {
        HartState state = hart.capture();
        var csrs = new TreeMap<>(state.csrs());
        csrs.putAll(values);
        hart.restore(
                new HartState(
                        state.pc(),
                        state.privilege(),
                        state.integerRegisters(),
                        state.floatRegisters(),
                        csrs,
                        Sleep.AWAKE,
                        state.retiredInstructions()));
        return this;
    }

    /// Sets one of the first eight entries of physical memory protection; at the start, the first
    /// opens everything.
    BareHart protect(int entry, int configuration, long address) {
        long others = csr("pmpcfg0") & ~(0xFFL << 8 * entry);
        return setCsrs(
                Map.of(
                        "pmpcfg0",
                        others | (long) configuration << 8 * entry,
                        "pmpaddr" + entry,
                        address));
    }

    /// Continues at this address in this mode, with registers as they are.
    BareHart enter(long pc, Privilege privilege) {
        HartState state = hart.capture();
        hart.restore(
                new HartState(
                        pc,
                        privilege,
                        state.integerRegisters(),
                        state.floatRegisters(),
                        state.csrs(),
                        Sleep.AWAKE,
                        state.retiredInstructions()));
        return this;
    }

    /// Sv39 with these tables, address space 0; the program is mapped to itself for S-mode.
    BareHart paged() {
        return paged(3);
    }

    /// The same with so many levels of tables: 3, 4 or 5.
    BareHart paged(int levels) {
        this.levels = levels;
        for (long page = RAM; page < RAM + 0x4000; page += 0x1000) {
            map(page, page, R | W | X | A | D);
        }
        map(POWER, POWER, R | W | A | D);
        return setCsrs(Map.of("satp", satp(0) + (levels - 3L << 60)));
    }

    /// Of Sv39.
    static long satp(int asid) {
        return 8L << 60 | (long) asid << 44 | ROOT_TABLE >>> 12;
    }

    /// Maps a 4 KiB page; V is added.
    BareHart map(long virtual, long physical, int flags) {
        return map(virtual, physical, flags, 0);
    }

    /// Maps a page of the level: 0 for 4 KiB, 1 for 2 MiB, 2 for 1 GiB, 3 for 512 GiB, 4 for 256
    /// TiB.
    BareHart map(long virtual, long physical, int flags, int level) {
        memory.store64(entryAddress(virtual, level), physical >>> 12 << 10 | flags | V);
        return this;
    }

    /// The page-table entry of an address; tables on the way are made.
    long entryAddress(long virtual, int leafLevel) {
        long table = ROOT_TABLE;
        for (int level = levels - 1; level > leafLevel; level--) {
            long at = table + (virtual >>> 12 + 9 * level & 511) * 8;
            if ((memory.load64(at) & V) == 0) {
                memory.store64(at, nextTable >>> 12 << 10 | V);
                nextTable += 0x1000;
            }
            table = memory.load64(at) >>> 10 << 12;
        }
        return table + (virtual >>> 12 + 9 * leafLevel & 511) * 8;
    }

    /// Runs until the program comes to `exit`, on the calling thread.
    BareHart run() {
        hart.run(engine);
        return this;
    }

    long csr(String name) {
        return hart.capture().csrs().getOrDefault(name, -1L);
    }

    /// mcause, mepc, mtval.
    List<Long> machineTrap() {
        return List.of(csr("mcause"), csr("mepc"), csr("mtval"));
    }

    /// A register by number.
    long x(int number) {
        return hart.x(number);
    }

    @Override
    public void close() {
        memory.close();
    }

    private final class PowerSwitch implements MmioDevice {
        @Override
        public long load(int offsetBytes, int sizeBytes) {
            return 0x5A5A_5A5A_5A5A_5A5AL;
        }

        @Override
        public void store(int offsetBytes, int sizeBytes, long value) {
            hart.requestStop();
        }
    }
}
