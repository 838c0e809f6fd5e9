package weft.storage.simulation;

import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.sim.SimWorld;
import weft.storage.simulation.SimRecords.Held;
import weft.wire.holder.HolderMessage;
import weft.wire.holder.HolderMessage.Holding;
import weft.wire.holder.HolderMessage.NewLayers;
import weft.wire.holder.HolderMessage.Settled;
import weft.wire.holder.HolderMessage.Standing;
import weft.wire.holder.HolderMessage.Switched;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;

/// A cut of several volumes: what `weft.ops.pool.ConsistentCut` does with blocking calls, done here
/// step by step in virtual time, against the production holders. The two must be changed together.
///
/// ```text
///   commit ─► raise ─► switch all (again while one does not know) ─► settle ─► seal
///     ▲                                └ take away ──┴──────────────────┴───────┘
///     └─────────────────────────────── void: again ─────────────────────┘
/// ```
///
/// It is a process of its own: its messages may be late or lost, and it may die at any moment.
final class SimCut {
    private static final long MILLIS = SimPool.MILLIS;
    private static final int ATTEMPTS_MAX = 8;
    private static final long ASK_AGAIN_NANOS = 50 * MILLIS;
    private static final long SWITCH_NANOS_MAX = 3_000 * MILLIS;
    private static final long SETTLE_NANOS_MAX = 15_000 * MILLIS;
    private static final long IMAGE_LAG_NANOS_MAX = 1_000 * MILLIS;
    private static final long HOLDER_PATIENCE_NANOS = 5_000 * MILLIS;
    private static final int HOLD_MILLIS = 20;
    private static final int HOLD_DOUBLINGS_MAX = 4;
    private static final long FENCE_NANOS_MAX = 6_000 * MILLIS;

    /// A volume of a cut.
    ///
    /// @param held as it was when it got its new layer
    /// @param before its record without that layer, what the snapshot is made of
    private record Part(Held held, Volume before) {
        VolumeId id() {
            return held.id();
        }

        Holding holding() {
            return new Holding(id(), held.token());
        }

        NewLayers newLayers() {
            return new NewLayers(
                    id(), held.token(), held.record().sizeBytes(), held.record().chain());
        }
    }

    /// Who hears how it ended.
    interface Result {
        /// The snapshots are sealed.
        ///
        /// @param snapshots read-only, in the order of the volumes
        void sealed(List<Volume> snapshots);
    }

    private final SimPool pool;
    private final SimWorld world;
    private final SimProcess self;
    private final List<VolumeId> volumes;
    private final Result result;
    private List<Part> parts = List.of();
    private long cut;
    private boolean hold;
    private int attempts;
    private long startNanos;
    private Map<SimProcess, List<Part>> toAsk = new LinkedHashMap<>();
    private Map<SimProcess, List<Part>> switched = new LinkedHashMap<>();
    private boolean askedTwice;

    /// Whether all groups are told of all tokens before anybody is asked.
    private boolean fenceFirst;

    private boolean notAlone;

    SimCut(SimPool pool, SimProcess self, List<VolumeId> volumes, Result result) {
        this.pool = pool;
        this.self = self;
        this.volumes = volumes;
        this.result = result;
        world = pool.world;
    }

    void start() {
        List<Held> read = volumes.stream().map(pool.records::volume).toList();
        boolean full = read.stream().anyMatch(h -> h.record().layers().size() == Volume.LAYERS_MAX);
        if (attempts == ATTEMPTS_MAX || full) {
            return;
        }
        attempts++;
        atCoordination(() -> commit(read));
    }

    private void atCoordination(Runnable step) {
        self.later(Duration.ofNanos(world.between(400_000, 6 * MILLIS)), step);
    }

    private void commit(List<Held> read) {
        List<Volume> records =
                read.stream().map(held -> SimRecords.withNewLayer(held.record())).toList();
        if (!pool.records.commitCut(read, records)) {
            start();
            return;
        }
        parts = new ArrayList<>();
        for (Held held : read) {
            parts.add(new Part(pool.records.volume(held.id()), held.record()));
        }
        tell("begins with " + parts.stream().map(part -> part.held().record().layers()).toList());
        complete();
    }

