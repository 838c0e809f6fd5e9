package weft.vmhost.machine;

import weft.vmhost.device.SerialConsole;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.Interrupt;
import weft.vmhost.hart.RemoteFence;
import weft.vmhost.hart.Sleep;
import weft.vmhost.hart.SupervisorCalls;
import weft.vmhost.memory.GuestMemory;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// The supervisor binary interface, version 2.0, as the machine itself offers it to a kernel that
/// was booted without firmware: base, timer, inter-processor interrupts, remote fences, hart
/// states, system reset, debug console, and the calls of version 0.1, which small kernels print and
/// switch off with.
///
/// a7 is the extension, a6 the function; a0 returns an error, a1 a value (chapter 3). Runs on the
/// calling hart's thread.
final class Sbi implements SupervisorCalls {
    // The calls of version 0.1, an extension each (chapter 5); 4 to 7 are those to other harts.
    private static final int LEGACY_SET_TIMER = 0;
    private static final int LEGACY_PUT_CHARACTER = 1;
    private static final int LEGACY_GET_CHARACTER = 2;
    private static final int LEGACY_CLEAR_IPI = 3;
    private static final int LEGACY_SHUTDOWN = 8;

    private static final int BASE = 0x10;
    private static final int TIME = 0x5449_4d45;
    private static final int IPI = 0x73_5049;
    private static final int RFENCE = 0x5246_4e43;
    private static final int HSM = 0x48_534d;
    private static final int SRST = 0x5352_5354;
    private static final int DBCN = 0x4442_434e;

    private static final long SPECIFICATION_VERSION = 2L << 24;

    /// Not registered with RISC-V International; far from the registered ones.
    private static final long IMPLEMENTATION_ID = 0x5745_4654;

    private static final long IMPLEMENTATION_VERSION = 1;

    static final long SUCCESS = 0;
    static final long NOT_SUPPORTED = -2;
    static final long INVALID_PARAMETER = -3;
    static final long INVALID_ADDRESS = -5;
    static final long ALREADY_AVAILABLE = -6;

    /// The longest string written by one call; the kernel goes on with the rest.
    private static final int CONSOLE_BYTES_MAX = 4096;

    /// Types of hart_suspend that are not a platform's own (9.4).
    private static final int SUSPEND_RETENTIVE = 0;

    private static final int SUSPEND_NON_RETENTIVE = 0x8000_0000;

    private static final int A0 = 10;

    /// What a call asks of the machine around the harts.
    interface Board {
        /// All harts, by id.
        List<Hart> allHarts();

        /// Starts a stopped hart in S-mode.
        long startHart(int id, long address, long opaque);

        /// Stops the calling hart.
        void stopHart(int id);

        /// 0 started, 1 stopped, 2 start pending, 4 suspended.
        long hartStatus(int id);

        /// The guest switches itself off; `failure` if it says so itself.
        void powerOff(boolean failure);

        /// The guest starts anew.
        void reboot();
    }

    private final Board board;
    private final SerialConsole console;
    private final GuestMemory memory;

    Sbi(Board board, SerialConsole console, GuestMemory memory) {
        this.board = board;
        this.console = console;
        this.memory = memory;
    }

    private record Result(long error, long value) {
        static Result of(long value) {
            return new Result(SUCCESS, value);
        }

        static Result error(long error) {
            return new Result(error, 0);
        }
    }

    @Override
    public void call(Hart hart) {
        int extension = (int) hart.x(17);
        if (extension >= LEGACY_SET_TIMER && extension <= LEGACY_SHUTDOWN) {
            hart.setX(A0, legacy(extension, hart));
            return;
        }
        int function = (int) hart.x(16);
        Result result =
                switch (extension) {
                    case BASE -> base(function, hart.x(A0));
                    case TIME -> time(function, hart);
                    case IPI -> sendIpi(function, hart);
                    case RFENCE -> remoteFence(function, hart);
                    case HSM -> hartState(function, hart);
                    case SRST -> systemReset(function, hart.x(A0), hart.x(A0 + 1));
                    case DBCN -> debugConsole(function, hart);
                    default -> Result.error(NOT_SUPPORTED);
                };
        hart.setX(A0, result.error());
        hart.setX(A0 + 1, result.value());
    }

    /// The calls of version 0.1 answer in a0 alone. Those to other harts, which name them by a mask
    /// in memory, are not among them.
    private long legacy(int extension, Hart hart) {
        return switch (extension) {
            case LEGACY_SET_TIMER -> time(0, hart).error();
            case LEGACY_PUT_CHARACTER -> {
                console.print((int) hart.x(A0) & 0xff);
                yield SUCCESS;
            }
            case LEGACY_GET_CHARACTER -> console.takeInput();
            case LEGACY_CLEAR_IPI -> {
                hart.setInterrupt(Interrupt.SUPERVISOR_SOFTWARE, false);
                yield SUCCESS;
            }
            case LEGACY_SHUTDOWN -> {
                board.powerOff(false);
                yield SUCCESS;
            }
            default -> NOT_SUPPORTED;
        };
    }

    private static boolean isLegacy(long extension) {
        return extension >= LEGACY_SET_TIMER && extension <= LEGACY_CLEAR_IPI
                || extension == LEGACY_SHUTDOWN;
    }

