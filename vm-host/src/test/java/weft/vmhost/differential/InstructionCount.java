package weft.vmhost.differential;

import weft.vmhost.interpreter.TestedEngine;

import java.util.EnumMap;
import java.util.Map;

/// How many instructions were compared so far, and how long the engines took.
final class InstructionCount {
    private record Sum(long instructions, long millis) {
        Sum plus(Sum more) {
            return new Sum(instructions + more.instructions, millis + more.millis);
        }
    }

    private final Map<TestedEngine, Sum> sums = new EnumMap<>(TestedEngine.class);

    /// The machine's last run has ended as it should.
    void add(TestedEngine engine, HartMachine machine) {
        sums.merge(engine, new Sum(machine.instructions(), machine.millis()), Sum::plus);
    }

    /// Of all engines together.
    long all() {
        return sums.values().stream().mapToLong(Sum::instructions).sum();
    }

    /// Of the engine that has the fewest.
    long least() {
        return sums.values().stream().mapToLong(Sum::instructions).min().orElse(0);
    }

    int engines() {
        return sums.size();
    }

    /// A line for each engine, and one for all.
    String text(String run) {
        var text = new StringBuilder();
        sums.forEach((engine, sum) ->
                text.append(
                        "%s, %s: %,d instructions in %,d ms%n"
                                .formatted(run, engine, sum.instructions, sum.millis)));
        return text.append("%s: %,d instructions compared%n".formatted(run, all())).toString();
    }
}
