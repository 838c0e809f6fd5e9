package weft.ops.cli.vm;

import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.ops.admin.Refusal;
import weft.ops.admin.VmAdmin;
import weft.ops.cli.HostSession;
import weft.runtime.Pause;
import weft.wire.WireMessage;
import weft.wire.console.ConsoleFamily;
import weft.wire.console.ConsoleMessage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/// Talks to a VM's console, wherever the VM is: after a migration it goes on at the new host, where
/// the output is counted anew.
public final class ConsoleClient implements AutoCloseable {
    private static final int RETRY_MILLIS = 200;
    private static final int ANSWER_SECONDS = 20;

    private final String vm;
    private final Supplier<FabricImage> image;
    private final HostSession hosts;
    private Optional<NodeId> host = Optional.empty();
    private long offsetBytes;

    /// @param fromBytes [ConsoleMessage#FROM_START_OF_BACKLOG] or [ConsoleMessage#FROM_NOW]
    public ConsoleClient(String vm, Supplier<FabricImage> image, long fromBytes) {
        this.vm = vm;
        this.image = image;
        offsetBytes = fromBytes;
        hosts = new HostSession("console", new ConsoleFamily(), image);
    }

    /// The next output; empty if there was none for a while. Waits while the VM is between hosts.
    ///
    /// @throws Refusal if the VM does not run
    public byte[] read() throws IOException, InterruptedException {
        Optional<NodeId> found = whereabouts();
        if (found.isEmpty()) {
            Pause.millis(RETRY_MILLIS);
            return new byte[0];
        }
        NodeId at = found.get();
        if (host.isPresent() && !host.get().equals(at)) {
            offsetBytes = ConsoleMessage.FROM_START_OF_BACKLOG;
        }
        host = Optional.of(at);
        switch (ask(at, new ConsoleMessage.Read(vm, offsetBytes))) {
            case ConsoleMessage.Output(var nextOffsetBytes, var bytes) -> {
                offsetBytes = nextOffsetBytes;
                var output = new byte[bytes.remaining()];
                bytes.duplicate().get(output);
                return output;
            }
            default -> {
                // It has just left, or has not arrived yet.
                Pause.millis(RETRY_MILLIS);
                return new byte[0];
            }
        }
    }

    /// Types; waits while the guest's input buffer is full.
    public void write(byte[] input, int lengthBytes) throws IOException, InterruptedException {
        int done = 0;
        while (done < lengthBytes) {
            int length = Math.min(lengthBytes - done, ConsoleMessage.INPUT_BYTES_MAX);
            Optional<NodeId> at = whereabouts();
            int accepted = at.isEmpty() ? 0 : write(at.get(), input, done, length);
            done += accepted;
            if (accepted == 0) {
                Pause.millis(RETRY_MILLIS);
            }
        }
    }

    private int write(NodeId at, byte[] input, int offset, int lengthBytes)
            throws IOException, InterruptedException {
        var message =
                new ConsoleMessage.Write(vm, ByteBuffer.wrap(input, offset, lengthBytes).slice());
        return ask(at, message) instanceof ConsoleMessage.Written(var count) ? count : 0;
    }

    /// The host that runs the VM; empty while it is about to start.
    private Optional<NodeId> whereabouts() {
        VmSpec spec = VmAdmin.find(image.get(), vm);
        VmPlacement placement = VmAdmin.placementOf(image.get(), vm);
        NodeId owner = placement.owner();
        if (owner != null) {
            return Optional.of(owner);
        }
        if (placement.state() == VmPlacement.State.FAILED) {
            throw Refusal.state("VM '%s' could not start: %s", vm, placement.detail());
        }
        if (spec.power() != VmSpec.Power.RUNNING) {
            throw Refusal.state("VM '%s' is stopped: weft vm start %s", vm, vm);
        }
        return Optional.empty();
    }

    private WireMessage ask(NodeId at, ConsoleMessage question)
            throws IOException, InterruptedException {
        try {
            return hosts.request(at, question).get(ANSWER_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (VmAdmin.placementOf(image.get(), vm).owner() instanceof NodeId now
                    && now.equals(at)
                    && image.get().presence(NodePresence.Role.HOST, at).isEmpty()) {
                throw new IOException("host '" + at + "', which runs the VM, is not alive", e);
            }
            return new ConsoleMessage.NotHere(String.valueOf(e.getMessage()));
        } catch (TimeoutException e) {
            throw new IOException("host '" + at + "' does not answer", e);
        }
    }

    @Override
    public void close() {
        hosts.close();
    }
}
