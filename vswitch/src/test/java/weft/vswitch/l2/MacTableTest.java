package weft.vswitch.l2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;

class MacTableTest {
    @Test
    void aTableAnswersAsAHashMapDoes() {
        long seed = Long.getLong("weft.seed", new Random().nextLong());
        System.out.println("MacTableTest -Dweft.seed=" + seed);
        var random = new Random(seed);
        var table = new MacTable<Integer>();
        Map<Long, Integer> model = new HashMap<>();
        for (int step = 0; step < 20_000; step++) {
            long key = random.nextInt(400) * 0x1_0000_0001L;
            if (random.nextInt(3) == 0) {
                table.remove(key);
                model.remove(key);
            } else {
                table.put(key, step);
                model.put(key, step);
            }
            long probe = random.nextInt(400) * 0x1_0000_0001L;
            assertEquals(model.get(probe), table.get(probe), "seed " + seed + " step " + step);
            assertEquals(model.size(), table.size());
        }
    }

    @Test
    void learnedAddressesAgeAndAFloodOfThemIsBounded() {
        var learned = new LearnedMacs<String>();
        learned.learn(1, "a", 0);
        for (int mac = 2; mac < LearnedMacs.ENTRIES_MAX + 100; mac++) {
            learned.learn(mac, "b", 1);
        }
        assertEquals(LearnedMacs.ENTRIES_MAX, learned.size());
        learned.learn(1, "c", 10);
        assertEquals("c", learned.find(1, 10), "a known address moves even if the table is full");
        long later = LearnedMacs.AGEING_NANOS + 5;
        assertNull(learned.find(2, later));
        assertEquals("c", learned.find(1, later));
        learned.age(later);
        assertEquals(1, learned.size());
    }
}