    private void complete() {
        toAsk = new LinkedHashMap<>();
        switched = new LinkedHashMap<>();
        askedTwice = false;
        fenceFirst = attempts > 1;
        notAlone = false;
        for (Part part : parts) {
            SimProcess process = part.held().process();
            if (process != null) {
                toAsk.computeIfAbsent(process, _ -> new ArrayList<>()).add(part);
            }
        }
        cut = pool.freshId();
        hold = toAsk.size() > 1;
        List<Part> unsure = new ArrayList<>(parts);
        unsure.removeIf(part -> !fenceFirst && part.held().process() != null);
        raiseAll(unsure);
    }

    private void switchAll() {
        int holdMillis = HOLD_MILLIS << Math.min(attempts - 1, HOLD_DOUBLINGS_MAX);
        Map<SimProcess, HolderMessage> questions = new LinkedHashMap<>();
        toAsk.forEach((process, asked) ->
                questions.put(
                        process,
                        new HolderMessage.Switch(
                                cut,
                                hold && !askedTwice ? holdMillis : 0,
                                asked.stream().map(Part::newLayers).toList())));
        askAll(questions, SWITCH_NANOS_MAX, this::onSwitched);
    }

    private void onSwitched(Map<SimProcess, HolderMessage> answers) {
        List<Part> unknown = new ArrayList<>();
        for (SimProcess process : List.copyOf(toAsk.keySet())) {
            List<Part> asked = Objects.requireNonNull(toAsk.remove(process));
            List<Part> left = new ArrayList<>(asked);
            if (answers.get(process) instanceof Switched told) {
                boolean isKnown =
                        told.standings().stream().anyMatch(one -> one != Standing.UNKNOWN);
                notAlone |= isKnown && !told.alone();
                for (int i = 0; i < asked.size(); i++) {
                    Part part = asked.get(i);
                    Standing standing = told.standings().get(i);
                    if (standing != Standing.UNKNOWN) {
                        left.remove(part);
                    }
                    if (standing == Standing.SWITCHED) {
                        switched.computeIfAbsent(process, _ -> new ArrayList<>()).add(part);
                    }
                }
            } else {
                notAlone = true;
            }
            unknown.addAll(left);
            if (!left.isEmpty()) {
                toAsk.put(process, left);
            }
        }
        if (unknown.isEmpty()) {
            if (parts.size() > 1 && askedTwice) {
                voidCut("a process had to be asked twice");
            } else if (notAlone && !fenceFirst) {
                voidCut("earlier holders may not be refused everywhere");
            } else {
                settle();
            }
            return;
        }
        if (unknown.stream().anyMatch(part -> !isUnchanged(part))) {
            voidCut("a record was changed meanwhile");
            return;
        }
        long waited = world.nowNanos() - startNanos;
        boolean alive = toAsk.keySet().stream().anyMatch(process -> !process.isDead());
        if (waited < (alive ? HOLDER_PATIENCE_NANOS : IMAGE_LAG_NANOS_MAX)) {
            askedTwice = true;
            self.later(Duration.ofNanos(ASK_AGAIN_NANOS), this::switchAll);
        } else if (alive) {
            // In use, and its holder does not answer: an operator is told so.
            tell("gives up");
        } else {
            atCoordination(() -> takeAway(unknown.getFirst()));
        }
    }

    private boolean isUnchanged(Part part) {
        Held now = pool.records.volume(part.id());
        return now.version() == part.held().version()
                && now.attachmentVersion() == part.held().attachmentVersion();
    }

    /// The next attempt finds that nobody holds the volume, and raises its token.
    private void takeAway(Part part) {
        if (isUnchanged(part)) {
            var _ = pool.records.attach(part.id(), part.held().token() + 1, null);
        }
        voidCut("a volume was taken from its holder");
    }

