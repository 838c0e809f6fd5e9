package weft.vmhost.machine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// Writes ELF files for tests, legal ones until a test changes a field.
public final class ElfFile {
    static final int TYPE = 16;
    static final int MACHINE = 18;
    static final int ENTRY = 24;
    static final int PROGRAM_TABLE = 32;
    static final int SECTION_TABLE = 40;
    static final int PROGRAM_HEADER_BYTES = 54;
    static final int PROGRAM_HEADERS = 56;

    private static final int READ_WRITE_EXECUTE = 7;

    private record Load(long virtualAddress, long address, byte[] content, long sizeBytes) {}

    private record Symbol(String name, long address) {}

    private final long entry;
    private final List<Load> loads = new ArrayList<>();
    private final List<Symbol> symbols = new ArrayList<>();

    public ElfFile(long entry) {
        this.entry = entry;
    }

    /// @param sizeBytes in memory; what the content does not fill is zero
    public ElfFile load(long address, byte[] content, long sizeBytes) {
        return load(address, address, content, sizeBytes);
    }

    /// The same, linked for one address and loaded at another.
    ElfFile load(long virtualAddress, long address, byte[] content, long sizeBytes) {
        loads.add(new Load(virtualAddress, address, content, sizeBytes));
        return this;
    }

    public ElfFile symbol(String name, long address) {
        symbols.add(new Symbol(name, address));
        return this;
    }

    /// Header, program headers, contents, symbols, their names, section headers.
    public byte[] bytes() {
        var out = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(0, ElfMachine.MAGIC).put(4, (byte) 2).put(5, (byte) 1).put(6, (byte) 1);
        out.putShort(TYPE, (short) 2).putShort(MACHINE, (short) ElfMachine.RISC_V);
        out.putLong(ENTRY, entry).putLong(PROGRAM_TABLE, 64);
        out.putShort(PROGRAM_HEADER_BYTES, (short) 56);
        out.putShort(PROGRAM_HEADERS, (short) loads.size());
        out.position(64 + 56 * loads.size());
        for (int i = 0; i < loads.size(); i++) {
            Load load = loads.get(i);
            int header = 64 + 56 * i;
            out.putInt(header, 1).putInt(header + 4, READ_WRITE_EXECUTE);
            out.putLong(header + 8, out.position());
            out.putLong(header + 16, load.virtualAddress()).putLong(header + 24, load.address());
            out.putLong(header + 32, load.content().length).putLong(header + 40, load.sizeBytes());
            out.put(load.content());
        }
        if (!symbols.isEmpty()) {
            putSymbols(out);
        }
        var bytes = new byte[out.position()];
        out.get(0, bytes);
        return bytes;
    }

    private void putSymbols(ByteBuffer out) {
        var names = new StringBuilder("\0");
        int table = out.position();
        for (Symbol symbol : symbols) {
            out.putInt(names.length()).putInt(0).putLong(symbol.address()).putLong(8);
            names.append(symbol.name()).append('\0');
        }
        int strings = out.position();
        out.put(names.toString().getBytes(StandardCharsets.US_ASCII));
        int sections = out.position();
        out.putLong(SECTION_TABLE, sections).putShort(58, (short) 64).putShort(60, (short) 2);
        out.putInt(sections + 4, 2).putLong(sections + 24, table);
        out.putLong(sections + 32, strings - table).putInt(sections + 40, 1);
        out.putInt(sections + 68, 3).putLong(sections + 88, strings);
        out.putLong(sections + 96, names.length());
        out.position(sections + 128);
    }
}
