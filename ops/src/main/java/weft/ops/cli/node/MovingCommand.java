package weft.ops.cli.node;

import picocli.CommandLine.Option;

import weft.fabric.PoolStore;
import weft.fabric.PoolStore.State;
import weft.fabric.StoreId;
import weft.ops.admin.CopiesDue;
import weft.ops.admin.NodeAdmin;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;
import weft.ops.cli.ProgressBar;
import weft.runtime.BootClock;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/// A command after which copies move: it shows how far that is, and ends when it is done. Ending
/// the command does not end the work.
abstract class MovingCommand extends StoreCommand {
    private static final long LOOK_MILLIS = 500;

    /// Above what one copy of a full placement group takes. Who waits for nothing is told so.
    private static final Duration STANDSTILL_MAX = Duration.ofMinutes(10);

    @Option(names = "--no-wait", description = "Begin, and do not wait for the end.")
    private boolean noWait;

    /// What is still to be done.
    interface Work {
        long left() throws IOException;
    }

    /// Whether the caller does not want to see the end.
    final boolean isBegunOnly() {
        return noWait;
    }

    /// Waits until every copy that the pool is to have is made, as it is after a change of its
    /// stores, if that is wanted.
    ///
    /// @param changed the stores as the command left them
    final void awaitCopies(FabricSession session, NodeAdmin admin, List<PoolStore> changed)
            throws IOException, InterruptedException {
        if (!noWait) {
            await(
                    admin,
                    changed,
                    "moving",
                    "copies",
                    () -> CopiesDue.of(session.records(), session.image()).left());
        }
    }

    /// Waits until nothing is left, with a bar.
    ///
    /// @param doing for the bar: "draining"
    /// @param counted what is left: "placement groups"
    final void await(
            NodeAdmin admin, List<PoolStore> changed, String doing, String counted, Work work)
            throws IOException, InterruptedException {
        long left = work.left();
        long all = left;
        long least = left;
        long movedNanos = BootClock.SYSTEM.nowNanos();
        if (left == 0) {
            return;
        }
        try (ProgressBar bar = output().counting(doing + " " + node(), counted, all)) {
            while (left > 0) {
                Thread.sleep(LOOK_MILLIS);
                left = work.left();
                all = Math.max(all, left);
                bar.update(all - left, all);
                long nowNanos = BootClock.SYSTEM.nowNanos();
                if (left < least) {
                    least = left;
                    movedNanos = nowNanos;
                } else if (nowNanos - movedNanos > STANDSTILL_MAX.toNanos()) {
                    throw CliFailure.failed(
                            ("%s %s: nothing has moved for %d minutes, with %d %s left; it goes on"
                                            + " by itself when it can: weft pool status")
                                    .formatted(
                                            doing,
                                            subject(changed),
                                            STANDSTILL_MAX.toMinutes(),
                                            left,
                                            counted));
                }
                if (isCalledOff(admin, changed)) {
                    throw CliFailure.failed(
                            "%s %s was called off with %d %s left"
                                    .formatted(doing, subject(changed), left, counted));
                }
            }
        }
    }

    /// Whether another command takes out what this one took in, or the other way round.
    private static boolean isCalledOff(NodeAdmin admin, List<PoolStore> changed)
            throws IOException {
        Set<StoreId> in =
                admin.stores().stream()
                        .filter(store -> store.state() == State.IN)
                        .map(PoolStore::store)
                        .collect(Collectors.toSet());
        return changed.stream()
                .anyMatch(store -> in.contains(store.store()) != (store.state() == State.IN));
    }
}
