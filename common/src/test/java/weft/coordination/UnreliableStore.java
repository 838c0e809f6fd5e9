package weft.coordination;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Predicate;

/// A real store behind a bad line: commits that a test names are lost on the way there, on the way
/// back, or delayed. All else passes.
public final class UnreliableStore implements FabricStore {
    private final FabricStore real;
    private final List<Planned> planned = new CopyOnWriteArrayList<>();

    private record Planned(Predicate<List<Change>> which, Line line) {}

    /// What happens to one commit.
    @FunctionalInterface
    public interface Line {
        /// Carries the changes to the real store, or does not, and answers, or does not.
        Outcome carry(FabricStore real, List<Change> changes) throws IOException;
    }

    /// @param real stays the caller's
    public UnreliableStore(FabricStore real) {
        this.real = real;
    }

    /// The next commit of this kind goes over that line; once.
    public void next(Predicate<List<Change>> which, Line line) {
        planned.add(new Planned(which, line));
    }

    /// The commit does not arrive.
    public static Line lost() {
        return (_, _) -> {
            throw new IOException("the store does not answer");
        };
    }

    /// The commit is made, but nobody is told.
    public static Line answerLost() {
        return (real, changes) -> {
            var _ = real.commit(changes);
            throw new IOException("the store's answer was lost");
        };
    }

    /// Commits that write the record, with these words in it.
    public static Predicate<List<Change>> writing(String path, String words) {
        return changes ->
                changes.stream()
                        .anyMatch(change ->
                                change instanceof Change.Set(var at, var data, var _)
                                        && at.equals(path)
                                        && new String(data, java.nio.charset.StandardCharsets.UTF_8)
                                                .contains(words));
    }

    /// Whether all that was planned has happened.
    public boolean isReliableAgain() {
        return planned.isEmpty();
    }

    @Override
    public Outcome commit(List<Change> changes) throws IOException {
        for (Planned plan : planned) {
            if (plan.which().test(changes) && planned.remove(plan)) {
                return plan.line().carry(real, changes);
            }
        }
        return real.commit(changes);
    }

    @Override
    public Optional<Versioned> read(String path) throws IOException {
        return real.read(path);
    }

    @Override
    public List<String> children(String path) throws IOException {
        return real.children(path);
    }

    @Override
    public AutoCloseable watch(String root, Consumer<List<Entry>> listener) throws IOException {
        return real.watch(root, listener);
    }

    @Override
    public Announcement announce(String path, byte[] data) throws IOException {
        return real.announce(path, data);
    }

    @Override
    public Seat standForSeat(String path, String candidate) throws IOException {
        return real.standForSeat(path, candidate);
    }

    /// Leaves the real store open.
    @Override
    public void close() {}
}
