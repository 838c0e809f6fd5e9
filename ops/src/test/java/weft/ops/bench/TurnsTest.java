package weft.ops.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

final class TurnsTest {
    private static final Emulator WEFT = new Emulator.Weft(arguments -> arguments, List.of());
    private static final Emulator QEMU = new Emulator.Qemu();
    private static final List<Turns.Quantity> QUANTITIES =
            List.of(
                    new Turns.Quantity("a", "x/s", Row.Better.MORE),
                    new Turns.Quantity("b", "s", Row.Better.LESS));

    private static Turns<Emulator> turns(int repeat) {
        return new Turns<Emulator>(Optional.of(QEMU), repeat, _ -> {});
    }

    @Test
    void weftAndPeerRunInTurns() throws IOException, InterruptedException {
        var order = new ArrayList<String>();
        List<Row> rows =
                turns(2).compare(
                                "row",
                                WEFT,
                                QUANTITIES,
                                emulator -> {
                                    // A busy host repeats a run: the order without repetitions.
                                    if (order.isEmpty()
                                            || !order.getLast().equals(emulator.name())) {
                                        order.add(emulator.name());
                                    }
                                    double value = emulator.name().equals("weft") ? 6 : 3;
                                    return new Turns.Sample(List.of(value, value), "same");
                                });
        assertEquals(List.of("weft", "qemu", "weft", "qemu"), order);
        assertEquals(List.of("a", "b"), rows.stream().map(Row::name).toList());
        assertEquals(Optional.of(2.0), rows.getFirst().ratio());
        assertEquals(Optional.of(0.5), rows.getLast().ratio());
        assertEquals(2, rows.getFirst().weft().n());
    }

    @Test
    void differentResultsAreNoMeasurement() {
        assertThrows(
                IOException.class,
                () ->
                        turns(1).compare(
                                        "row",
                                        WEFT,
                                        QUANTITIES,
                                        emulator ->
                                                new Turns.Sample(
                                                        List.of(1.0, 1.0), emulator.name())));
    }
}
