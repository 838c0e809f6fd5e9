package weft.vswitch.port;

import weft.fabric.MacAddress;

import java.util.Map;

/// A port that is plugged in, as it was at one moment.
///
/// @param drops frames for each reason that there was, named as in metrics
public record PortReport(
        String id,
        String network,
        MacAddress mac,
        PortState state,
        PortCounters counters,
        Map<String, Long> drops) {}
