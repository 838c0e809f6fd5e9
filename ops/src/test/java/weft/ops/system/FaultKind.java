package weft.ops.system;

import weft.fixtures.Await;

import java.time.Duration;

/// What is done to a node, or to ZooKeeper, and undone.
enum FaultKind {
    /// SIGKILL; started again when writes go on.
    KILLED {
        @Override
        void befall(FaultyFabric fabric, int node, VolumeChecker checker) throws Exception {
            fabric.kill(node);
            checker.awaitWrites(WRITES_DURING, PATIENCE);
            fabric.start(node);
        }
    },

    /// SIGKILL; who ran it tells the others, and starts it again.
    REPORTED {
        @Override
        void befall(FaultyFabric fabric, int node, VolumeChecker checker) throws Exception {
            fabric.killSupervised(node);
            fabric.awaitReport(node);
            checker.awaitWrites(WRITES_DURING, PATIENCE);
        }
    },

    /// What it writes to its disk does not come back for some seconds.
    STUCK_DISK {
        @Override
        void befall(FaultyFabric fabric, int node, VolumeChecker checker) throws Exception {
            fabric.freezeDisk(node, "-f");
            try {
                checker.awaitWrites(WRITES_DURING, PATIENCE);
            } finally {
                fabric.freezeDisk(node, "-u");
            }
        }
    },

    /// SIGTERM, and started again at once.
    RESTARTED {
        @Override
        void befall(FaultyFabric fabric, int node, VolumeChecker checker) throws Exception {
            fabric.stop(node);
            fabric.start(node);
        }
    },

    /// SIGSTOP; goes on when writes do, and does not know what it missed.
    HANGING {
        @Override
        void befall(FaultyFabric fabric, int node, VolumeChecker checker) throws Exception {
            fabric.signal(node, "STOP");
            try {
                checker.awaitWrites(WRITES_DURING, PATIENCE);
            } finally {
                fabric.signal(node, "CONT");
            }
        }
    },

    /// Its cable is out.
    CUT_OFF {
        @Override
        void befall(FaultyFabric fabric, int node, VolumeChecker checker) throws Exception {
            fabric.cable(node, "down");
            try {
                checker.awaitWrites(WRITES_DURING, PATIENCE);
            } finally {
                fabric.cable(node, "up");
            }
        }
    },

    /// It hears everybody, and nobody hears it.
    MUTE {
        @Override
        void befall(FaultyFabric fabric, int node, VolumeChecker checker) throws Exception {
            fabric.silence(node, "add");
            try {
                checker.awaitWrites(WRITES_DURING, PATIENCE);
            } finally {
                fabric.silence(node, "del");
            }
        }
    },

    /// Others fill its disk down into the reserve: writes are refused until they take less.
    FULL {
        @Override
        void befall(FaultyFabric fabric, int node, VolumeChecker checker) throws Exception {
            fabric.fillDisk(node, FaultyFabric.WITHIN_RESERVE_BYTES);
            try {
                checker.awaitRefusal(PATIENCE);
            } finally {
                fabric.emptyDisk(node);
            }
        }
    },

    /// Others take all of its disk. It is killed then, and started with space.
    OVERFULL {
        @Override
        void befall(FaultyFabric fabric, int node, VolumeChecker checker) throws Exception {
            long refusals = checker.refusals();
            long writes = checker.writes();
            fabric.fillDisk(node, 0);
            try {
                Await.until(
                        "writes are refused, or go on",
                        PATIENCE,
                        () ->
                                checker.refusals() > refusals
                                        || checker.writes() > writes + WRITES_DURING);
                fabric.kill(node);
            } finally {
                fabric.emptyDisk(node);
            }
            fabric.start(node);
        }
    },

    /// ZooKeeper is killed, and started again when writes have gone on without. Groups whose
    /// configuration is being changed in that moment cannot: they wait for ZooKeeper to say whether
    /// it was, and it is not kept away for longer than some seconds.
    ZOOKEEPER {
        @Override
        void befall(FaultyFabric fabric, int node, VolumeChecker checker) throws Exception {
            long goal = checker.writes() + WRITES_DURING;
            long endNanos = System.nanoTime() + AWAY_MAX.toNanos();
            fabric.kill(FaultyFabric.ZOOKEEPER);
            Await.until(
                    "writes go on, or wait for ZooKeeper",
                    PATIENCE,
                    () -> checker.writes() >= goal || System.nanoTime() > endNanos);
            fabric.start(FaultyFabric.ZOOKEEPER);
        }
    };

    static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final Duration AWAY_MAX = Duration.ofSeconds(8);
    private static final int WRITES_DURING = 300;

    /// Does it and undoes it; what it leaves to be healed heals afterwards.
    abstract void befall(FaultyFabric fabric, int node, VolumeChecker checker) throws Exception;

    /// Whether others than the checker must not write meanwhile: they are told that the disk is
    /// full.
    boolean takesSpace() {
        return this == FULL || this == OVERFULL;
    }
}