    private static Result base(int function, long argument) {
        return switch (function) {
            case 0 -> Result.of(SPECIFICATION_VERSION);
            case 1 -> Result.of(IMPLEMENTATION_ID);
            case 2 -> Result.of(IMPLEMENTATION_VERSION);
            case 3 ->
                    Result.of(
                            switch ((int) argument) {
                                case BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN -> 1;
                                default -> isLegacy(argument) ? 1 : 0;
                            });
            // mvendorid, marchid, mimpid: zero means "not implemented", which is always legal.
            case 4, 5, 6 -> Result.of(0);
            default -> Result.error(NOT_SUPPORTED);
        };
    }

    private static Result time(int function, Hart hart) {
        if (function != 0) {
            return Result.error(NOT_SUPPORTED);
        }
        hart.setSupervisorTimer(hart.x(A0));
        return Result.of(0);
    }

    private Result sendIpi(int function, Hart hart) {
        if (function != 0) {
            return Result.error(NOT_SUPPORTED);
        }
        return each(hart.x(A0), hart.x(A0 + 1), Sbi::interrupt);
    }

    private static void interrupt(List<Hart> targets) {
        for (Hart target : targets) {
            target.setInterrupt(Interrupt.SUPERVISOR_SOFTWARE, true);
        }
    }

    /// Address ranges and ASIDs are not looked at: flushing more than asked is always right.
    private Result remoteFence(int function, Hart hart) {
        return switch (function) {
            case 0 -> each(hart.x(A0), hart.x(A0 + 1), RemoteFence.INSTRUCTIONS::on);
            case 1, 2 -> each(hart.x(A0), hart.x(A0 + 1), RemoteFence.TRANSLATIONS::on);
            default -> Result.error(NOT_SUPPORTED);
        };
    }

    @FunctionalInterface
    private interface Deed {
        void to(List<Hart> targets);
    }

    private Result each(long mask, long base, Deed deed) {
        List<Hart> harts = board.allHarts();
        if (base == -1) {
            deed.to(harts);
            return Result.of(0);
        }
        List<Hart> targets = new ArrayList<>(harts.size());
        for (long rest = mask; rest != 0; rest &= rest - 1) {
            long id = base + Long.numberOfTrailingZeros(rest);
            if (id < 0 || id >= harts.size()) {
                return Result.error(INVALID_PARAMETER);
            }
            targets.add(harts.get((int) id));
        }
        deed.to(targets);
        return Result.of(0);
    }

    private Result hartState(int function, Hart hart) {
        long id = hart.x(A0);
        return switch (function) {
            case 0 -> {
                if (id < 0 || id >= board.allHarts().size()) {
                    yield Result.error(INVALID_PARAMETER);
                }
                long address = hart.x(A0 + 1);
                yield !memory.contains(address, 4)
                        ? Result.error(INVALID_ADDRESS)
                        : Result.error(board.startHart((int) id, address, hart.x(A0 + 2)));
            }
            case 1 -> {
                board.stopHart(hart.id());
                yield Result.of(0);
            }
            case 2 ->
                    id < 0 || id >= board.allHarts().size()
                            ? Result.error(INVALID_PARAMETER)
                            : Result.of(board.hartStatus((int) id));
            case 3 -> {
                // The default retentive suspend is a wfi that returns here; there is no other.
                yield switch ((int) id) {
                    case SUSPEND_RETENTIVE -> {
                        hart.waitForInterrupt(Sleep.SUSPENDED);
                        yield Result.of(0);
                    }
                    case SUSPEND_NON_RETENTIVE -> Result.error(NOT_SUPPORTED);
                    default -> Result.error(INVALID_PARAMETER);
                };
            }
            default -> Result.error(NOT_SUPPORTED);
        };
    }

    private Result systemReset(int function, long type, long reason) {
        if (function != 0) {
            return Result.error(NOT_SUPPORTED);
        }
        return switch ((int) type) {
            case 0 -> {
                board.powerOff((int) reason == 1);
                yield Result.of(0);
            }
            case 1, 2 -> {
                board.reboot();
                yield Result.of(0);
            }
            default -> Result.error(INVALID_PARAMETER);
        };
    }

    private Result debugConsole(int function, Hart hart) {
        if (function == 2) {
            console.print((int) hart.x(A0) & 0xff);
            return Result.of(0);
        }
        if (function != 0 && function != 1) {
            return Result.error(NOT_SUPPORTED);
        }
        int length = (int) Math.min(hart.x(A0) & Long.MAX_VALUE, CONSOLE_BYTES_MAX);
        long address = hart.x(A0 + 1);
        if (hart.x(A0 + 2) != 0 || !memory.contains(address, length)) {
            return Result.error(INVALID_PARAMETER);
        }
        if (!memory.isPresent(address, length)) {
            // May do nothing, and is to be called again; a hart does not wait within a call.
            memory.ask(address, length);
            return Result.of(0);
        }
        return Result.of(
                function == 0 ? printString(address, length) : readString(address, length));
    }

    private long printString(long address, int length) {
        ByteBuffer text = ByteBuffer.allocate(length);
        memory.read(address, text);
        for (byte octet : text.array()) {
            console.print(octet & 0xff);
        }
        return length;
    }

    private long readString(long address, int length) {
        int count = 0;
        while (count < length) {
            int octet = console.takeInput();
            if (octet < 0) {
                break;
            }
            memory.store8(address + count, octet);
            count++;
        }
        return count;
    }
}
