package weft.vmhost.machine;

import weft.vmhost.memory.DirtyPages;
import weft.vmhost.memory.GuestMemory;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/// A static ELF64 for RISC-V. As what a machine boots it is a bare-metal program, entered in M-mode
/// by every hart with a0 = hart id and a1 = device tree: it owns the machine; there is no SBI. In a
/// [BootStage] it is firmware, or a kernel in S-mode.
///
/// The layout (System V ABI, "ELF header", "Program header", "Symbol table"), little-endian:
///
/// ```
/// header   0 magic, class, data · 16 type · 18 machine · 24 entry · 32 phoff · 40 shoff
///          54 phentsize · 56 phnum · 58 shentsize · 60 shnum
/// program  0 type · 8 offset · 16 vaddr · 24 paddr · 32 filesz · 40 memsz      (56 bytes)
/// section  4 type · 24 offset · 32 size · 40 link                              (64 bytes)
/// symbol   0 name · 8 value                                                    (24 bytes)
/// ```
public final class ElfProgram implements Boot {
    private static final int HEADER_BYTES = 64;
    private static final int PROGRAM_HEADER_BYTES = 56;
    private static final int SECTION_HEADER_BYTES = 64;
    private static final int SYMBOL_BYTES = 24;
    private static final int TYPE_EXECUTABLE = 2;
    private static final int TYPE_POSITION_INDEPENDENT = 3;
    private static final int SEGMENT_LOAD = 1;
    private static final int SECTION_SYMBOLS = 2;

    /// A linker makes a handful; this bounds the search for overlaps.
    private static final int SEGMENTS_MAX = 128;

    private final long entry;
    private final List<Segment> segments;
    private final Optional<HostTarget.Addresses> hostTarget;

    /// Bytes that belong at an address; memory behind the content is zero.
    private record Segment(long address, long virtualAddress, ByteBuffer content, long sizeBytes) {
        long end() {
            return address + sizeBytes;
        }
    }

    private ElfProgram(
            long entry, List<Segment> segments, Optional<HostTarget.Addresses> hostTarget) {
        this.entry = entry;
        this.segments = segments;
        this.hostTarget = hostTarget;
    }

    /// Whether the file claims to be an ELF at all.
    public static boolean isElf(byte[] file) {
        return file.length >= 4
                && ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt(0)
                        == ElfMachine.MAGIC;
    }

    /// Reads a program; the array is shared and not to be changed.
    ///
    /// @throws BootRefused if the file is no program for this machine
    public static ElfProgram parse(byte[] file) {
        ByteBuffer elf = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        checkHeader(elf, file);
        List<Segment> segments = segments(elf);
        return new ElfProgram(entry(elf, segments), segments, hostTarget(elf));
    }

    private static void checkHeader(ByteBuffer elf, byte[] file) {
        if (!isElf(file)) {
            throw new BootRefused(
                    "program is no ELF file (a kernel Image is started with --kernel)");
        }
        if (file.length < ElfMachine.IDENTIFYING_BYTES) {
            throw new BootRefused("program is truncated: an ELF header has 64 bytes");
        }
        // What it is for comes first: the header of a 32-bit one is shorter.
        if (elf.get(5) != 1 || ElfMachine.of(elf) != ElfMachine.RISC_V) {
            throw new BootRefused(
                    "program is an ELF of another machine: %s, not RISC-V"
                            .formatted(
                                    elf.get(5) != 1
                                            ? "a big-endian one"
                                            : ElfMachine.nameOf(ElfMachine.of(elf))));
        }
        if (elf.get(4) != 2) {
            throw new BootRefused("program is for 32-bit RISC-V; this machine has 64 bits");
        }
        if (file.length < HEADER_BYTES) {
            throw new BootRefused("program is truncated: an ELF header has 64 bytes");
        }
        int type = elf.getShort(16) & 0xffff;
        // A position-independent one is entered where it is linked, and may move itself.
        if (type != TYPE_EXECUTABLE && type != TYPE_POSITION_INDEPENDENT) {
            throw new BootRefused("program is an ELF of type %d: not linked".formatted(type));
        }
    }

