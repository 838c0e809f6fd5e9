package weft.vmhost.bench;

import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.Test;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/// All of this package, or what `-Dweft.bench=REGEX` names: `mvn -pl vm-host -am test
/// -Dtest=RunBenchmarks -Dsurefire.failIfNoSpecifiedTests=false`.
class RunBenchmarks {
    @Test
    void run() throws Exception {
        var options =
                new OptionsBuilder()
                        .include(System.getProperty("weft.bench", "weft.vmhost.bench"))
                        .forks(1)
                        .jvmArgsAppend("-Xmx1g")
                        .warmupIterations(3)
                        .warmupTime(TimeValue.seconds(1))
                        .measurementIterations(3)
                        .measurementTime(TimeValue.seconds(1))
                        .build();
        assertFalse(new Runner(options).run().isEmpty());
    }
}
