package weft.runtime;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.util.concurrent.Executor;

/// Runs each task on a virtual thread of its own: for calls that block (ZooKeeper, REST), never for
/// data paths. A task that throws is logged.
public final class VirtualThreads implements Executor {
    private static final Logger log = LoggerFactory.getLogger(VirtualThreads.class);

    private final String name;

    /// @param name the threads' name, for people who read stack dumps
    public VirtualThreads(String name) {
        this.name = name;
    }

    @Override
    public void execute(Runnable task) {
        var _ =
                Thread.ofVirtual()
                        .name(name)
                        .start(() -> {
                            try {
                                task.run();
                            } catch (RuntimeException | AssertionError e) {
                                log.error("{}: task failed", name, e);
                            }
                        });
    }
}
