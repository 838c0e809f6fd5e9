package weft.vmhost.snapshot;

import weft.vmhost.device.DeviceState;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.HartState;
import weft.vmhost.hart.Privilege;
import weft.vmhost.hart.Sleep;
import weft.vmhost.machine.Machine;
import weft.vmhost.machine.PowerState;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// Takes the state of a paused machine, all but its RAM, and puts it into another of the same
/// specification.
///
/// Sections: `machine` (what both must agree on), `time`, `hart0`…, and one for each device.
public final class MachineSnapshot {
    private static final int MACHINE_VERSION = 1;
    private static final int TIME_VERSION = 1;
    private static final int HART_VERSION = 1;
    private static final int CSRS_MAX = 4096;

    private MachineSnapshot() {}

    /// The state of a paused machine.
    public static byte[] capture(Machine machine) {
        requirePaused(machine);
        try {
            var writer = new SnapshotWriter();
            writer.add(section("machine", MACHINE_VERSION, out -> writeIdentity(machine, out)));
            writer.add(section("time", TIME_VERSION, out -> out.writeLong(machine.time().ticks())));
            for (Hart hart : machine.harts()) {
                HartState state = hart.capture();
                writer.add(section("hart" + hart.id(), HART_VERSION, out -> writeHart(state, out)));
            }
            for (DeviceState device : machine.deviceStates()) {
                writer.add(section(device.stateName(), device.stateVersion(), device::capture));
            }
            return writer.finish();
        } catch (IOException e) {
            throw new IllegalStateException("writing to memory failed", e);
        }
    }

    /// Puts a state into a machine that is off; it is paused then. RAM is to be filled by the
    /// caller, before the machine is resumed.
    ///
    /// @throws IOException if the bytes are no state of such a machine; the machine is then to be
    ///   thrown away
    public static void restore(Machine machine, byte[] snapshot) throws IOException {
        Map<String, Section> sections = SnapshotReader.read(snapshot);
        checkIdentity(machine, take(sections, "machine", MACHINE_VERSION));
        machine.prepareRestore();
        machine.restoreTime(input(take(sections, "time", TIME_VERSION)).readLong());
        for (Hart hart : machine.harts()) {
            restoreHart(hart, take(sections, "hart" + hart.id(), HART_VERSION));
        }
        for (DeviceState device : machine.deviceStates()) {
            if (device.mayBeMissing() && !sections.containsKey(device.stateName())) {
                continue;
            }
            Section section =
                    take(
                            sections,
                            device.stateName(),
                            device.oldestVersion(),
                            device.stateVersion());
            DataInputStream in = input(section);
            device.restore(section.version(), in);
            if (in.read() >= 0) {
                throw new IOException(
                        "machine snapshot: section '" + device.stateName() + "' is too long");
            }
        }
        if (!sections.isEmpty()) {
            throw new IOException(
                    "machine snapshot has sections unknown here: " + sections.keySet());
        }
    }

    private static void requirePaused(Machine machine) {
        if (!(machine.state() instanceof PowerState.Paused)) {
            throw new IllegalStateException("the machine is not paused: " + machine.state());
        }
    }

    @FunctionalInterface
    private interface Content {
        void write(DataOutputStream out) throws IOException;
    }

    private static Section section(String name, int version, Content content) throws IOException {
        var bytes = new ByteArrayOutputStream();
        content.write(new DataOutputStream(bytes));
        return new Section(name, version, bytes.toByteArray());
    }

    private static Section take(Map<String, Section> sections, String name, int version)
            throws IOException {
        return take(sections, name, version, version);
    }

    private static Section take(Map<String, Section> sections, String name, int oldest, int newest)
            throws IOException {
        Section section = sections.remove(name);
        if (section == null) {
            throw new IOException("machine snapshot has no section '" + name + "'");
        }
        if (section.version() < oldest || section.version() > newest) {
            throw new IOException(
                    "machine snapshot: section '%s' has form %d, this version reads %d"
                            .formatted(name, section.version(), newest));
        }
        return section;
    }

    private static DataInputStream input(Section section) {
        return new DataInputStream(new ByteArrayInputStream(section.content()));
    }

    /// RAM base 8 · RAM bytes 8 · harts 4 · disks 4 · NICs 4.
    private static void writeIdentity(Machine machine, DataOutputStream out) throws IOException {
        out.writeLong(machine.memory().baseAddress());
        out.writeLong(machine.memory().sizeBytes());
        out.writeInt(machine.spec().harts());
        out.writeInt(machine.spec().disks().size());
        out.writeInt(machine.spec().nics().size());
    }

    private static void checkIdentity(Machine machine, Section section) throws IOException {
        var mine = new ByteArrayOutputStream();
        writeIdentity(machine, new DataOutputStream(mine));
        if (!java.util.Arrays.equals(mine.toByteArray(), section.content())) {
            DataInputStream in = input(section);
            throw new IOException(
                    ("machine snapshot of another machine: RAM at 0x%x of %d bytes, %d harts, %d"
                                    + " disks, %d NICs")
                            .formatted(
                                    in.readLong(),
                                    in.readLong(),
                                    in.readInt(),
                                    in.readInt(),
                                    in.readInt()));
        }
    }

    /// pc 8 · privilege 1 · [Sleep] 1 · retired 8 · x0..x31 · f0..f31 · CSRs: count 4, (name, value
    /// 8)*.
    private static void writeHart(HartState state, DataOutputStream out) throws IOException {
        out.writeLong(state.pc());
        out.writeByte(state.privilege().level());
        out.writeByte(state.sleep().ordinal());
        out.writeLong(state.retiredInstructions());
        for (long register : state.integerRegisters()) {
            out.writeLong(register);
        }
        for (long register : state.floatRegisters()) {
            out.writeLong(register);
        }
        out.writeInt(state.csrs().size());
        for (Map.Entry<String, Long> csr : state.csrs().entrySet()) {
            out.writeUTF(csr.getKey());
            out.writeLong(csr.getValue());
        }
    }

    private static void restoreHart(Hart hart, Section section) throws IOException {
        DataInputStream in = input(section);
        try {
            long pc = in.readLong();
            Privilege privilege = Privilege.of(in.readUnsignedByte());
            Sleep sleep = readSleep(in.readUnsignedByte());
            long retired = in.readLong();
            List<Long> integers = readRegisters(in);
            List<Long> floats = readRegisters(in);
            int count = in.readInt();
            if (count < 0 || count > CSRS_MAX) {
                throw new IOException("machine snapshot: a hart with " + count + " CSRs");
            }
            SortedMap<String, Long> csrs = new TreeMap<>();
            for (int i = 0; i < count; i++) {
                csrs.put(in.readUTF(), in.readLong());
            }
            hart.restore(new HartState(pc, privilege, integers, floats, csrs, sleep, retired));
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    "machine snapshot: section '%s': %s".formatted(section.name(), e.getMessage()),
                    e);
        }
    }

    private static Sleep readSleep(int number) throws IOException {
        if (number >= Sleep.values().length) {
            throw new IOException("machine snapshot: a hart that sleeps in way " + number);
        }
        return Sleep.values()[number];
    }

    private static List<Long> readRegisters(DataInputStream in) throws IOException {
        List<Long> registers = new ArrayList<>(32);
        for (int i = 0; i < 32; i++) {
            registers.add(in.readLong());
        }
        return registers;
    }
}
