package weft.vmhost.migration;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;

/// One random change of a recorded move: bytes, lengths, the order of messages, page numbers, and
/// the state of devices under a checksum that is right. Messages mostly have theirs.
record Mutation(RecordedMove move, Random random) {
    private static final int PAGES = 0x0202;
    private static final int COMPLETE = 0x0204;

    /// Before the snapshot in a Complete: envelope, migration's id, pause, length.
    private static final int STATE_OFFSET = RecordedMove.HEAD_BYTES + 16 + 8 + 4;

    private static final int SNAPSHOT_HEADER_BYTES = 20;

    byte[] apply() {
        byte[] changed = changed();
        return random.nextInt(16) == 0 ? changed : RecordedMove.sealed(changed);
    }

    private byte[] changed() {
        byte[] bytes = move.bytes().clone();
        return switch (random.nextInt(10)) {
            case 0 -> spoil(bytes, 0, bytes.length);
            case 1 -> Arrays.copyOf(bytes, random.nextInt(bytes.length));
            case 2 -> insert(bytes, random.nextInt(bytes.length));
            case 3 -> randomFrom(bytes, random.nextInt(bytes.length));
            case 4 -> {
                ByteBuffer.wrap(bytes).putInt(any(move.envelopes()), absurd());
                yield bytes;
            }
            case 5 -> wrongPage(bytes);
            case 6 -> shuffled(bytes);
            case 7, 8 -> wrongState(bytes);
            default -> {
                int at = any(move.envelopes());
                yield spoil(bytes, at, at + RecordedMove.HEAD_BYTES + 40);
            }
        };
    }

    private <T> T any(List<T> of) {
        return of.get(random.nextInt(of.size()));
    }

    private int absurd() {
        return switch (random.nextInt(4)) {
            case 0 -> random.nextInt();
            case 1 -> -random.nextInt(100);
            case 2 -> random.nextInt(5 << 20);
            default -> Integer.MAX_VALUE - random.nextInt(100);
        };
    }

    private byte[] spoil(byte[] bytes, int start, int end) {
        int count = 1 + random.nextInt(8);
        for (int i = 0; i < count; i++) {
            int at = start + random.nextInt(Math.min(end, bytes.length) - start);
            bytes[at] = (byte) random.nextInt();
        }
        return bytes;
    }

    private byte[] insert(byte[] bytes, int at) {
        var more = new byte[1 + random.nextInt(64)];
        random.nextBytes(more);
        byte[] all = Arrays.copyOf(bytes, bytes.length + more.length);
        System.arraycopy(bytes, at, all, at + more.length, bytes.length - at);
        System.arraycopy(more, 0, all, at, more.length);
        return all;
    }

    private byte[] randomFrom(byte[] bytes, int at) {
        var rest = new byte[bytes.length - at];
        random.nextBytes(rest);
        System.arraycopy(rest, 0, bytes, at, rest.length);
        return bytes;
    }

    private byte[] wrongPage(byte[] bytes) {
        ByteBuffer all = ByteBuffer.wrap(bytes);
        int at = any(move.ofType(PAGES)) + RecordedMove.HEAD_BYTES + 16;
        int index = random.nextInt(all.getInt(at));
        int where = at + 4 + 8 * index;
        long page = all.getLong(where);
        all.putLong(
                where, random.nextBoolean() ? random.nextLong() : page ^ 1L << random.nextInt(64));
        return bytes;
    }

    /// Messages dropped, doubled, exchanged.
    private byte[] shuffled(byte[] bytes) {
        var messages = new ArrayList<byte[]>();
        for (int at : move.envelopes()) {
            int length = RecordedMove.HEAD_BYTES + ByteBuffer.wrap(bytes).getInt(at);
            messages.add(Arrays.copyOfRange(bytes, at, at + length));
        }
        int index = random.nextInt(messages.size());
        switch (random.nextInt(3)) {
            case 0 -> messages.remove(index);
            case 1 -> messages.add(random.nextInt(messages.size()), messages.get(index));
            default -> java.util.Collections.swap(messages, index, random.nextInt(messages.size()));
        }
        var all = new ByteArrayOutputStream();
        all.write(bytes, 0, move.handshakeBytes());
        messages.forEach(all::writeBytes);
        return all.toByteArray();
    }

    /// Another content of one section, with its checksum made right.
    private byte[] wrongState(byte[] bytes) {
        ByteBuffer all = ByteBuffer.wrap(bytes);
        int start = move.ofType(COMPLETE).getFirst() + STATE_OFFSET;
        int sections = all.getInt(start + 12);
        int at = start + SNAPSHOT_HEADER_BYTES;
        for (int skip = random.nextInt(sections); skip > 0; skip--) {
            at = endOf(all, at);
        }
        int contentStart = at + 2 + all.getShort(at) + 4 + 4;
        int contentEnd = endOf(all, at) - 4;
        if (contentEnd > contentStart) {
            var _ = spoil(bytes, contentStart, contentEnd);
        }
        var crc = new CRC32C();
        crc.update(bytes, at, contentEnd - at);
        all.putInt(contentEnd, (int) crc.getValue());
        return bytes;
    }

    private static int endOf(ByteBuffer all, int section) {
        int lengthAt = section + 2 + all.getShort(section) + 4;
        return lengthAt + 4 + all.getInt(lengthAt) + 4;
    }
}
