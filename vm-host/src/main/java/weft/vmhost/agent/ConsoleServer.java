package weft.vmhost.agent;

import weft.transport.Caller;
import weft.transport.Endpoint;
import weft.vmhost.device.SerialConsole;
import weft.wire.WireMessage;
import weft.wire.console.ConsoleMessage;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;

/// Serves the consoles of this host's VMs. A read waits on a virtual thread of its own until the
/// guest prints something.
final class ConsoleServer implements Endpoint, AutoCloseable {
    /// An answer without output tells the client that the host is alive.
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private static final int ANSWER_BYTES_MAX = 16 << 10;

    private final Function<String, Optional<SerialConsole>> consoles;
    private final ExecutorService readers = Executors.newVirtualThreadPerTaskExecutor();

    /// @param consoles finds the console of a VM that is here
    ConsoleServer(Function<String, Optional<SerialConsole>> consoles) {
        this.consoles = consoles;
    }

    @Override
    public void onMessage(WireMessage message, Caller caller) {
        switch (message) {
            case ConsoleMessage.Read read -> {
                caller.charge(ANSWER_BYTES_MAX);
                readers.execute(() -> answer(read, caller));
            }
            case ConsoleMessage.Write write -> answer(write, caller);
            default -> caller.fail("not a console's request");
        }
    }

    private void answer(ConsoleMessage.Read read, Caller caller) {
        Optional<SerialConsole> console = consoles.apply(read.vm());
        if (console.isEmpty()) {
            caller.reply(new ConsoleMessage.NotHere("VM '" + read.vm() + "' does not run here"));
            return;
        }
        long position =
                read.offsetBytes() == ConsoleMessage.FROM_NOW
                        ? console.get().outputEnd()
                        : Math.max(0, read.offsetBytes());
        // A client may come from another host, where the VM had printed more.
        position = Math.min(position, console.get().outputEnd());
        var bytes = new byte[ANSWER_BYTES_MAX];
        try {
            SerialConsole.Chunk chunk = console.get().read(position, bytes, PATIENCE);
            caller.reply(
                    new ConsoleMessage.Output(
                            chunk.nextPosition(),
                            ByteBuffer.wrap(bytes, 0, chunk.lengthBytes()).slice()));
        } catch (InterruptedException e) {
            caller.fail("the host is shutting down");
        }
    }

    private void answer(ConsoleMessage.Write write, Caller caller) {
        Optional<SerialConsole> console = consoles.apply(write.vm());
        if (console.isEmpty()) {
            caller.reply(new ConsoleMessage.NotHere("VM '" + write.vm() + "' does not run here"));
            return;
        }
        var bytes = new byte[write.input().remaining()];
        write.input().duplicate().get(bytes);
        caller.reply(new ConsoleMessage.Written(console.get().type(bytes, 0, bytes.length)));
    }

    @Override
    public void close() {
        readers.shutdownNow();
    }
}
