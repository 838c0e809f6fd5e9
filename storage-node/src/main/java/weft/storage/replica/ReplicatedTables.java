package weft.storage.replica;

import weft.fabric.VolumeId;
import weft.wire.MalformedMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;
import weft.wire.storage.StorageMessage.WriteBlocks;

import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;

/// The part of a group's replicated state that is not block data: each volume's fencing token, and
/// which requests of which session are finished. A pure function of the committed entries: all
/// replicas have the same at the same sequence, and encode it to the same bytes.
///
/// Not shared between threads: the replica has one (ahead), the store one of its own (saved with
/// the applied sequence).
public final class ReplicatedTables {
    /// The most sessions remembered; beyond it the one longest unused is forgotten. A session is
    /// 100 bytes and its finished set.
    public static final int SESSIONS_MAX = 1024;

    /// The most finished requests above a session's lowest unfinished one: the client's window.
    public static final int FINISHED_MAX = 4096;

    /// The most finished requests of all sessions: 8 bytes each, 2 MiB. With them the tables fit in
    /// `ReplicaMessage.TABLES_BYTES_MAX`; beyond it the session longest unused is forgotten.
    private static final int FINISHED_TOTAL_MAX = 256 << 10;

    private static final int FORMAT = 1;
    private static final int SESSION_BYTES_MIN = 36;

    /// What is known of one attachment session.
    ///
    /// The token is that of its first request: it may have gone on by higher ones.
    private static final class Session {
        final VolumeId volume;
        final long token;
        long lowestUnfinished;
        long lastSequence;
        final TreeSet<Long> finished = new TreeSet<>();

        Session(VolumeId volume, long token) {
            this.volume = volume;
            this.token = token;
        }
    }

    private final Map<VolumeId, Long> tokens = new HashMap<>();
    private final Map<Long, Session> sessions = new HashMap<>();
    private int finishedTotal;

    /// Whether a request took effect before.
    public enum Standing {
        /// Never seen: do it.
        NEW,
        /// Done: answer that it is.
        FINISHED,
        /// Its session said long ago that it is finished: a late copy, drop it.
        FORGOTTEN
    }

    /// The highest token raised for the volume; 0 if none.
    public long token(VolumeId volume) {
        return tokens.getOrDefault(volume, 0L);
    }

    /// The volumes that have a token.
    public Set<VolumeId> volumes() {
        return Set.copyOf(tokens.keySet());
    }

    /// What is known of the request.
    public Standing standing(long session, long requestSequence) {
        Session known = sessions.get(session);
        if (known == null) {
            return Standing.NEW;
        }
        if (requestSequence < known.lowestUnfinished) {
            return Standing.FORGOTTEN;
        }
        return known.finished.contains(requestSequence) ? Standing.FINISHED : Standing.NEW;
    }

    /// Takes the effect of a committed entry. Must be called once for each, in order.
    public void apply(Entry entry) {
        switch (entry.mutation()) {
            case Mutation.RaiseToken raise -> raise(raise);
            case Mutation.ForgetVolume gone -> {
                tokens.remove(gone.volume());
                forgetIf(session -> session.volume.equals(gone.volume()));
            }
            case Mutation.DropLayer _, Mutation.OfChunk _ -> {}
        }
        // To raise a token twice is to raise it once: nobody needs to know.
        if (entry.session() != 0 && !(entry.mutation() instanceof Mutation.RaiseToken)) {
            finish(entry);
        }
    }

    private void raise(Mutation.RaiseToken raise) {
        VolumeId volume = raise.volume();
        if (raise.token() > token(volume)) {
            tokens.put(volume, raise.token());
            // A holder that shares the volume goes on by the new token, and may repeat what it
            // asked
            // by an older one.
            forgetIf(session ->
                    session.volume.equals(volume) && session.token < raise.sessionsFrom());
        }
    }

