package weft.vmhost.device;

import weft.vmhost.memory.MmioDevice;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;

/// A 16550A serial port with 16-byte FIFOs, as Linux' 8250 driver probes and drives it.
///
/// The transmitter is infinitely fast: what is stored is printed, and the holding register is empty
/// again at once. So the "transmitter empty" interrupt is raised by enabling it and by each store,
/// and withdrawn by reading it (data sheet, table 5: reading IIR resets it). Invariant: the line is
/// high exactly when IIR names an interrupt.
public final class Uart16550 implements MmioDevice, DeviceState {
    /// Bytes of address space.
    public static final long SIZE_BYTES = 0x100;

    private static final int FIFO_BYTES = 16;

    private static final int IER_RECEIVED = 1;
    private static final int IER_TRANSMITTER_EMPTY = 2;
    private static final int IER_LINE_STATUS = 4;
    private static final int IER_MASK = 0x0f;
    private static final int IIR_NONE = 1;
    private static final int IIR_TRANSMITTER_EMPTY = 2;
    private static final int IIR_RECEIVED = 4;
    private static final int IIR_LINE_STATUS = 6;
    private static final int IIR_FIFOS = 0xc0;
    private static final int FCR_ENABLE = 1;
    private static final int FCR_CLEAR_RECEIVER = 2;
    private static final int LCR_DIVISOR = 0x80;
    private static final int MCR_LOOPBACK = 0x10;
    private static final int MCR_MASK = 0x1f;
    private static final int LSR_DATA_READY = 1;
    private static final int LSR_OVERRUN = 2;
    private static final int LSR_TRANSMITTER_EMPTY = 0x60;
    private static final int MSR_CONNECTED = 0xb0;

    private final InterruptLine line;
    private final SerialConsole console;
    private final byte[] fifo = new byte[FIFO_BYTES];
    private int fifoStart;
    private int fifoLength;
    private boolean transmitterEmptyPending;
    private boolean overrun;
    private int interruptEnable;
    private int fifoControl;
    private int lineControl;
    private int modemControl;
    private int scratch;
    private int divisor = 12;

    public Uart16550(InterruptLine line, SerialConsole console) {
        this.line = line;
        this.console = console;
        console.onInput(this::receive);
    }

    /// Fetches what was typed, as far as the FIFO has room; the rest waits in the console.
    private synchronized void receive() {
        refill();
        update();
    }

    private void refill() {
        if ((modemControl & MCR_LOOPBACK) != 0) {
            return;
        }
        int room = (fifoControl & FCR_ENABLE) != 0 ? FIFO_BYTES : 1;
        while (fifoLength < room) {
            int octet = console.takeInput();
            if (octet < 0) {
                return;
            }
            push(octet);
        }
    }

    private void push(int octet) {
        fifo[(fifoStart + fifoLength++) % FIFO_BYTES] = (byte) octet;
    }

    @Override
    public synchronized long load(int offset, int sizeBytes) {
        return sizeBytes == 1 ? loadByte(offset) : 0;
    }

    private int loadByte(int register) {
        boolean divisorLatch = (lineControl & LCR_DIVISOR) != 0;
        return switch (register) {
            case 0 -> divisorLatch ? divisor & 0xff : takeReceived();
            case 1 -> divisorLatch ? divisor >>> 8 : interruptEnable;
            case 2 -> identifyInterrupt();
            case 3 -> lineControl;
            case 4 -> modemControl;
            case 5 -> lineStatus();
            case 6 -> modemStatus();
            case 7 -> scratch;
            default -> 0;
        };
    }

    private int takeReceived() {
        if (fifoLength == 0) {
            return 0;
        }
        int octet = fifo[fifoStart] & 0xff;
        fifoStart = (fifoStart + 1) % FIFO_BYTES;
        fifoLength--;
        refill();
        update();
        return octet;
    }

    private int identifyInterrupt() {
        int cause = interruptCause();
        if (cause == IIR_TRANSMITTER_EMPTY) {
            transmitterEmptyPending = false;
            update();
        }
        return cause | ((fifoControl & FCR_ENABLE) != 0 ? IIR_FIFOS : 0);
    }

    /// By priority: line status, received, transmitter empty.
    private int interruptCause() {
        if (overrun && (interruptEnable & IER_LINE_STATUS) != 0) {
            return IIR_LINE_STATUS;
        }
        if (fifoLength > 0 && (interruptEnable & IER_RECEIVED) != 0) {
            return IIR_RECEIVED;
        }
        if (transmitterEmptyPending && (interruptEnable & IER_TRANSMITTER_EMPTY) != 0) {
            return IIR_TRANSMITTER_EMPTY;
        }
        return IIR_NONE;
    }

