package weft.vswitch.port;

/// What passed a port since it was plugged.
///
/// @param framesFromDevice what the switch took from the device, dropped or not
/// @param framesToDevice what was handed to the device
/// @param drops what the switch took from the device and did not forward, plus what found the ring
///   full, plus what the port's rules did not let in
public record PortCounters(
        long framesFromDevice,
        long bytesFromDevice,
        long framesToDevice,
        long bytesToDevice,
        long drops) {}
