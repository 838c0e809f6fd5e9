package weft.vswitch;

import weft.vswitch.pipeline.PluggedPort;

/// A cable to a port: what frames come by.
sealed interface Line permits PortLine, TapLine {
    /// The port's id.
    String id();

    /// Where its frames come out.
    PluggedPort port();
}
