package weft.vmhost.memory;

import java.lang.reflect.Field;

/// Unchecked access to host memory by address: the one place where a wrong address ends the JVM.
/// Callers derive every address from a bounds check made by [GuestMemory], or from the TLB whose
/// addends come from such a check.
///
/// The accesses are `sun.misc.Unsafe`'s, which HotSpot makes one machine instruction: in the
/// translator's spike every form of the foreign-memory API cost 1.3 to 2.5 times more. Called
/// directly: through method handles the same instructions come out, but each call is so much
/// bytecode that a loop with two hundred of them exceeds what HotSpot inlines. Should the class
/// leave the JDK, only this file changes.
///
/// Byte order is the host's and the guest's: little-endian, checked at class initialisation.
@SuppressWarnings("removal")
public final class HostMemory {
    private static final sun.misc.Unsafe UNSAFE = unsafe();

    /// Where the first element of a `long[]` stands.
    public static final long FIRST_ELEMENT = sun.misc.Unsafe.ARRAY_LONG_BASE_OFFSET;

    static {
        if (java.nio.ByteOrder.nativeOrder() != java.nio.ByteOrder.LITTLE_ENDIAN) {
            throw new UnsupportedOperationException(
                    "the machine runs on little-endian hosts only; this host is "
                            + java.nio.ByteOrder.nativeOrder());
        }
    }

    private HostMemory() {}

    public static byte getByte(long address) {
        return UNSAFE.getByte(address);
    }

    public static short getShort(long address) {
        return UNSAFE.getShort(address);
    }

    public static int getInt(long address) {
        return UNSAFE.getInt(address);
    }

    public static long getLong(long address) {
        return UNSAFE.getLong(address);
    }

    public static void putByte(long address, byte value) {
        UNSAFE.putByte(address, value);
    }

    public static void putShort(long address, short value) {
        UNSAFE.putShort(address, value);
    }

    public static void putInt(long address, int value) {
        UNSAFE.putInt(address, value);
    }

    public static void putLong(long address, long value) {
        UNSAFE.putLong(address, value);
    }

    /// Sequentially consistent load; naturally aligned.
    public static long getLongVolatile(long address) {
        return UNSAFE.getLongVolatile(null, address);
    }

    /// Sequentially consistent load of 1, 2, 4 or 8 bytes, zero-extended; naturally aligned.
    public static long getVolatile(long address, int sizeBytes) {
        return switch (sizeBytes) {
            case 1 -> UNSAFE.getByteVolatile(null, address) & 0xFFL;
            case 2 -> UNSAFE.getShortVolatile(null, address) & 0xFFFFL;
            case 4 -> UNSAFE.getIntVolatile(null, address) & 0xFFFF_FFFFL;
            case 8 -> UNSAFE.getLongVolatile(null, address);
            default -> throw new IllegalArgumentException("access of " + sizeBytes + " bytes");
        };
    }

    /// Sequentially consistent store of the low 1, 2, 4 or 8 bytes; naturally aligned.
    public static void putVolatile(long address, int sizeBytes, long value) {
        switch (sizeBytes) {
            case 1 -> UNSAFE.putByteVolatile(null, address, (byte) value);
            case 2 -> UNSAFE.putShortVolatile(null, address, (short) value);
            case 4 -> UNSAFE.putIntVolatile(null, address, (int) value);
            case 8 -> UNSAFE.putLongVolatile(null, address, value);
            default -> throw new IllegalArgumentException("access of " + sizeBytes + " bytes");
        }
    }

    public static boolean compareAndSetInt(long address, int expected, int value) {
        return UNSAFE.compareAndSwapInt(null, address, expected, value);
    }

    public static boolean compareAndSetLong(long address, long expected, long value) {
        return UNSAFE.compareAndSwapLong(null, address, expected, value);
    }

    /// An element of an array without a look at its length. Its place is its distance in bytes from
    /// the array object's start: [#FIRST_ELEMENT] is that of the first. The array must be known not
    /// to be null by then, or HotSpot asks for each access.
    public static long getElement(long[] array, long place) {
        return UNSAFE.getLong(array, place);
    }

    public static void putElement(long[] array, long place, long value) {
        UNSAFE.putLong(array, place, value);
    }

    /// A byte of an element, zero-extended; otherwise like [#getElement].
    public static int getElementByte(long[] array, long place) {
        return UNSAFE.getByte(array, place) & 0xFF;
    }

    /// The four bytes of an element that begin here; otherwise like [#getElement].
    public static int getElementInt(long[] array, long place) {
        return UNSAFE.getInt(array, place);
    }

    /// A byte of an element, sign-extended, read each time that the program says so, where it says
    /// so; otherwise like [#getElement].
    public static int getElementByteVolatile(long[] array, long place) {
        return UNSAFE.getByteVolatile(array, place);
    }

    /// Like [#getElementInt], but read each time that the program says so, where it says so.
    public static int getElementIntVolatile(long[] array, long place) {
        return UNSAFE.getIntVolatile(array, place);
    }

    private static sun.misc.Unsafe unsafe() {
        try {
            Field field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
            field.setAccessible(true);
            return (sun.misc.Unsafe) java.util.Objects.requireNonNull(field.get(null));
        } catch (ReflectiveOperationException e) {
            throw new UnsupportedOperationException("this JDK has no sun.misc.Unsafe", e);
        }
    }
}
