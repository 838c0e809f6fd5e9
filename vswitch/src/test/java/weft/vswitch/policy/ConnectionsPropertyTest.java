package weft.vswitch.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import weft.fabric.GroupRule.Direction;
import weft.sim.Seed;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/// The table of connections against one of the JDK's, through growth, removal, ageing and limits.
class ConnectionsPropertyTest {
    private static final int LIMIT = 300;

    /// What the model knows of a connection.
    private static final class Known {
        final int entry;
        Lifetime lifetime;
        long seen;

        Known(int entry, Lifetime lifetime, long seen) {
            this.entry = entry;
            this.lifetime = lifetime;
            this.seen = seen;
        }
    }

    @Test
    void theTableHasWhatAMapHas() {
        for (long seed : Seed.runs(60)) {
            Seed.replayable(seed, () -> play(new Random(seed)));
        }
    }

    private static void play(Random random) {
        var table = new Connections(random.nextLong(), LIMIT);
        Map<Integer, Known> model = new HashMap<>();
        long now = random.nextLong();
        for (int step = 0; step < 3000; step++) {
            now += random.nextInt(200_000_000);
            int name = random.nextInt(random.nextBoolean() ? 1000 : 50);
            FlowKey key = key(name);
            int entry = table.find(key);
            Known known = model.get(name);
            assertEquals(known == null ? Connections.NONE : known.entry, entry);
            switch (random.nextInt(8)) {
                case 0, 1, 2, 3 -> {
                    if (known == null) {
                        add(table, model, name, random, now);
                    } else {
                        touch(table, known, random, now);
                    }
                }
                case 4 -> {
                    if (known != null) {
                        table.remove(entry);
                        model.remove(name);
                    }
                }
                case 5 -> age(table, model, now);
                default -> {}
            }
            assertEquals(model.size(), table.size());
        }
        int listed = 0;
        for (int at = table.next(0); at != Connections.NONE; at = table.next(at + 1)) {
            listed++;
        }
        assertEquals(model.size(), listed);
        for (Known known : Map.copyOf(model).values()) {
            table.remove(known.entry);
        }
        assertEquals(0, table.size());
        assertEquals(Connections.NONE, table.next(0));
    }

    private static FlowKey key(int name) {
        var key = new FlowKey();
        key.localLow = name % 3;
        key.remoteLow = name / 3;
        key.remoteHigh = name % 2;
        key.what = name % 7;
        return key;
    }

    private static void add(
            Connections table, Map<Integer, Known> model, int name, Random random, long now) {
        Lifetime[] all = Lifetime.values();
        Lifetime lifetime = all[random.nextInt(all.length)];
        int entry = table.add(key(name), Direction.OUT, lifetime, now);
        if (model.size() == LIMIT) {
            var victim =
                    model.entrySet().stream()
                            .filter(one -> one.getValue().lifetime.isDispensable)
                            .min((a, b) -> order(a.getValue(), b.getValue()));
            assertEquals(victim.isPresent(), entry != Connections.NONE);
            victim.ifPresent(one -> {
                assertEquals(Connections.NONE, table.find(key(one.getKey())));
                model.remove(one.getKey());
            });
        }
        if (entry != Connections.NONE) {
            model.put(name, new Known(entry, lifetime, now));
        }
    }

    private static int order(Known a, Known b) {
        int byKind = a.lifetime.compareTo(b.lifetime);
        return byKind != 0 ? byKind : Long.compare(a.seen - b.seen, 0);
    }

    private static void touch(Connections table, Known known, Random random, long now) {
        Lifetime[] all = Lifetime.values();
        Lifetime lifetime = random.nextBoolean() ? known.lifetime : all[random.nextInt(all.length)];
        table.touch(known.entry, lifetime, now);
        if (lifetime != known.lifetime || now - known.seen >= Lifetime.GRAIN_NANOS) {
            known.seen = now;
        }
        known.lifetime = lifetime;
    }

    private static void age(Connections table, Map<Integer, Known> model, long now) {
        table.age(now, Integer.MAX_VALUE);
        model.values().removeIf(known -> now - known.seen >= known.lifetime.nanos);
    }
}
