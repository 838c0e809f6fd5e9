/// The platform's devices, register by register: interrupt controller, core-local interruptor,
/// serial line, clock, power.
///
/// A device sees guest memory never, and the rest of the machine only through what it is given: an
/// [weft.vmhost.device.InterruptLine], a [weft.vmhost.device.SerialConsole], a source of time.
/// Harts call from their own threads, so each device guards its registers by its own monitor and
/// never waits inside it.
///
/// Reading order: InterruptLine, Plic, Aclint, Uart16550, GoldfishRtc, TestDevice.
@NullMarked
package weft.vmhost.device;

import org.jspecify.annotations.NullMarked;
