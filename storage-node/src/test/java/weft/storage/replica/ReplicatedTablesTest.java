package weft.storage.replica;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import weft.fabric.VolumeId;
import weft.storage.replica.ReplicatedTables.Standing;
import weft.wire.MalformedMessage;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.util.List;

class ReplicatedTablesTest {
    private static final VolumeId VOLUME = new VolumeId(3);
    private final ReplicatedTables tables = new ReplicatedTables();
    private long sequence;

    private void write(long session, long request, long lowest, long token) {
        sequence++;
        var mutation = new Mutation.Zero(List.of(VOLUME), 0, 0, 4096);
        tables.apply(new Entry(1, sequence, session, request, lowest, token, mutation));
    }

    private void raise(long token) {
        raise(token, token);
    }

    private void raise(long token, long sessionsFrom) {
        sequence++;
        var mutation = new Mutation.RaiseToken(VOLUME, token, sessionsFrom);
        tables.apply(new Entry(1, sequence, 0, 0, 0, token, mutation));
    }

    @Test
    void aRequestIsDoneOnceHoweverOftenItIsSent() {
        write(9, 4, 2, 1);
        assertEquals(Standing.FINISHED, tables.standing(9, 4));
        assertEquals(Standing.NEW, tables.standing(9, 3));
        assertEquals(Standing.FORGOTTEN, tables.standing(9, 1));
        assertEquals(Standing.NEW, tables.standing(8, 4));
    }

    @Test
    void tokensNeverGoBack() {
        raise(5);
        raise(3);
        assertEquals(5, tables.token(VOLUME));
    }

    @Test
    void aHigherTokenForgetsTheSessionsItFences() {
        write(9, 4, 1, 1);
        raise(2);
        write(10, 1, 1, 2);
        raise(2);
        assertEquals(Standing.NEW, tables.standing(9, 4));
        assertEquals(Standing.FINISHED, tables.standing(10, 1));
    }

    /// Found by seed 144 of the simulation: a write was repeated by the newer token, done once
    /// more, and hid what came between.
    @Test
    void whoHoldsTheVolumeTogetherWithOthersIsRememberedWhenTheTokenIsRaised() {
        write(9, 4, 1, 2);
        write(8, 4, 1, 1);
        raise(3, 2);
        assertEquals(Standing.FINISHED, tables.standing(9, 4));
        assertEquals(Standing.NEW, tables.standing(8, 4));
    }

    @Test
    void raisingATokenMakesNoSession() {
        write(9, 4, 1, 1);
        for (int i = 0; i < ReplicatedTables.SESSIONS_MAX + 10; i++) {
            sequence++;
            var mutation = new Mutation.RaiseToken(VOLUME, i, 0);
            tables.apply(new Entry(1, sequence, 100 + i, 1, 1, i, mutation));
        }
        assertEquals(Standing.FINISHED, tables.standing(9, 4));
    }

    @Test
    void theSameContentsAreTheSameBytes() throws MalformedMessage {
        raise(7);
        for (int i = 1; i < 50; i++) {
            write(i % 5 + 1, i, Math.max(1, i - 20), 7);
        }
        ReplicatedTables read = ReplicatedTables.decode(tables.encode());
        assertEquals(tables.encode(), read.encode());
        assertEquals(tables.encode(), tables.copy().encode());
        assertEquals(7, read.token(VOLUME));
    }

    @Test
    void sessionsAreBounded() {
        for (int i = 1; i <= ReplicatedTables.SESSIONS_MAX + 10; i++) {
            write(i, 1, 1, 1);
        }
        assertEquals(Standing.NEW, tables.standing(1, 1));
        assertEquals(Standing.FINISHED, tables.standing(ReplicatedTables.SESSIONS_MAX + 10, 1));
    }
}
