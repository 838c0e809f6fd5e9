package weft.storage.bench;

import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.Test;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/// All of this module, or what `-Dweft.bench=REGEX` names: `mvn -pl storage-node -am test
/// -Dtest='weft.storage.bench.RunBenchmarks' -Dsurefire.failIfNoSpecifiedTests=false`.
class RunBenchmarks {
    @Test
    void run() throws Exception {
        var options =
                new OptionsBuilder()
                        .include(System.getProperty("weft.bench", "weft.storage"))
                        .forks(1)
                        .jvmArgsAppend("-Xmx1g")
                        .warmupIterations(15)
                        .warmupTime(TimeValue.milliseconds(200))
                        .measurementIterations(60)
                        .measurementTime(TimeValue.milliseconds(50))
                        .build();
        var results = new Runner(options).run();
        assertFalse(results.isEmpty());
        // Where other work takes the cores, means and their errors say little: of many short
        // iterations some are undisturbed.
        for (RunResult result : results) {
            var parameters = result.getParams();
            System.out.printf(
                    "%s %s: least %.3f, median %.3f %s%n",
                    parameters.getBenchmark(),
                    parameters.getParamsKeys().stream()
                            .map(key -> key + "=" + parameters.getParam(key))
                            .toList(),
                    result.getPrimaryResult().getStatistics().getMin(),
                    result.getPrimaryResult().getStatistics().getPercentile(50),
                    result.getPrimaryResult().getScoreUnit());
        }
    }
}
