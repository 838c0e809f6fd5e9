package weft.vmhost.differential;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.vmhost.interpreter.TestedEngine;
import weft.vmhost.memory.HostMemory;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/// The interpreter accesses the guest's memory, its TLB and its own arrays without a look at their
/// bounds. Here it looks, at each access of random programs, and ends as it does otherwise.
/// `-Dweft.seed=N` replays a run.
class CheckedInterpreterTest {
    private static final int RAM_BYTES = 16 << 20;
    private static final int PROGRAMS = 40;
    private static final int ELEMENTS = 400;

    @Test
    void nothingIsAccessedBeyondItsBounds() throws Exception {
        long seed = Long.getLong("weft.seed", 20_261_129);
        Method checked = method("accessesOf");
        byte[] ram = programs(seed);
        byte[] expected = new HartMachine(TestedEngine.INTERPRETER).run(ram);
        byte[] actual = ram.clone();

        long accesses = (long) checked.invoke(null, actual);

        assertEquals(-1, Arrays.mismatch(expected, actual), "seed " + seed);
        assertTrue(accesses >= 100_000, "only " + accesses + " accesses were looked at");
        var seen =
                assertThrows(
                        InvocationTargetException.class,
                        () -> method(checked.getDeclaringClass(), "accessOfNothing").invoke(null));
        assertTrue(seen.getCause() instanceof AssertionError, () -> "" + seen.getCause());
    }

    @Test
    void accessBeyondItsBoundsIsSeen() throws Exception {
        Method outside = method("accessOutside");
        for (int sizeBytes : new int[] {1, 8}) {
            var seen =
                    assertThrows(
                            InvocationTargetException.class, () -> outside.invoke(null, sizeBytes));
            assertTrue(seen.getCause() instanceof AssertionError, () -> "" + seen.getCause());
        }
    }

    private static Method method(String name) throws ReflectiveOperationException {
        return method(new CheckedClasses().loadClass(Within.class.getName()), name);
    }

    private static Method method(Class<?> checked, String name) {
        Method method =
                Arrays.stream(checked.getDeclaredMethods())
                        .filter(it -> it.getName().equals(name))
                        .findFirst()
                        .orElseThrow();
        method.setAccessible(true);
        return method;
    }

    private static byte[] programs(long seed) {
        var random = new SplittableRandom(seed);
        List<RandomProgram> programs = new ArrayList<>();
        TestProgram.Mode[] modes = TestProgram.Mode.values();
        for (int i = 0; i < PROGRAMS; i++) {
            programs.add(
                    RandomProgram.forEngines(random.nextLong(), modes[i % modes.length], ELEMENTS));
        }
        return ProgramImage.of(programs, RAM_BYTES).ram();
    }

    /// What runs among the classes that check.
    static final class Within {
        private Within() {}

        /// Runs what is in this RAM, and leaves there what has become of it.
        static long accessesOf(byte[] ram) throws Exception {
            var machine =
                    new HartMachine(() ->
                            hart -> {
                                CheckedAccess.confineTo(hart);
                                return TestedEngine.INTERPRETER.forMachine().apply(hart);
                            });
            byte[] after = machine.run(ram);
            System.arraycopy(after, 0, ram, 0, ram.length);
            return CheckedAccess.count();
        }

        /// After a run: what neither RAM nor the TLB holds.
        static void accessOfNothing() {
            long _ = HostMemory.getLongVolatile(Long.BYTES);
        }

        /// One byte too far in an array of one element.
        static void accessOutside(int sizeBytes) {
            long[] one = new long[1];
            long place = HostMemory.FIRST_ELEMENT + 9 - sizeBytes;
            long _ =
                    sizeBytes == 1
                            ? HostMemory.getElementByte(one, place)
                            : HostMemory.getElement(one, place);
        }
    }
}
