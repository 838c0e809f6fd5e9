package weft.ops.bench.disk;

import java.io.IOException;

/// A store that the pool is compared with. What it starts ends with it.
public interface DiskPeer extends DiskSide, AutoCloseable {
    /// Starts it, with an empty volume; returns when the volume can be used.
    void start(long sizeBytes) throws IOException, InterruptedException;

    /// Ends its processes; also while another thread is starting it, which then fails.
    @Override
    void close();
}
