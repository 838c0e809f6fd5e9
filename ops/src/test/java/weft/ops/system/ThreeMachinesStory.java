package weft.ops.system;

import weft.coordination.FabricPaths;
import weft.fabric.Cluster;
import weft.fabric.FabricImage;
import weft.fabric.NodePresence;
import weft.fixtures.Await;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;
import weft.ops.demo.DemoFailure;
import weft.ops.demo.Narrator;
import weft.ops.demo.Stage;
import weft.ops.demo.Story;
import weft.ops.image.ImageCache;
import weft.ops.image.ImageFiles;
import weft.ops.pool.PoolSession;
import weft.runtime.BootClock;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// Tells the story from inside one of the machines, because the fabric is only reachable there.
///
/// Arguments: ZooKeeper · the image cache's state folder · the command that cuts node3's machine
/// off · the command that joins it again.
final class ThreeMachinesStory {
    private ThreeMachinesStory() {}

    public static void main(String[] arguments) throws Exception {
        List<ImageFiles> images = new ImageCache(Path.of(arguments[1])).list();
        try (FabricSession session = connect(arguments[0]);
                PoolSession pool = awaitComplete(session)) {
            var stage =
                    new CutOffStage(
                            session,
                            pool,
                            List.of(arguments[2].split(" ")),
                            List.of(arguments[3].split(" ")));
            var narrator = new Narrator(new PrintWriter(System.out, true), true, false);
            new Story(narrator, images.getFirst(), stage).tell();
            narrator.summarise();
        } catch (DemoFailure | IOException e) {
            System.out.println("FAILED: " + e.getMessage());
            System.exit(1);
        }
        System.exit(0);
    }

    private static final int ALL_PARTS = Stage.STORAGE_NODES + Stage.HOSTS;

    private static long joined(FabricImage image) {
        return image.presences().values().stream()
                .filter(presence -> presence.role() != NodePresence.Role.CONTROL)
                .count();
    }

    private static FabricSession connect(String zookeeper) {
        long endNanos = BootClock.SYSTEM.nowNanos() + Duration.ofSeconds(60).toNanos();
        while (true) {
            try {
                return FabricSession.open(zookeeper, Duration.ofSeconds(2));
            } catch (CliFailure e) {
                if (BootClock.SYSTEM.nowNanos() > endNanos) {
                    throw e;
                }
            }
        }
    }

    private static PoolSession awaitComplete(FabricSession session) throws Exception {
        var complete =
                session.await(
                        Duration.ofSeconds(120),
                        image -> image.cluster().filter(_ -> joined(image) == ALL_PARTS));
        Cluster cluster =
                complete.orElseThrow(() -> new DemoFailure("the machines have not all joined"));
        Await.until(
                "all placement groups have a configuration",
                () ->
                        session.records().store().children(FabricPaths.PLACEMENT_GROUPS).size()
                                >= 1 << cluster.pgBits());
        return new PoolSession(session.records().store(), session::image);
    }

    /// The third machine loses its cable.
    private record CutOffStage(
            FabricSession session, PoolSession pool, List<String> cut, List<String> join)
            implements Stage {
        @Override
        public int victim() {
            return 3;
        }

        @Override
        public String harm(int storageNode) {
            return "the machine of node" + storageNode + " is cut off from all others";
        }

        @Override
        public void doHarm(int storageNode) throws IOException {
            run(cut);
        }

        @Override
        public void heal(int storageNode) throws IOException {
            run(join);
        }

        private static void run(List<String> command) throws IOException {
            try {
                NamespaceLab.run(command);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted", e);
            }
        }
    }
}