    private int lineStatus() {
        int status = LSR_TRANSMITTER_EMPTY;
        if (fifoLength > 0) {
            status |= LSR_DATA_READY;
        }
        if (overrun) {
            status |= LSR_OVERRUN;
            overrun = false;
            update();
        }
        return status;
    }

    /// In loopback the outputs DTR, RTS, OUT1, OUT2 come back as DSR, CTS, RI, DCD (drivers probe
    /// it).
    private int modemStatus() {
        if ((modemControl & MCR_LOOPBACK) == 0) {
            return MSR_CONNECTED;
        }
        return (modemControl & 0x0c) << 4 | (modemControl & 0x02) << 3 | (modemControl & 0x01) << 5;
    }

    @Override
    public synchronized void store(int offset, int sizeBytes, long value) {
        if (sizeBytes != 1) {
            return;
        }
        int octet = (int) value & 0xff;
        boolean divisorLatch = (lineControl & LCR_DIVISOR) != 0;
        switch (offset) {
            case 0 -> {
                if (divisorLatch) {
                    divisor = divisor & 0xff00 | octet;
                } else {
                    transmit(octet);
                }
            }
            case 1 -> {
                if (divisorLatch) {
                    divisor = divisor & 0xff | octet << 8;
                } else {
                    enableInterrupts(octet);
                }
            }
            case 2 -> controlFifo(octet);
            case 3 -> lineControl = octet;
            case 4 -> modemControl = octet & MCR_MASK;
            case 7 -> scratch = octet;
            default -> {}
        }
        update();
    }

    private void transmit(int octet) {
        if ((modemControl & MCR_LOOPBACK) == 0) {
            console.print(octet);
        } else if (fifoLength < FIFO_BYTES) {
            push(octet);
        } else {
            overrun = true;
        }
        transmitterEmptyPending = true;
    }

    private void enableInterrupts(int octet) {
        int before = interruptEnable;
        interruptEnable = octet & IER_MASK;
        if ((interruptEnable & ~before & IER_TRANSMITTER_EMPTY) != 0) {
            transmitterEmptyPending = true;
        }
    }

    private void controlFifo(int octet) {
        boolean switched = ((octet ^ fifoControl) & FCR_ENABLE) != 0;
        fifoControl = octet & 0xc9;
        if (switched || (octet & FCR_CLEAR_RECEIVER) != 0) {
            fifoStart = 0;
            fifoLength = 0;
            overrun = false;
            refill();
        }
    }

    private void update() {
        line.drive(interruptCause() != IIR_NONE);
    }

    /// As after power-on; what was typed stays typed.
    public synchronized void reset() {
        fifoStart = 0;
        fifoLength = 0;
        transmitterEmptyPending = false;
        overrun = false;
        interruptEnable = 0;
        fifoControl = 0;
        lineControl = 0;
        modemControl = 0;
        scratch = 0;
        divisor = 12;
        update();
    }

    @Override
    public String stateName() {
        return "uart";
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public synchronized void capture(DataOutput out) throws IOException {
        out.writeByte(interruptEnable);
        out.writeByte(fifoControl);
        out.writeByte(lineControl);
        out.writeByte(modemControl);
        out.writeByte(scratch);
        out.writeShort(divisor);
        out.writeBoolean(transmitterEmptyPending);
        out.writeBoolean(overrun);
        out.writeByte(fifoLength);
        for (int i = 0; i < fifoLength; i++) {
            out.writeByte(fifo[(fifoStart + i) % FIFO_BYTES]);
        }
    }

    @Override
    public synchronized void restore(DataInput in) throws IOException {
        interruptEnable = in.readUnsignedByte() & IER_MASK;
        fifoControl = in.readUnsignedByte();
        lineControl = in.readUnsignedByte();
        modemControl = in.readUnsignedByte() & MCR_MASK;
        scratch = in.readUnsignedByte();
        divisor = in.readUnsignedShort();
        transmitterEmptyPending = in.readBoolean();
        overrun = in.readBoolean();
        int length = in.readUnsignedByte();
        if (length > FIFO_BYTES) {
            throw new IOException("UART FIFO of " + length + " bytes, at most " + FIFO_BYTES);
        }
        fifoStart = 0;
        fifoLength = length;
        in.readFully(fifo, 0, length);
        update();
    }
}
