package weft.vmhost.bench;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.HartState;
import weft.vmhost.hart.Privilege;
import weft.vmhost.hart.Sleep;
import weft.vmhost.interpreter.TestedEngine;
import weft.vmhost.isa.asm.Assembler;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.MmioDevice;
import weft.vmhost.memory.PhysicalBus;

import java.nio.ByteBuffer;
import java.util.TreeMap;
import java.util.function.Consumer;

/// A hart, 64 MiB of RAM, and a device that hears of each store to it.
final class BenchHart implements MmioDevice {
    static final long RAM = 0x8000_0000L;
    static final long DEVICE = 0x10_0000L;

    private static final long TABLE = RAM + (32 << 20);

    final GuestMemory memory = new GuestMemory(RAM, 64 << 20);
    final Hart hart;
    final Engine engine;
    private final Consumer<Hart> stored;

    /// @param stored what a store to the device does
    BenchHart(TestedEngine tested, String program, Consumer<Hart> stored) {
        this.stored = stored;
        var bus = new PhysicalBus(memory);
        hart = new Hart(0, bus, () -> 0, null);
        engine = tested.forMachine().apply(hart);
        bus.attach(DEVICE, 0x1000, this);
        memory.write(RAM, ByteBuffer.wrap(new Assembler(RAM).add(program).assemble()));
        hart.reset(RAM, Privilege.MACHINE, 0, 0);
    }

    /// Runs from the first line until the program stores to the device.
    void run() {
        hart.setPc(RAM);
        hart.run(engine);
    }

    /// S-mode with Sv39, RAM mapped to itself by pages of 4 KiB, the device by one of 1 GiB.
    BenchHart paged() {
        memory.store64(TABLE, 0xCF);
        memory.store64(TABLE + 16, TABLE + 0x1000 >>> 12 << 10 | 1);
        for (int middle = 0; middle < 32; middle++) {
            long last = TABLE + 0x2000 + 0x1000L * middle;
            memory.store64(TABLE + 0x1000 + 8 * middle, last >>> 12 << 10 | 1);
            for (int page = 0; page < 512; page++) {
                long address = RAM + ((long) middle << 21) + ((long) page << 12);
                memory.store64(last + 8 * page, address >>> 12 << 10 | 0xCF);
            }
        }
        HartState state = hart.capture();
        var csrs = new TreeMap<>(state.csrs());
        csrs.put("satp", 8L << 60 | TABLE >>> 12);
        csrs.put("pmpcfg0", 0x1FL);
        csrs.put("pmpaddr0", -1L);
        hart.restore(
                new HartState(
                        RAM,
                        Privilege.SUPERVISOR,
                        state.integerRegisters(),
                        state.floatRegisters(),
                        csrs,
                        Sleep.AWAKE,
                        0));
        return this;
    }

    @Override
    public long load(int offsetBytes, int sizeBytes) {
        return 0;
    }

    @Override
    public void store(int offsetBytes, int sizeBytes, long value) {
        stored.accept(hart);
    }
}
