package weft.ops.bench.net;

import weft.ops.bench.Turns;

import java.io.IOException;
import java.util.OptionalLong;

/// Two stations and what joins them.
interface NetSide extends Turns.Side, AutoCloseable {
    /// Joins them.
    void start() throws IOException, InterruptedException;

    /// Who begins.
    Station from();

    /// Who answers.
    Station to();

    /// The process that forwards; empty if the kernel does.
    OptionalLong forwarder();

    @Override
    void close();
}
