package weft.vswitch.port;

import java.util.Map;

/// What became of all frames: `received == forwarded + answered + drops`, but for drops of copies.
///
/// @param drops frames for each reason that there was, named as in metrics
/// @param tunnelDrops of these, those that came from no port
public record SwitchReport(
        long received,
        long forwarded,
        long answered,
        Map<String, Long> drops,
        Map<String, Long> tunnelDrops) {}
