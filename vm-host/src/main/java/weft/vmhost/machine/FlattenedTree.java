package weft.vmhost.machine;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/// Writes a flattened device tree (Devicetree Specification 0.4, chapter 5), version 17.
///
/// ```
/// header 40 B | memory reservations (one empty entry) | structure block | strings block
/// ```
///
/// All numbers are big-endian; tokens and property values start at multiples of 4.
final class FlattenedTree {
    private static final int MAGIC = 0xd00dfeed;
    private static final int VERSION = 17;
    private static final int LAST_COMPATIBLE_VERSION = 16;
    private static final int HEADER_BYTES = 40;
    private static final int RESERVATION_BYTES = 16;
    private static final int BEGIN_NODE = 1;
    private static final int END_NODE = 2;
    private static final int PROPERTY = 3;
    private static final int END = 9;

    private final ByteArrayOutputStream structure = new ByteArrayOutputStream();
    private final ByteArrayOutputStream strings = new ByteArrayOutputStream();
    private final Map<String, Integer> nameOffsets = new LinkedHashMap<>();
    private int depth;

    /// Opens a node; its name carries the unit address (`serial@10000000`), the root's is empty.
    FlattenedTree begin(String name) {
        word(BEGIN_NODE);
        structure.writeBytes(text(name));
        align();
        depth++;
        return this;
    }

    /// Closes the node opened last.
    FlattenedTree end() {
        assert depth > 0;
        word(END_NODE);
        depth--;
        return this;
    }

    /// A property that says something by being there.
    FlattenedTree flag(String name) {
        return bytes(name, new byte[0]);
    }

    /// A list of strings, each with its terminator.
    FlattenedTree strings(String name, String... values) {
        var value = new ByteArrayOutputStream();
        for (String part : values) {
            value.writeBytes(text(part));
        }
        return bytes(name, value.toByteArray());
    }

    /// A list of 32-bit cells.
    FlattenedTree cells(String name, int... values) {
        ByteBuffer value = ByteBuffer.allocate(4 * values.length);
        for (int cell : values) {
            value.putInt(cell);
        }
        return bytes(name, value.array());
    }

    /// A list of 64-bit numbers, two cells each: with two address and two size cells, a `reg`.
    FlattenedTree longs(String name, long... values) {
        ByteBuffer value = ByteBuffer.allocate(8 * values.length);
        for (long number : values) {
            value.putLong(number);
        }
        return bytes(name, value.array());
    }

    /// A property of any form.
    FlattenedTree bytes(String name, byte[] value) {
        assert depth > 0;
        word(PROPERTY);
        word(value.length);
        word(nameOffset(name));
        structure.writeBytes(value);
        align();
        return this;
    }

    /// The whole blob.
    byte[] finish() {
        assert depth == 0;
        word(END);
        int structureOffset = HEADER_BYTES + RESERVATION_BYTES;
        int stringsOffset = structureOffset + structure.size();
        int totalBytes = stringsOffset + strings.size();
        return ByteBuffer.allocate(totalBytes)
                .putInt(MAGIC)
                .putInt(totalBytes)
                .putInt(structureOffset)
                .putInt(stringsOffset)
                .putInt(HEADER_BYTES)
                .putInt(VERSION)
                .putInt(LAST_COMPATIBLE_VERSION)
                .putInt(0)
                .putInt(strings.size())
                .putInt(structure.size())
                .putLong(0)
                .putLong(0)
                .put(structure.toByteArray())
                .put(strings.toByteArray())
                .array();
    }

    private int nameOffset(String name) {
        return nameOffsets.computeIfAbsent(
                name,
                absent -> {
                    int offset = strings.size();
                    strings.writeBytes(text(absent));
                    return offset;
                });
    }

    private static byte[] text(String value) {
        assert value.indexOf(0) < 0;
        return (value + "\0").getBytes(StandardCharsets.UTF_8);
    }

    private void word(int value) {
        structure.writeBytes(ByteBuffer.allocate(4).putInt(value).array());
    }

    private void align() {
        while (structure.size() % 4 != 0) {
            structure.write(0);
        }
    }
}
