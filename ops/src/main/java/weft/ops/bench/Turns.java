package weft.ops.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;

/// Runs a thing on Weft and on the peer in turns, so that both meet the same neighbours, and
/// repeats a run during which others took too much of the host.
public final class Turns<S extends Turns.Side> {
    /// Above this, a run says more of the neighbours than of us.
    public static final double FOREIGN_CORES_MAX = 0.3;

    /// As often as a busy run is tried; the quietest counts.
    private static final int ATTEMPTS_MAX = 3;

    private final int attemptsMax;

    private final Optional<S> peer;
    private final int repeat;
    private final Consumer<String> progress;
    private double foreignCoresMax;

    /// A quantity that a run gives.
    public record Quantity(String name, String unit, Row.Better better) {}

    /// A run's values, in the order of the quantities.
    ///
    /// @param result what must be the same in all runs on both sides
    public record Sample(List<Double> values, String result) {}

    /// Who runs it.
    public interface Side {
        /// As reports name it.
        String name();

        /// Processes that work for it and are not our children: what they use is not foreign.
        default List<Long> servers() {
            return List.of();
        }
    }

    /// One run.
    public interface Runner<S extends Side> {
        Sample run(S side) throws IOException, InterruptedException;
    }

    private record Weighed(Sample sample, double foreignCores) {}

    public Turns(Optional<S> peer, int repeat, Consumer<String> progress) {
        this(peer, repeat, ATTEMPTS_MAX, progress);
    }

    private Turns(Optional<S> peer, int repeat, int attemptsMax, Consumer<String> progress) {
        this.attemptsMax = attemptsMax;
        this.peer = peer;
        this.repeat = repeat;
        this.progress = progress;
    }

    /// One run each, whatever others take meanwhile: a second one would find something else.
    public static <S extends Side> Turns<S> once(Optional<S> peer, Consumer<String> progress) {
        return new Turns<>(peer, 1, 1, progress);
    }

    /// Takes each run as it is: where the kernel works for both sides in nobody's name, that cannot
    /// be told from what others take.
    public static <S extends Side> Turns<S> noisy(
            Optional<S> peer, int repeat, Consumer<String> progress) {
        return new Turns<>(peer, repeat, 1, progress);
    }

    /// The most that others took during a run that counts, in cores.
    public double foreignCoresMax() {
        return foreignCoresMax;
    }

    /// The rows of these quantities, in their order.
    public List<Row> compare(String row, S weft, List<Quantity> quantities, Runner<S> runner)
            throws IOException, InterruptedException {
        return rows(row, weft, peer, quantities, runner);
    }

    /// The same without the peer.
    public List<Row> measure(String row, S weft, List<Quantity> quantities, Runner<S> runner)
            throws IOException, InterruptedException {
        return rows(row, weft, Optional.empty(), quantities, runner);
    }

    private List<Row> rows(
            String row, S weft, Optional<S> other, List<Quantity> quantities, Runner<S> runner)
            throws IOException, InterruptedException {
        var ours = new ArrayList<Sample>();
        var theirs = new ArrayList<Sample>();
        for (int turn = 1; turn <= repeat; turn++) {
            String which = "%s, run %d of %d".formatted(row, turn, repeat);
            ours.add(quietly(which, weft, runner));
            if (other.isPresent()) {
                theirs.add(quietly(which, other.get(), runner));
            }
        }
        requireSameResult(row, ours, theirs);
        var rows = new ArrayList<Row>();
        for (int i = 0; i < quantities.size(); i++) {
            Quantity quantity = quantities.get(i);
            Figure figure = figure(ours, i);
            Optional<Row.Peer> peerFigure =
                    theirs.isEmpty()
                            ? Optional.empty()
                            : Optional.of(
                                    new Row.Peer(other.orElseThrow().name(), figure(theirs, i)));
            rows.add(
                    new Row(
                            quantity.name(),
                            quantity.unit(),
                            quantity.better(),
                            figure,
                            peerFigure));
        }
        return rows;
    }

    private static Figure figure(List<Sample> samples, int quantity) {
        return Figure.of(samples.stream().map(sample -> sample.values().get(quantity)).toList());
    }

    private Sample quietly(String which, S side, Runner<S> runner)
            throws IOException, InterruptedException {
        Weighed best = weigh(which, side, runner);
        for (int attempt = 2;
                best.foreignCores() > FOREIGN_CORES_MAX && attempt <= attemptsMax;
                attempt++) {
            Weighed again = weigh(which + ", again", side, runner);
            best = again.foreignCores() < best.foreignCores() ? again : best;
        }
        foreignCoresMax = Math.max(foreignCoresMax, best.foreignCores());
        return best.sample();
    }

    private Weighed weigh(String which, S side, Runner<S> runner)
            throws IOException, InterruptedException {
        var load = new HostLoad(side.servers());
        Sample sample = runner.run(side);
        double foreignCores = load.foreignCores();
        progress.accept(
                String.format(
                        Locale.ROOT,
                        "%s: %s %s (foreign CPU %.2f)",
                        which,
                        side.name(),
                        Figure.digits(sample.values().getFirst()),
                        foreignCores));
        return new Weighed(sample, foreignCores);
    }

    /// Both sides must have done the same: a fast wrong answer is none.
    private static void requireSameResult(String row, List<Sample> ours, List<Sample> theirs)
            throws IOException {
        var all = new ArrayList<>(ours);
        all.addAll(theirs);
        List<String> results = all.stream().map(Sample::result).distinct().toList();
        if (results.size() != 1) {
            throw new IOException(
                    "%s: results differ between runs: %s"
                            .formatted(row, String.join(", ", results)));
        }
    }
}
