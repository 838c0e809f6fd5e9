package weft.vmhost.memory;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Field;

/// Unchecked access to host memory by address: the one place where a wrong address ends the JVM.
/// Callers derive every address from a bounds check made by [GuestMemory], or from the TLB whose
/// addends come from such a check.
///
/// The accesses go to `sun.misc.Unsafe` through constant method handles, which HotSpot inlines to
/// the bare machine instruction: in the translator's spike every form of the foreign-memory API
/// cost 1.3 to 2.5 times more. A handle instead of a direct call, because javac has no way to
/// accept the internal-API warning. Should the class leave the JDK, only this file changes.
///
/// Byte order is the host's and the guest's: little-endian, checked at class initialisation.
public final class HostMemory {
    private static final Object UNSAFE = unsafe();
    private static final MethodHandle GET_BYTE = getter("getByte", byte.class);
    private static final MethodHandle GET_SHORT = getter("getShort", short.class);
    private static final MethodHandle GET_INT = getter("getInt", int.class);
    private static final MethodHandle GET_LONG = getter("getLong", long.class);
    private static final MethodHandle PUT_BYTE = putter("putByte", byte.class);
    private static final MethodHandle PUT_SHORT = putter("putShort", short.class);
    private static final MethodHandle PUT_INT = putter("putInt", int.class);
    private static final MethodHandle PUT_LONG = putter("putLong", long.class);
    private static final MethodHandle GET_BYTE_VOLATILE =
            volatileGetter("getByteVolatile", byte.class);
    private static final MethodHandle GET_SHORT_VOLATILE =
            volatileGetter("getShortVolatile", short.class);
    private static final MethodHandle GET_INT_VOLATILE =
            volatileGetter("getIntVolatile", int.class);
    private static final MethodHandle GET_LONG_VOLATILE =
            volatileGetter("getLongVolatile", long.class);
    private static final MethodHandle PUT_BYTE_VOLATILE =
            volatilePutter("putByteVolatile", byte.class);
    private static final MethodHandle PUT_SHORT_VOLATILE =
            volatilePutter("putShortVolatile", short.class);
    private static final MethodHandle PUT_INT_VOLATILE =
            volatilePutter("putIntVolatile", int.class);
    private static final MethodHandle PUT_LONG_VOLATILE =
            volatilePutter("putLongVolatile", long.class);
    private static final MethodHandle COMPARE_AND_SET_INT =
            compareAndSet("compareAndSwapInt", int.class);
    private static final MethodHandle COMPARE_AND_SET_LONG =
            compareAndSet("compareAndSwapLong", long.class);

    static {
        if (java.nio.ByteOrder.nativeOrder() != java.nio.ByteOrder.LITTLE_ENDIAN) {
            throw new UnsupportedOperationException(
                    "the machine runs on little-endian hosts only; this host is "
                            + java.nio.ByteOrder.nativeOrder());
        }
    }

    private HostMemory() {}

    public static byte getByte(long address) {
        try {
            return (byte) GET_BYTE.invokeExact(address);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public static short getShort(long address) {
        try {
            return (short) GET_SHORT.invokeExact(address);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public static int getInt(long address) {
        try {
            return (int) GET_INT.invokeExact(address);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public static long getLong(long address) {
        try {
            return (long) GET_LONG.invokeExact(address);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public static void putByte(long address, byte value) {
        try {
            PUT_BYTE.invokeExact(address, value);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public static void putShort(long address, short value) {
        try {
            PUT_SHORT.invokeExact(address, value);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public static void putInt(long address, int value) {
        try {
            PUT_INT.invokeExact(address, value);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public static void putLong(long address, long value) {
        try {
            PUT_LONG.invokeExact(address, value);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// Sequentially consistent load of 1, 2, 4 or 8 bytes, zero-extended; naturally aligned.
    public static long getVolatile(long address, int sizeBytes) {
        try {
            return switch (sizeBytes) {
                case 1 -> (byte) GET_BYTE_VOLATILE.invokeExact((Object) null, address) & 0xFFL;
                case 2 -> (short) GET_SHORT_VOLATILE.invokeExact((Object) null, address) & 0xFFFFL;
                case 4 -> (int) GET_INT_VOLATILE.invokeExact((Object) null, address) & 0xFFFF_FFFFL;
                case 8 -> (long) GET_LONG_VOLATILE.invokeExact((Object) null, address);
                default -> throw new IllegalArgumentException("access of " + sizeBytes + " bytes");
            };
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// Sequentially consistent store of the low 1, 2, 4 or 8 bytes; naturally aligned.
    public static void putVolatile(long address, int sizeBytes, long value) {
        try {
            switch (sizeBytes) {
                case 1 -> PUT_BYTE_VOLATILE.invokeExact((Object) null, address, (byte) value);
                case 2 -> PUT_SHORT_VOLATILE.invokeExact((Object) null, address, (short) value);
                case 4 -> PUT_INT_VOLATILE.invokeExact((Object) null, address, (int) value);
                case 8 -> PUT_LONG_VOLATILE.invokeExact((Object) null, address, value);
                default -> throw new IllegalArgumentException("access of " + sizeBytes + " bytes");
            }
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public static boolean compareAndSetInt(long address, int expected, int value) {
        try {
            return (boolean)
                    COMPARE_AND_SET_INT.invokeExact((Object) null, address, expected, value);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public static boolean compareAndSetLong(long address, long expected, long value) {
        try {
            return (boolean)
                    COMPARE_AND_SET_LONG.invokeExact((Object) null, address, expected, value);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    private static RuntimeException impossible(Throwable e) {
        if (e instanceof RuntimeException runtime) {
            throw runtime;
        }
        if (e instanceof Error error) {
            throw error;
        }
        return new IllegalStateException(e);
    }

    private static Object unsafe() {
        try {
            Field field = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe");
            field.setAccessible(true);
            return java.util.Objects.requireNonNull(field.get(null));
        } catch (ReflectiveOperationException e) {
            throw new UnsupportedOperationException("this JDK has no sun.misc.Unsafe", e);
        }
    }

    private static MethodHandle getter(String name, Class<?> type) {
        return bind(name, MethodType.methodType(type, long.class));
    }

    private static MethodHandle putter(String name, Class<?> type) {
        return bind(name, MethodType.methodType(void.class, long.class, type));
    }

    private static MethodHandle volatileGetter(String name, Class<?> type) {
        return bind(name, MethodType.methodType(type, Object.class, long.class));
    }

    private static MethodHandle volatilePutter(String name, Class<?> type) {
        return bind(name, MethodType.methodType(void.class, Object.class, long.class, type));
    }

    private static MethodHandle compareAndSet(String name, Class<?> type) {
        return bind(
                name, MethodType.methodType(boolean.class, Object.class, long.class, type, type));
    }

    private static MethodHandle bind(String name, MethodType type) {
        try {
            return MethodHandles.lookup().findVirtual(UNSAFE.getClass(), name, type).bindTo(UNSAFE);
        } catch (ReflectiveOperationException e) {
            throw new UnsupportedOperationException("sun.misc.Unsafe lacks " + name, e);
        }
    }
}
