package weft.ops.cli.bench;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;

import org.slf4j.LoggerFactory;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import weft.ops.cli.ExitCode;
import weft.ops.cli.Output;
import weft.ops.cli.ProgressBar;
import weft.runtime.BootClock;
import weft.storage.simulation.FaultSchedule;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.LongFunction;

/// Plays random fault schedules against the pool's own code: `weft bench simulate`.
@Command(
        name = "simulate",
        description = "Play random faults against the pool's code in simulated time.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Replication, catch-up, client and holders run as they do in production, in every",
            "fourth schedule also the stores, on disks that lie; network, disks, clocks and",
            "coordination are simulated. Each seed is a schedule of faults, and always the same",
            "one. A broken promise ends the run with exit code 1 and names its seed.",
            "",
            "Example:",
            "  weft bench simulate --seeds 20000"
        })
public final class BenchSimulate implements Callable<Integer> {
    private static final int SEEDS_MAX = 100_000_000;
    private static final int THREADS_MAX = 256;

    /// Schedules handed out before the oldest is waited for, for each thread.
    private static final int AHEAD = 4;

    @Option(
            names = "--seeds",
            paramLabel = "N",
            defaultValue = "1000",
            description = "Schedules to play (default: ${DEFAULT-VALUE}).")
    private int seeds = 1000;

    @Option(
            names = "--first",
            paramLabel = "SEED",
            defaultValue = "1",
            description = "The first of them (default: ${DEFAULT-VALUE}).")
    private long first = 1;

    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "1",
            description = "At once (default: ${DEFAULT-VALUE}).")
    private int threads = 1;

    @Mixin private Output output = new Output();

    /// What a run found, also as JSON.
    ///
    /// @param faults how many of each kind
    /// @param brokenSeed 0 if no promise was broken
    /// @param broken which was, with the last events; empty if none
    record Found(
            long firstSeed,
            long schedules,
            long operations,
            Map<String, Integer> faults,
            double seconds,
            long brokenSeed,
            String broken) {}

    private final LongFunction<FaultSchedule.Outcome> schedule;
    private final Map<String, Integer> faults = new TreeMap<>();
    private long schedules;
    private long operations;

    /// Plays the real schedules.
    public BenchSimulate() {
        this(seed -> new FaultSchedule(seed).run());
    }

    /// @param schedule plays that of a seed
    BenchSimulate(LongFunction<FaultSchedule.Outcome> schedule) {
        this.schedule = schedule;
    }

    @Override
    public Integer call() throws InterruptedException {
        BenchCpu.checkRange("--seeds", seeds, 1, SEEDS_MAX);
        BenchCpu.checkRange("--threads", threads, 1, THREADS_MAX);
        // That power was cut, or a file is damaged, is no news here.
        List.of("weft.storage.store.Store", "weft.storage.chunk.ChunkCache")
                .forEach(each -> ((Logger) LoggerFactory.getLogger(each)).setLevel(Level.OFF));
        long startNanos = BootClock.SYSTEM.nowNanos();
        long brokenSeed = 0;
        String broken = "";
        try (ProgressBar bar = output.counting("simulating", "schedules", seeds);
                ExecutorService runs = Executors.newFixedThreadPool(threads)) {
            List<Future<FaultSchedule.Outcome>> ahead = new ArrayList<>();
            for (long seed = first; seed < first + seeds && broken.isEmpty(); seed++) {
                for (long next = seed + ahead.size();
                        next < first + seeds && ahead.size() < AHEAD * threads;
                        next++) {
                    long chosen = next;
                    ahead.add(runs.submit(() -> schedule.apply(chosen)));
                }
                try {
                    take(ahead.removeFirst().get());
                    bar.add(1);
                } catch (ExecutionException e) {
                    brokenSeed = seed;
                    broken = String.valueOf(e.getCause());
                }
            }
            ahead.forEach(run -> run.cancel(false));
        }
        double seconds = (BootClock.SYSTEM.nowNanos() - startNanos) / 1e9;
        var found = new Found(first, schedules, operations, faults, seconds, brokenSeed, broken);
        output.result(found, sentence(found));
        return (broken.isEmpty() ? ExitCode.OK : ExitCode.FAILED).value();
    }

    private void take(FaultSchedule.Outcome outcome) {
        schedules++;
        operations += outcome.operations();
        outcome.faults().forEach((kind, count) -> faults.merge(kind, count, Integer::sum));
    }

    private static String sentence(Found found) {
        var text = new StringBuilder();
        text.append(
                String.format(
                        Locale.ROOT,
                        "%d operations in %d schedules from seed %d on, in %.1f s (%.0f and %.1f a"
                                + " second)",
                        found.operations(),
                        found.schedules(),
                        found.firstSeed(),
                        found.seconds(),
                        found.operations() / found.seconds(),
                        found.schedules() / found.seconds()));
        found.faults()
                .forEach((kind, count) ->
                        text.append("\n  ").append(kind).append(": ").append(count));
        if (found.broken().isEmpty()) {
            return text + "\nno promise was broken";
        }
        return text
                + "\nBROKEN by seed %d, replay with: weft bench simulate --seeds 1 --first %d\n%s"
                        .formatted(found.brokenSeed(), found.brokenSeed(), found.broken());
    }
}
