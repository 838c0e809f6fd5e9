package weft.storage.replica;

import weft.wire.storage.StorageMessage.MapBlocks;
import weft.wire.storage.StorageMessage.MapDone;
import weft.wire.storage.StorageMessage.ReadBlocks;
import weft.wire.storage.StorageMessage.ReadDone;
import weft.wire.storage.StorageMessage.ReadRequest;
import weft.wire.storage.StorageMessage.Refused.Reason;
import weft.wire.storage.StorageMessage.WriteBlocks;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The reads that clients ask of a primary: answered under its leases, after the raise of a token
/// that came with them, and after the repair of a block that turned out damaged.
final class ClientReads {
    /// Reads not answered yet.
    private static final int READS_MAX = 4096;

    private record Read(long exchange, ReadRequest request) {}

    /// The primary, as this class needs it.
    interface Server {
        /// Whether committed state may be shown now.
        boolean mayRead(long nowNanos);

        /// Whether a new entry may be made now.
        boolean maySequence();

        /// Commits what can be.
        void advance();
    }

    private final ReplicaState state;
    private final Server primary;
    private final ClientRequests requests;
    private final BlockRepairs repairs;
    private final Map<Long, Read> unanswered = new LinkedHashMap<>();
    private final Map<Long, Read> atDisk = new HashMap<>();
    private final Map<Long, List<Read>> afterRaise = new HashMap<>();

    ClientReads(ReplicaState state, Server primary, ClientRequests requests, BlockRepairs repairs) {
        this.state = state;
        this.primary = primary;
        this.requests = requests;
        this.repairs = repairs;
    }

    /// Takes a read.
    void admit(long exchange, ReadRequest request, long nowNanos) {
        long token = request.token();
        long known = requests.tokenAhead(request.volume());
        if (WriteBlocks.isMaintenance(token)) {
            Role.refuse(state, exchange, Reason.BAD_REQUEST, "not by this token");
        } else if (!primary.mayRead(nowNanos)) {
            Role.refuse(state, exchange, Reason.NOT_SERVING, "no lease");
        } else if (token != 0 && token < known) {
            Role.refuse(state, exchange, Reason.FENCED, "token " + known);
        } else if (unanswered.size() >= READS_MAX) {
            Role.refuse(state, exchange, Reason.OVERLOADED, "too many reads");
        } else if (token <= state.tables.token(request.volume())) {
            start(taken(exchange, request));
        } else if (token == known || primary.maySequence()) {
            long after = requests.raise(request.volume(), token);
            afterRaise.computeIfAbsent(after, _ -> new ArrayList<>()).add(taken(exchange, request));
            primary.advance();
        } else {
            Role.refuse(state, exchange, Reason.NOT_SERVING, "token cannot be raised now");
        }
    }

    private Read taken(long exchange, ReadRequest request) {
        var read = new Read(exchange, request);
        unanswered.put(exchange, read);
        return read;
    }

    private void start(Read read) {
        long ticket = state.nextTicket();
        atDisk.put(ticket, read);
        switch (read.request()) {
            case ReadBlocks blocks -> state.disk.read(ticket, blocks);
            case MapBlocks map -> state.disk.map(ticket, map);
        }
    }

    /// The entry with this sequence is committed.
    void onCommitted(long sequence) {
        List<Read> waiting = afterRaise.remove(sequence);
        if (waiting != null) {
            waiting.forEach(this::start);
        }
    }

    /// See [ReplicaDisk.Events#onRead].
    void onRead(long ticket, ReplicaDisk.ReadOutcome outcome, long nowNanos) {
        Read read = atDisk.remove(ticket);
        if (read == null) {
            return;
        }
        // After the data were collected: what was read was the committed state while it was read.
        if (!primary.mayRead(nowNanos)) {
            refuse(read, Reason.NOT_SERVING, "the lease ran out");
            return;
        }
        switch (outcome) {
            case ReplicaDisk.ReadOutcome.Blocks blocks -> {
                unanswered.remove(read.exchange());
                state.outbox.reply(
                        read.exchange(), new ReadDone(blocks.blocks(), blocks.checksums()));
            }
            case ReplicaDisk.ReadOutcome.Mapped mapped -> {
                unanswered.remove(read.exchange());
                state.outbox.reply(read.exchange(), new MapDone(mapped.states()));
            }
            case ReplicaDisk.ReadOutcome.Damaged damaged ->
                    repairs.repair(damaged.block(), new AfterRepair(read), nowNanos);
            case ReplicaDisk.ReadOutcome.Failed failed ->
                    refuse(read, Reason.CORRUPT, failed.detail());
        }
    }

    /// A read whose block is being repaired: done again from the start, for there may be more.
    private final class AfterRepair implements BlockRepairs.Waiting {
        private final Read read;

        AfterRepair(Read read) {
            this.read = read;
        }

        @Override
        public void repaired() {
            start(read);
        }

        @Override
        public void lost(String detail) {
            refuse(read, Reason.CORRUPT, detail);
        }
    }

    private void refuse(Read read, Reason reason, String detail) {
        unanswered.remove(read.exchange());
        Role.refuse(state, read.exchange(), reason, detail);
    }

    /// The role ends: everyone asks elsewhere.
    void end() {
        for (Read read : List.copyOf(unanswered.values())) {
            refuse(read, Reason.NOT_PRIMARY, "no longer primary");
        }
    }
}