    /// Nothing goes on before all groups know the token.
    private void raise(Held held, Runnable then) {
        self.raise(
                held,
                FENCE_NANOS_MAX,
                done -> {
                    if (done) {
                        then.run();
                    } else {
                        tell("cannot fence " + held.id());
                    }
                });
    }

    private void settle() {
        Map<SimProcess, HolderMessage> questions = new LinkedHashMap<>();
        switched.forEach((process, done) ->
                questions.put(
                        process,
                        new HolderMessage.Settle(cut, done.stream().map(Part::holding).toList())));
        askAll(questions, SETTLE_NANOS_MAX, this::onSettled);
    }

    private void onSettled(Map<SimProcess, HolderMessage> answers) {
        for (SimProcess process : switched.keySet()) {
            if (!(answers.get(process) instanceof Settled settled)) {
                if (process.isDead()) {
                    voidCut(process.name + " went away");
                } else {
                    tell("gives up: " + process.name + " does not settle");
                }
                return;
            }
            if (hold && !settled.held() || !settled.clean()) {
                voidCut("%s: %s".formatted(process.name, settled));
                return;
            }
        }
        atCoordination(this::seal);
    }

    /// An earlier holder is served no more when all groups know the present one's token; the claim
    /// may have found some of them silent. Before the instant of the cut: such a holder switches
    /// nothing and withholds nothing.
    private void raiseAll(List<Part> left) {
        if (left.isEmpty()) {
            startNanos = world.nowNanos();
            switchAll();
            return;
        }
        Held held = left.removeLast().held();
        if (held.token() == 0) {
            raiseAll(left);
        } else {
            raise(held, () -> raiseAll(left));
        }
    }

    private void seal() {
        List<Volume> sealed = new ArrayList<>();
        for (Part part : parts) {
            Volume record = part.held().record();
            sealed.add(record.withSealedBelow(record.layers().getFirst().generation()));
        }
        if (!pool.records.commit(parts.stream().map(Part::held).toList(), sealed, _ -> true)) {
            voidCut("a record was changed meanwhile");
            return;
        }
        List<Volume> snapshots =
                parts.stream()
                        .map(part -> part.before().withAccess(Volume.Access.READ_ONLY))
                        .toList();
        tell("is sealed");
        result.sealed(snapshots);
    }

    private void voidCut(String why) {
        tell("is void: " + why);
        start();
    }

    private void tell(String what) {
        world.tell("cut %d of %s %s".formatted(cut, volumes, what));
    }

    /// Asks processes at once; what has come when all have answered, or the time is over, or the
    /// connection of those that did not is broken.
    private void askAll(
            Map<SimProcess, HolderMessage> questions,
            long nanosMax,
            Consumer<Map<SimProcess, HolderMessage>> then) {
        Map<SimProcess, HolderMessage> answers = new LinkedHashMap<>();
        boolean[] over = new boolean[1];
        Runnable end =
                () -> {
                    if (!over[0]) {
                        over[0] = true;
                        then.accept(answers);
                    }
                };
        questions.forEach((process, question) ->
                onItsWay(() ->
                        process.ask(
                                question,
                                answer ->
                                        onItsWay(() -> {
                                            answers.put(process, answer);
                                            if (answers.size() == questions.size()) {
                                                end.run();
                                            }
                                        }))));
        boolean broken = questions.keySet().stream().anyMatch(SimProcess::isDead);
        long until = questions.isEmpty() ? 0 : broken ? 10 * MILLIS : nanosMax;
        self.later(Duration.ofNanos(until), end);
    }

    /// Mostly fast, sometimes later than holders hold, sometimes never.
    private void onItsWay(Runnable arrival) {
        double lot = world.random().nextDouble();
        if (lot > 0.01) {
            long most = lot < 0.1 ? 40 * MILLIS : 2 * MILLIS;
            self.later(Duration.ofNanos(world.between(50_000, most)), arrival);
        }
    }

    /// Whether it can do nothing any more.
    boolean isDead() {
        return self.isDead();
    }
}