    private static List<Segment> segments(ByteBuffer elf) {
        int count = elf.getShort(56) & 0xffff;
        if (count > SEGMENTS_MAX || count > 0 && elf.getShort(54) != PROGRAM_HEADER_BYTES) {
            throw new BootRefused(
                    "program has absurd program headers: %d of %d bytes"
                            .formatted(count, elf.getShort(54) & 0xffff));
        }
        long table = elf.getLong(32);
        requireInFile(elf, "program headers", table, (long) count * PROGRAM_HEADER_BYTES);
        var segments = new ArrayList<Segment>();
        for (int i = 0; i < count; i++) {
            int header = (int) table + i * PROGRAM_HEADER_BYTES;
            if (elf.getInt(header) == SEGMENT_LOAD && elf.getLong(header + 40) != 0) {
                segments.add(segment(elf, header));
            }
        }
        if (segments.isEmpty()) {
            throw new BootRefused("program has nothing to load");
        }
        segments.sort(Comparator.comparingLong(Segment::address));
        for (int i = 1; i < segments.size(); i++) {
            if (segments.get(i).address() < segments.get(i - 1).end()) {
                throw new BootRefused(
                        "program has overlapping loads at 0x%x"
                                .formatted(segments.get(i).address()));
            }
        }
        return List.copyOf(segments);
    }

    private static Segment segment(ByteBuffer elf, int header) {
        long offset = elf.getLong(header + 8);
        long address = elf.getLong(header + 24);
        long fileBytes = elf.getLong(header + 32);
        long sizeBytes = elf.getLong(header + 40);
        requireInFile(elf, "a load", offset, fileBytes);
        if (sizeBytes < fileBytes || sizeBytes > GuestMemory.SIZE_BYTES_MAX) {
            throw new BootRefused(
                    "program has an absurd program header: %d bytes of the file in 0x%x of memory"
                            .formatted(fileBytes, sizeBytes));
        }
        if (address < MemoryLayout.RAM
                || address > MemoryLayout.RAM + GuestMemory.SIZE_BYTES_MAX - sizeBytes) {
            throw new BootRefused(
                    ("program loads at 0x%x, where no RAM is: RAM begins at 0x%x (link it with"
                                    + " -static -no-pie, and -Ttext or a linker script)")
                            .formatted(address, MemoryLayout.RAM));
        }
        ByteBuffer content = elf.slice((int) offset, (int) fileBytes).asReadOnlyBuffer();
        return new Segment(address, elf.getLong(header + 16), content, sizeBytes);
    }

    /// The entry is a virtual address, as the segments' `vaddr`; harts begin at the physical one.
    private static long entry(ByteBuffer elf, List<Segment> segments) {
        long entry = elf.getLong(24);
        for (Segment segment : segments) {
            long offset = entry - segment.virtualAddress();
            if (offset >= 0 && offset < segment.content().limit() && (entry & 1) == 0) {
                return segment.address() + offset;
            }
        }
        throw new BootRefused(
                "program's entry 0x%x lies outside of what it loads".formatted(entry));
    }

    private static void requireInFile(ByteBuffer elf, String what, long offset, long lengthBytes) {
        if (offset < 0 || lengthBytes < 0 || offset > elf.limit() - lengthBytes) {
            throw new BootRefused(
                    "program is truncated: %s at 0x%x, 0x%x bytes, in a file of 0x%x"
                            .formatted(what, offset, lengthBytes, elf.limit()));
        }
    }

    private static Optional<HostTarget.Addresses> hostTarget(ByteBuffer elf) {
        int count = elf.getShort(60) & 0xffff;
        long table = elf.getLong(40);
        if (count == 0 || table == 0) {
            return Optional.empty();
        }
        if (elf.getShort(58) != SECTION_HEADER_BYTES) {
            throw new BootRefused("program has absurd section headers");
        }
        requireInFile(elf, "section headers", table, (long) count * SECTION_HEADER_BYTES);
        for (int i = 0; i < count; i++) {
            int header = (int) table + i * SECTION_HEADER_BYTES;
            int strings = elf.getInt(header + 40);
            if (elf.getInt(header + 4) == SECTION_SYMBOLS && strings > 0 && strings < count) {
                ByteBuffer names = section(elf, (int) table + strings * SECTION_HEADER_BYTES);
                return hostTarget(section(elf, header), names);
            }
        }
        return Optional.empty();
    }

