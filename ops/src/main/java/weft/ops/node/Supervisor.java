package weft.ops.node;

import java.util.concurrent.CountDownLatch;

/// Keeps a process until it is told to stop (SIGTERM, Ctrl-C), and then closes what it runs.
public final class Supervisor {
    private Supervisor() {}

    /// Waits for the end of the process; `close` has run when it comes.
    public static void runUntilStopped(AutoCloseable running) throws InterruptedException {
        closeAtEnd(running).await();
    }

    /// Has `close` run when the process ends, by itself or because it is told to.
    ///
    /// @return open until it has run
    public static CountDownLatch closeAtEnd(AutoCloseable running) {
        var stopped = new CountDownLatch(1);
        var closing =
                new Thread(
                        () -> {
                            try {
                                running.close();
                            } catch (Exception e) {
                                System.err.println("weft: while stopping: " + e);
                            }
                            stopped.countDown();
                        },
                        "shutdown");
        Runtime.getRuntime().addShutdownHook(closing);
        return stopped;
    }
}
