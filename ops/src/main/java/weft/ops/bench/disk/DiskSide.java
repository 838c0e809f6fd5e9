package weft.ops.bench.disk;

import weft.ops.bench.Turns;

import java.time.Duration;

/// A store that is measured through NBD: a volume of it, and the processes that serve it.
public interface DiskSide extends Turns.Side {
    /// Where fio finds the volume.
    String uri();

    /// After so long without requests it has written to its files what it still had to.
    Duration drained();
}
