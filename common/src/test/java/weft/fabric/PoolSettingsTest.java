package weft.fabric;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/// What a record of settings may say: whoever goes by it counts in milliseconds and nanoseconds.
class PoolSettingsTest {
    private static PoolSettings read(String json) throws IOException {
        return FabricJson.read(json.getBytes(StandardCharsets.UTF_8), PoolSettings.class);
    }

    @Test
    void whatNobodySaidIsMissing() throws IOException {
        assertEquals(PoolSettings.NONE, read("{}"));
        assertEquals(60L, read("{\"scrubPeriodSeconds\":60}").scrubPeriodSeconds());
    }

    @Test
    void timesThatCannotBeCountedAreRefused() throws IOException {
        long most = PoolSettings.SECONDS_MAX;
        for (String name :
                new String[] {
                    "scrubPeriodSeconds", "lightScrubPeriodSeconds", "replaceAfterSeconds"
                }) {
            var _ = read("{\"%s\":%d}".formatted(name, most));
            for (long bad : new long[] {-1, most + 1, Long.MAX_VALUE}) {
                assertThrows(
                        IOException.class, () -> read("{\"%s\":%d}".formatted(name, bad)), name);
            }
        }
    }

    @Test
    void movesAreBounded() throws IOException {
        var _ = read("{\"moves\":%d}".formatted(PoolSettings.MOVES_MAX));
        for (long bad : new long[] {0, PoolSettings.MOVES_MAX + 1L, 1L << 33}) {
            assertThrows(IOException.class, () -> read("{\"moves\":%d}".formatted(bad)));
        }
    }
}