    private static ByteBuffer section(ByteBuffer elf, int header) {
        long offset = elf.getLong(header + 24);
        long lengthBytes = elf.getLong(header + 32);
        requireInFile(elf, "a section", offset, lengthBytes);
        return elf.slice((int) offset, (int) lengthBytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static Optional<HostTarget.Addresses> hostTarget(ByteBuffer symbols, ByteBuffer names) {
        long toHost = 0;
        long fromHost = 0;
        for (int at = 0; at <= symbols.limit() - SYMBOL_BYTES; at += SYMBOL_BYTES) {
            if (isNamed(names, symbols.getInt(at), "tohost")) {
                toHost = symbols.getLong(at + 8);
            } else if (isNamed(names, symbols.getInt(at), "fromhost")) {
                fromHost = symbols.getLong(at + 8);
            }
        }
        if (toHost == 0) {
            return Optional.empty();
        }
        return Optional.of(new HostTarget.Addresses(toHost, fromHost));
    }

    private static boolean isNamed(ByteBuffer names, int offset, String name) {
        byte[] wanted = (name + "\0").getBytes(StandardCharsets.US_ASCII);
        return offset >= 0
                && offset <= names.limit() - wanted.length
                && names.slice(offset, wanted.length).equals(ByteBuffer.wrap(wanted));
    }

    @Override
    public String arguments() {
        return "";
    }

    /// Its first instruction.
    long entry() {
        return entry;
    }

    /// Where QEMU's `virt` enters it as a kernel: not at its entry but at its first byte, since
    /// some kernels (FreeBSD's) have one entry for SBI there and another for boot loaders. Where
    /// the ELF's own header is loaded to that place, only the entry can be meant.
    long entryAsKernel() {
        ByteBuffer first = segments.getFirst().content().duplicate().order(ByteOrder.LITTLE_ENDIAN);
        boolean header = first.limit() >= 4 && first.getInt(0) == ElfMachine.MAGIC;
        return header ? entry : start();
    }

    /// Its first byte in RAM.
    long start() {
        return segments.getFirst().address();
    }

    /// Behind its last byte in RAM.
    long end() {
        return segments.getLast().end();
    }

    /// Where `tohost` is, if the program has it.
    Optional<HostTarget.Addresses> hostTarget() {
        return hostTarget;
    }

    /// Chooses the device tree's place without touching memory.
    ///
    /// @throws BootRefused if the program does not fit
    KernelLoader.Placement place(long memoryBytes) {
        long treeAddress = KernelLoader.treeAddress(memoryBytes);
        if (end() > treeAddress) {
            long needed = end() - MemoryLayout.RAM + 2L * KernelLoader.TREE_BYTES_MAX;
            throw new BootRefused(
                    "memory of %d MiB is too small for this program: give at least %d MiB"
                            .formatted(memoryBytes >> 20, (needed >> 20) + 1));
        }
        hostTarget.ifPresent(addresses -> addresses.requireInRam(memoryBytes));
        return new KernelLoader.Placement(entry, treeAddress, treeAddress, treeAddress);
    }

    /// Copies the segments to their places.
    void load(GuestMemory memory) {
        DirtyPages written = memory.touchedPages();
        for (Segment segment : segments) {
            ByteBuffer content = segment.content().duplicate();
            memory.write(segment.address(), content);
            zero(memory, written, segment.address() + content.limit(), segment.end());
        }
    }

    /// Only what a run before has written: pages never touched are zero, and stay uncommitted.
    private static void zero(GuestMemory memory, DirtyPages written, long from, long to) {
        for (long at = from; at < to; ) {
            long pageEnd = Math.min(to, (at | GuestMemory.PAGE_BYTES - 1) + 1);
            if (written.contains(at)) {
                memory.write(at, ByteBuffer.allocate((int) (pageEnd - at)));
            }
            at = pageEnd;
        }
    }
}
