package weft.wire.migration;

import weft.wire.MalformedMessage;
import weft.wire.MessageFamily;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.migration.MigrationMessage.Abort;
import weft.wire.migration.MigrationMessage.Begin;
import weft.wire.migration.MigrationMessage.Committed;
import weft.wire.migration.MigrationMessage.Complete;
import weft.wire.migration.MigrationMessage.NotCommitted;
import weft.wire.migration.MigrationMessage.Pages;
import weft.wire.migration.MigrationMessage.Taken;
import weft.wire.migration.MigrationMessage.ZeroPages;

import java.nio.ByteBuffer;
import java.util.UUID;

/// The bytes of [MigrationMessage]s. Each begins with the migration's id, 16 bytes; then:
///
/// ```text
///   0x0201 Begin         vm: length 4, UTF-8 | epoch 8 | memory bytes 8
///   0x0202 Pages         count 4 | page number 8 … | content: length 4, count × 4096 bytes
///   0x0203 ZeroPages     count 4 | page number 8 …
///   0x0204 Complete      paused ns 8 | state: length 4, bytes
///   0x0205 Abort         reason: length 4, UTF-8
///   0x0206 Taken
///   0x0207 Committed     blackout ns 8
///   0x0208 NotCommitted  reason: length 4, UTF-8
/// ```
public final class MigrationFamily implements MessageFamily<MigrationMessage> {
    private static final int NAME_BYTES_MAX = 200;
    private static final int REASON_BYTES_MAX = 4096;

    @Override
    public int rangeByte() {
        return MIGRATION;
    }

    @Override
    public Class<MigrationMessage> messages() {
        return MigrationMessage.class;
    }

    @Override
    public int typeIdOf(MigrationMessage message) {
        int index =
                switch (message) {
                    case Begin _ -> 1;
                    case Pages _ -> 2;
                    case ZeroPages _ -> 3;
                    case Complete _ -> 4;
                    case Abort _ -> 5;
                    case Taken _ -> 6;
                    case Committed _ -> 7;
                    case NotCommitted _ -> 8;
                };
        return MIGRATION << 8 | index;
    }

    @Override
    public void encode(MigrationMessage message, WireWriter out) {
        out.putLong(message.migration().getMostSignificantBits());
        out.putLong(message.migration().getLeastSignificantBits());
        switch (message) {
            case Begin begin -> {
                out.putString(begin.vm());
                out.putLong(begin.epoch());
                out.putLong(begin.memoryBytes());
            }
            case Pages pages -> {
                putPages(out, pages.pages());
                out.putBytes(pages.content());
            }
            case ZeroPages zero -> putPages(out, zero.pages());
            case Complete complete -> {
                out.putLong(complete.pausedNanos());
                out.putBytes(complete.state());
            }
            case Abort abort -> out.putString(abort.reason());
            case Taken _ -> {}
            case Committed committed -> out.putLong(committed.blackoutNanos());
            case NotCommitted not -> out.putString(not.reason());
        }
    }

    @Override
    public MigrationMessage decodeFields(int typeId, WireReader in) throws MalformedMessage {
        var migration = new UUID(in.readLong(), in.readLong());
        return switch (typeId & 0xff) {
            case 1 ->
                    new Begin(
                            migration, in.readString(NAME_BYTES_MAX), in.readLong(), in.readLong());
            case 2 -> readPages(migration, in);
            case 3 -> new ZeroPages(migration, readPageNumbers(in));
            case 4 -> {
                long pausedNanos = in.readLong();
                yield new Complete(
                        migration, in.readBytes(MigrationMessage.STATE_BYTES_MAX), pausedNanos);
            }
            case 5 -> new Abort(migration, in.readString(REASON_BYTES_MAX));
            case 6 -> new Taken(migration);
            case 7 -> new Committed(migration, in.readLong());
            case 8 -> new NotCommitted(migration, in.readString(REASON_BYTES_MAX));
            default ->
                    throw new MalformedMessage(
                            "no migration message has type 0x%04x".formatted(typeId));
        };
    }

    private static Pages readPages(UUID migration, WireReader in) throws MalformedMessage {
        long[] pages = readPageNumbers(in);
        ByteBuffer content = in.readBytes(pages.length * MigrationMessage.PAGE_BYTES);
        if (content.remaining() != pages.length * MigrationMessage.PAGE_BYTES) {
            throw new MalformedMessage(
                    "%d pages with %d bytes".formatted(pages.length, content.remaining()));
        }
        return new Pages(migration, pages, content);
    }

    private static void putPages(WireWriter out, long[] pages) {
        out.putInt(pages.length);
        for (long page : pages) {
            out.putLong(page);
        }
    }

    private static long[] readPageNumbers(WireReader in) throws MalformedMessage {
        int count = in.readCount(Long.BYTES);
        if (count > MigrationMessage.PAGES_MAX) {
            throw new MalformedMessage(
                    "%d pages, at most %d".formatted(count, MigrationMessage.PAGES_MAX));
        }
        var pages = new long[count];
        for (int i = 0; i < count; i++) {
            pages[i] = in.readLong();
        }
        return pages;
    }
}
