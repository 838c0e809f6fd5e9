package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;

import org.slf4j.LoggerFactory;

import java.util.List;

/// What stores report of their chunk files.
final class Reports implements AutoCloseable {
    private final Logger logger = (Logger) LoggerFactory.getLogger("weft.storage.chunk.ChunkCache");
    private final ListAppender<ILoggingEvent> heard = new ListAppender<>();

    void begin() {
        heard.start();
        logger.setLevel(Level.INFO);
        logger.setAdditive(false);
        logger.addAppender(heard);
    }

    void forget() {
        heard.list.clear();
    }

    long count(Level level) {
        return heard.list.stream().filter(event -> event.getLevel() == level).count();
    }

    private List<String> lines() {
        return heard.list.stream()
                .map(event -> event.getLevel() + " " + event.getFormattedMessage())
                .toList();
    }

    void assertNone() {
        assertEquals(List.of(), lines());
    }

    void assertOne(Level level, String... words) {
        assertEquals(1, heard.list.size(), () -> lines().toString());
        assertEquals(level, heard.list.getFirst().getLevel());
        for (String word : words) {
            assertTrue(lines().getFirst().contains(word), () -> lines().toString());
        }
    }

    @Override
    public void close() {
        logger.detachAppender(heard);
        logger.setAdditive(true);
        logger.setLevel(null);
    }
}
