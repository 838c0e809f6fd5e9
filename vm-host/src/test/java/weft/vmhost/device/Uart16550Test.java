package weft.vmhost.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;

class Uart16550Test {
    private final TestLine line = new TestLine();
    private final SerialConsole console = new SerialConsole();
    private final Uart16550 uart = new Uart16550(line, console);

    private void type(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        assertEquals(bytes.length, console.type(bytes, 0, bytes.length));
    }

    private String printed() throws InterruptedException {
        var bytes = new byte[SerialConsole.OUTPUT_BYTES_MAX];
        int length = console.read(0, bytes, Duration.ZERO).lengthBytes();
        return new String(bytes, 0, length, StandardCharsets.US_ASCII);
    }

    @Test
    void whatIsStoredIsPrintedAndTheTransmitterIsEmptyAgain() throws InterruptedException {
        uart.store(0, 1, 'h');
        uart.store(0, 1, 'i');

        assertEquals("hi", printed());
        assertEquals(0x60, uart.load(5, 1));
        assertFalse(line.isHigh());
    }

    @Test
    void enablingTheTransmitterInterruptRaisesItAndReadingItsCauseWithdrawsIt() {
        uart.store(1, 1, 2);
        assertTrue(line.isHigh());
        assertEquals(2, uart.load(2, 1) & 0xf);
        assertFalse(line.isHigh());
        assertEquals(1, uart.load(2, 1) & 0xf);

        uart.store(0, 1, 'x');
        assertTrue(line.isHigh());
    }

    @Test
    void receivedBytesInterruptUntilTheLastIsRead() {
        uart.store(2, 1, 1);
        uart.store(1, 1, 1);
        type("ab");

        assertTrue(line.isHigh());
        assertEquals(4, uart.load(2, 1) & 0xf);
        assertEquals('a', uart.load(0, 1));
        assertTrue(line.isHigh());
        assertEquals('b', uart.load(0, 1));
        assertFalse(line.isHigh());
        assertEquals(0, uart.load(5, 1) & 1);
    }

    @Test
    void moreInputThanTheFifoHoldsWaitsOutsideAndIsNotLost() {
        uart.store(2, 1, 1);
        type("0123456789abcdefghijklmnop");

        var read = new StringBuilder();
        while ((uart.load(5, 1) & 1) != 0) {
            read.append((char) uart.load(0, 1));
        }

        assertEquals("0123456789abcdefghijklmnop", read.toString());
    }

    @Test
    void theDivisorLatchHidesDataAndInterruptEnable() throws InterruptedException {
        uart.store(1, 1, 1);
        uart.store(3, 1, 0x83);
        uart.store(0, 1, 0x34);
        uart.store(1, 1, 0x12);

        assertEquals(0x34, uart.load(0, 1));
        assertEquals(0x12, uart.load(1, 1));
        assertEquals("", printed());

        uart.store(3, 1, 3);
        assertEquals(1, uart.load(1, 1));
    }

    @Test
    void theModemOutputsComeBackInLoopbackAsDriversProbeThem() {
        uart.store(4, 1, 0x10 | 0x0a);

        assertEquals(0x90, uart.load(6, 1) & 0xf0);
    }

    @Test
    void aFullInputQueueTakesNoMore() {
        var bytes = new byte[SerialConsole.INPUT_BYTES_MAX + 100];
        int taken = console.type(bytes, 0, bytes.length);
        taken += console.type(bytes, 0, bytes.length);

        // One more than the queue holds: the UART has taken one already.
        assertEquals(SerialConsole.INPUT_BYTES_MAX + 1, taken);
        assertEquals(0, console.type(bytes, 0, bytes.length));
    }

    @Test
    void aTerminalThatLagsSeesHowMuchItHasLost() throws InterruptedException {
        for (int i = 0; i < SerialConsole.OUTPUT_BYTES_MAX + 10; i++) {
            console.print(i);
        }
        var bytes = new byte[4];

        SerialConsole.Chunk chunk = console.read(0, bytes, Duration.ZERO);

        assertEquals(10, chunk.lostBytes());
        assertEquals(14, chunk.nextPosition());
        assertArrayEquals(new byte[] {10, 11, 12, 13}, bytes);
    }

    @Test
    void registersAndFifoTravelWithTheState() throws IOException {
        uart.store(2, 1, 1);
        uart.store(1, 1, 1);
        uart.store(7, 1, 0x5a);
        type("xyz");
        var bytes = new ByteArrayOutputStream();
        uart.capture(new DataOutputStream(bytes));

        var otherLine = new TestLine();
        var other = new Uart16550(otherLine, new SerialConsole());
        other.restore(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));

        assertTrue(otherLine.isHigh());
        assertEquals(0x5a, other.load(7, 1));
        char[] read = new char[3];
        for (int i = 0; i < 3; i++) {
            read[i] = (char) other.load(0, 1);
        }
        assertTrue(Arrays.equals("xyz".toCharArray(), read));
        assertFalse(otherLine.isHigh());
    }
}