    private void finish(Entry entry) {
        Session session =
                sessions.computeIfAbsent(
                        entry.session(),
                        id ->
                                new Session(
                                        WriteBlocks.guard(entry.token(), entry.mutation()),
                                        entry.token()));
        session.lastSequence = entry.sequence();
        session.lowestUnfinished = Math.max(session.lowestUnfinished, entry.lowestUnfinished());
        int before = session.finished.size();
        session.finished.add(entry.requestSequence());
        // Usually none or one: a view of the set would cost more than they do.
        while (!session.finished.isEmpty() && session.finished.first() < session.lowestUnfinished) {
            session.finished.pollFirst();
        }
        while (session.finished.size() > FINISHED_MAX) {
            session.lowestUnfinished = session.finished.pollFirst() + 1;
        }
        finishedTotal += session.finished.size() - before;
        while (sessions.size() > SESSIONS_MAX || finishedTotal > FINISHED_TOTAL_MAX) {
            forgetOldest();
        }
    }

    private void forgetOldest() {
        long oldest =
                Collections.min(
                                sessions.entrySet(),
                                Comparator.comparingLong(e -> e.getValue().lastSequence))
                        .getKey();
        Session forgotten = sessions.remove(oldest);
        finishedTotal -= forgotten == null ? 0 : forgotten.finished.size();
    }

    private void forgetIf(Predicate<Session> condition) {
        sessions.values().removeIf(condition);
        finishedTotal = sessions.values().stream().mapToInt(s -> s.finished.size()).sum();
    }

    /// A copy that goes its own way.
    public ReplicatedTables copy() {
        var copy = new ReplicatedTables();
        copy.tokens.putAll(tokens);
        sessions.forEach((id, session) -> {
            var other = new Session(session.volume, session.token);
            other.lowestUnfinished = session.lowestUnfinished;
            other.lastSequence = session.lastSequence;
            other.finished.addAll(session.finished);
            copy.sessions.put(id, other);
        });
        copy.finishedTotal = finishedTotal;
        return copy;
    }

    /// The tables as bytes: the same for the same contents.
    ///
    /// ```text
    ///   format 1 | tokens: count 4, (volume 8, token 8), by volume
    ///   sessions: count 4, by id: id 8 | volume 8 | token 8 | lowest unfinished 8 | last sequence 8
    ///                             | finished: count 4, ascending, 8 each
    /// ```
    public ByteBuffer encode() {
        var out = new WireWriter();
        out.putByte(FORMAT);
        out.putInt(tokens.size());
        tokens.entrySet().stream()
                .sorted(Comparator.comparingLong(e -> e.getKey().value()))
                .forEach(e -> {
                    out.putLong(e.getKey().value());
                    out.putLong(e.getValue());
                });
        out.putInt(sessions.size());
        sessions.entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .forEach(e -> {
                    Session session = e.getValue();
                    out.putLong(e.getKey());
                    out.putLong(session.volume.value());
                    out.putLong(session.token);
                    out.putLong(session.lowestUnfinished);
                    out.putLong(session.lastSequence);
                    out.putInt(session.finished.size());
                    session.finished.forEach(out::putLong);
                });
        return ByteBuffer.wrap(out.toBytes()).asReadOnlyBuffer();
    }

    /// What [#encode] wrote.
    public static ReplicatedTables decode(ByteBuffer bytes) throws MalformedMessage {
        try {
            var in = new WireReader(bytes);
            int format = in.readByte();
            if (format != FORMAT) {
                throw new MalformedMessage("replicated tables of format " + format);
            }
            var tables = new ReplicatedTables();
            int tokenCount = in.readCount(16);
            for (int i = 0; i < tokenCount; i++) {
                tables.tokens.put(new VolumeId(in.readLong()), in.readLong());
            }
            int sessionCount = in.readCount(SESSION_BYTES_MIN);
            for (int i = 0; i < sessionCount; i++) {
                long id = in.readLong();
                var session = new Session(new VolumeId(in.readLong()), in.readLong());
                session.lowestUnfinished = in.readLong();
                session.lastSequence = in.readLong();
                int finishedCount = in.readCount(8);
                for (int f = 0; f < finishedCount; f++) {
                    session.finished.add(in.readLong());
                }
                tables.sessions.put(id, session);
                tables.finishedTotal += session.finished.size();
            }
            in.end();
            return tables;
        } catch (IllegalArgumentException e) {
            throw new MalformedMessage("replicated tables: " + e.getMessage());
        }
    }
}
