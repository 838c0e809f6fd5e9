package weft.storage.store;

import org.jspecify.annotations.Nullable;

import weft.storage.disk.Disk;
import weft.storage.disk.IdentityFile;
import weft.storage.disk.StoreIdentity;
import weft.storage.journal.GroupCommit;
import weft.storage.journal.JournalRecordCodec;
import weft.storage.metadata.MetadataKeys;
import weft.storage.metadata.MetadataStore;
import weft.wire.MalformedMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;
import java.util.UUID;

/// Who a store is, its lives, and whether its metadata are all that it wrote.
///
/// RocksDB opens without a word where the end of its log is damaged or gone, or where the end of
/// its manifest is: then it lacks its last batches, or some in the midst. So batches are numbered:
///
/// ```text
///   metadata   … K 40   K 41   K 42     the last WINDOW numbers, without a gap, each in its batch
///   journal         note 40   note 41   never newer than the metadata: appended when they are
///                                       durable, with whatever is written next
/// ```
///
/// A gap, or a note of a number that is not there, is refused. A crash between batch and note
/// leaves the note of the one before: that is less than what is there. A checkpoint waits for its
/// note before it recycles the segment that has the last one.
final class StoreLife {
    /// The ordinal of a note; records of groups have 1 and more.
    static final long NOTE_ORDINAL = 0;

    /// Above what RocksDB has in its log and in no table
    /// ([weft.storage.metadata.RocksMetadataStore] says how much that is): what a shorter manifest
    /// takes away lies before that.
    static final int WINDOW = 4096;

    private static final int METADATA_MAGIC = 0x57464D44;
    private static final int METADATA_FORMAT = 1;
    private static final String EMPTY_IT = "the store must be emptied";

    private final MetadataStore metadata;
    private final StoreIdentity identity;

    /// Of the life before until [#begin].
    private long incarnation;

    // Written by who opens the store, then by its checkpoints, one at a time.
    private long number;
    private long firstNumber;
    private @Nullable GroupCommit journal;

    private StoreLife(MetadataStore metadata, StoreIdentity identity) throws IOException {
        this.metadata = metadata;
        this.identity = identity;
        byte[] saved = metadata.get(MetadataKeys.INCARNATION);
        incarnation = saved == null ? 0 : ByteBuffer.wrap(saved).getLong();
    }

    /// What the disk and the metadata say; of a new store, what it is to be.
    ///
    /// @throws IOException if the store belongs to another cluster, the metadata are another's, or
    ///   some of them are missing
    static StoreLife read(Disk disk, MetadataStore metadata, UUID cluster) throws IOException {
        var life = new StoreLife(metadata, identify(disk, metadata, cluster));
        metadata.scan(MetadataKeys.NUMBERS, (key, _) -> life.follow(MetadataKeys.numberOf(key)));
        long first = Math.max(1, life.number - WINDOW + 1);
        if (life.number > 0 && life.firstNumber != first) {
            throw lost(first, life.firstNumber - 1);
        }
        return life;
    }

    private static IOException lost(long from, long to) {
        return new IOException(
                "refused: part of the metadata is lost, batches %d to %d; %s"
                        .formatted(from, to, EMPTY_IT));
    }

    private static StoreIdentity identify(Disk disk, MetadataStore metadata, UUID cluster)
            throws IOException {
        Optional<StoreIdentity> known = IdentityFile.read(disk, cluster);
        byte[] saved = metadata.get(MetadataKeys.IDENTITY);
        if (known.isEmpty() && saved != null) {
            throw new IOException("the store's metadata are there, but its identity file is gone");
        }
        var identity = known.orElseGet(() -> new StoreIdentity(cluster, UUID.randomUUID()));
        byte[] expected = encode(identity);
        if (saved == null) {
            // The file first: metadata without a file are refused, a file without metadata is a
            // store that was never used. Journal segments and metadata that are missing betray
            // themselves.
            if (known.isPresent() && !disk.list("journal").isEmpty()) {
                throw new IOException("the store's metadata are gone; " + EMPTY_IT);
            }
            IdentityFile.write(disk, identity);
            metadata.write(new MetadataStore.Batch().put(MetadataKeys.IDENTITY, expected));
        } else if (!Arrays.equals(saved, expected)) {
            throw new IOException(
                    "refused: the metadata in this folder are not those of store " + identity);
        }
        return identity;
    }

    private static byte[] encode(StoreIdentity identity) {
        return ByteBuffer.allocate(2 * Integer.BYTES + 4 * Long.BYTES)
                .putInt(METADATA_MAGIC)
                .putInt(METADATA_FORMAT)
                .putLong(identity.cluster().getMostSignificantBits())
                .putLong(identity.cluster().getLeastSignificantBits())
                .putLong(identity.store().getMostSignificantBits())
                .putLong(identity.store().getLeastSignificantBits())
                .array();
    }

    private static byte[] encode(long number) {
        return ByteBuffer.allocate(Long.BYTES).putLong(number).array();
    }

    /// The next number that is there.
    private void follow(long next) throws IOException {
        if (firstNumber == 0) {
            firstNumber = next;
        } else if (next != number + 1) {
            throw lost(number + 1, next - 1);
        }
        number = next;
    }

    StoreIdentity identity() {
        return identity;
    }

    /// Whether the life before left no space that nothing names.
    boolean lastLeftNoSpace() throws IOException {
        return Arrays.equals(metadata.get(MetadataKeys.CLOSED), encode(incarnation));
    }

    /// A note that the journal has.
    ///
    /// @throws IOException if the metadata lack that batch
    void readNote(WireReader in) throws IOException, MalformedMessage {
        long noted = JournalRecordCodec.getNote(in);
        if (noted > number) {
            throw new IOException(
                    "refused: the metadata are older than the journal, which knows of batch %d, and they end with %d; %s"
                            .formatted(noted, number, EMPTY_IT));
        }
    }

    /// A new life begins: what there is was read, and is whole.
    ///
    /// @return its incarnation
    long begin(GroupCommit noting) throws IOException {
        journal = noting;
        incarnation++;
        write(new MetadataStore.Batch().put(MetadataKeys.INCARNATION, encode(incarnation)));
        return incarnation;
    }

    /// Writes a batch, durable when this returns, and notes it in the journal.
    void write(MetadataStore.Batch batch) throws IOException {
        number++;
        batch.put(MetadataKeys.number(number), new byte[0]);
        batch.delete(MetadataKeys.number(number - WINDOW));
        metadata.write(batch);
        var out = new WireWriter();
        out.putLong(NOTE_ORDINAL);
        JournalRecordCodec.putNote(number, out);
        if (journal != null) {
            journal.append(out.toBuffers(), () -> {});
        }
    }

    /// This life ends, and leaves no space that nothing names.
    void leaveNoSpace() throws IOException {
        metadata.write(new MetadataStore.Batch().put(MetadataKeys.CLOSED, encode(incarnation)));
    }
}
